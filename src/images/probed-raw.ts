import type { BlockDevice, Extent } from '../block/device.ts';
import { guard } from '../block/guard.ts';
import { GuestfsError } from '../errors/index.ts';
import { IMAGE_FORMATS, PROBE_BYTES } from './formats.ts';

/**
 * A writable raw image whose format nobody stated. A guest that could write the magic of another format at its start
 * would have the image read as that format the next time, and with it any file of the host that it names as its
 * backing file (the class of CVE-2010-3851): such a write fails with EPERM. Everything else passes through.
 */
export function probedRawDevice(below: BlockDevice, path: string): BlockDevice {
  const guarded = Math.min(PROBE_BYTES, below.size);
  const check = (offset: number, change: (start: Uint8Array) => void): void => {
    if (offset >= guarded) return;
    const start = new Uint8Array(guarded);
    below.readAt(0, start);
    change(start);
    const format = IMAGE_FORMATS.find((known) => known.matches(start));
    if (format === undefined || format.name === 'raw') return;
    throw new GuestfsError(
      'EPERM',
      `${path}: a write at ${offset} would make this disk look like a ${format.name} image, and the format of the ` +
        "drive was probed as raw, not stated. State it: --format=raw (option format: 'raw')",
      { path, offset },
    );
  };
  return guard(
    {
      size: below.size,
      sectorSize: below.sectorSize,
      writable: true,
      readAt: (offset, into) => below.readAt(offset, into),
      writeAt(offset, from) {
        if (offset < guarded) check(offset, (start) => start.set(from.subarray(0, guarded - offset), offset));
        below.writeAt(offset, from);
      },
      zero(offset, length) {
        check(offset, (start) => start.fill(0, offset, offset + length));
        below.zero(offset, length);
      },
      discard(offset, length) {
        check(offset, (start) => start.fill(0, offset, offset + length));
        below.discard(offset, length);
      },
      extents: (offset, length): Iterable<Extent> => below.extents(offset, length),
      flush: () => below.flush(),
      close: () => below.close(),
    },
    path,
  );
}
