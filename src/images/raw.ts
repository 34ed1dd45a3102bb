import type { BlockDevice, Extent } from '../block/device.ts';
import { guard } from '../block/guard.ts';
import { roundUp } from '../bytes/round.ts';

/**
 * A raw image: the file itself. A disk has whole sectors, so a size that is no multiple of 512 is rounded up and
 * the missing bytes read as zeroes, as QEMU shows such a file to a guest; writes to them are dropped where the
 * file cannot take them.
 */
export function rawDevice(file: BlockDevice, name: string): BlockDevice {
  if (file.size % 512 === 0) return file;
  const { size } = file;
  return guard(
    {
      size: roundUp(size, 512),
      sectorSize: file.sectorSize,
      writable: file.writable,
      readAt(offset, into) {
        const there = Math.max(0, Math.min(into.length, size - offset));
        if (there > 0) file.readAt(offset, into.subarray(0, there));
        into.fill(0, there);
      },
      writeAt(offset, from) {
        const there = Math.max(0, Math.min(from.length, size - offset));
        if (there > 0) file.writeAt(offset, from.subarray(0, there));
      },
      zero(offset, length) {
        const there = Math.max(0, Math.min(length, size - offset));
        if (there > 0) file.zero(offset, there);
      },
      discard(offset, length) {
        const there = Math.max(0, Math.min(length, size - offset));
        if (there > 0) file.discard(offset, there);
      },
      *extents(offset, length): Iterable<Extent> {
        const there = Math.max(0, Math.min(length, size - offset));
        if (there > 0) yield* file.extents(offset, there);
        if (there < length) yield { offset: offset + there, length: length - there, kind: 'hole' };
      },
      flush: () => file.flush(),
      close: () => file.close(),
    },
    name,
  );
}
