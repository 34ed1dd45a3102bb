import type { BlockDevice, Extent } from '../../../block/device.ts';
import { guard } from '../../../block/guard.ts';
import { GuestfsError } from '../../../errors/index.ts';

/** Segment type `zero`: reads as zeroes, and what is written to it is lost. */
export function zeroDevice(size: number, name: string): BlockDevice {
  return guard(
    {
      size,
      sectorSize: 512,
      writable: true,
      readAt: (_offset, into) => void into.fill(0),
      writeAt() {},
      zero() {},
      discard() {},
      extents: (offset, length): Iterable<Extent> => [{ offset, length, kind: 'zero' }],
      flush() {},
      close() {},
    },
    name,
  );
}

/** A device every access to which fails with EIO and `reason`: segment type `error`, an overfull snapshot. */
export function errorDevice(size: number, name: string, reason: string): BlockDevice {
  const fail = (offset: number): never => {
    throw new GuestfsError('EIO', `${name}: ${reason}`, { device: name, offset });
  };
  return guard(
    {
      size,
      sectorSize: 512,
      writable: true,
      readAt: fail,
      writeAt: fail,
      zero: fail,
      discard: fail,
      extents: (offset, length): Iterable<Extent> => [{ offset, length, kind: 'data' }],
      flush() {},
      close() {},
    },
    name,
  );
}
