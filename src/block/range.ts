import { GuestfsError } from '../errors/index.ts';
import type { BlockDevice, Extent } from './device.ts';
import { guard } from './guard.ts';

/**
 * A part of another device: a partition. Throws EINVAL where the part does not lie within it. Closing the part
 * leaves the device below open.
 */
export function rangeDevice(below: BlockDevice, start: number, size: number, name: string): BlockDevice {
  if (start < 0 || size < 0 || start > below.size - size) {
    throw new GuestfsError(
      'EINVAL',
      `${name}: ${size} bytes at ${start} are not within the device of ${below.size} bytes`,
      { offset: start },
    );
  }
  return guard(
    {
      size,
      sectorSize: below.sectorSize,
      writable: below.writable,
      readAt: (offset, into) => below.readAt(start + offset, into),
      writeAt: (offset, from) => below.writeAt(start + offset, from),
      zero: (offset, length) => below.zero(start + offset, length),
      discard: (offset, length) => below.discard(start + offset, length),
      *extents(offset, length): Iterable<Extent> {
        for (const extent of below.extents(start + offset, length)) {
          yield { offset: extent.offset - start, length: extent.length, kind: extent.kind };
        }
      },
      flush: () => below.flush(),
      close() {},
    },
    name,
  );
}
