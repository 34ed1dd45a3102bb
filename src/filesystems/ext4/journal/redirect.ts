import type { BlockDevice, Extent } from '../../../block/device.ts';
import { guard } from '../../../block/guard.ts';
import { JBD2_MAGIC } from './layout.ts';
import type { Replay } from './recover.ts';

/**
 * The device as it is after the journal's replay: blocks that the log wrote are read from where they lie in the
 * journal. So a replay of any size takes a few bytes of memory per block, and the device below stays as it is.
 * Read-only; closing leaves the device below open.
 */
export function replayedDevice(below: BlockDevice, replay: Replay, blockSize: number): BlockDevice {
  const { blocks, escaped } = replay;
  let lowest = Infinity;
  let highest = -1;
  for (const block of blocks.keys()) {
    lowest = Math.min(lowest, block);
    highest = Math.max(highest, block);
  }
  return guard(
    {
      size: below.size,
      sectorSize: below.sectorSize,
      writable: false,
      readAt(offset, into) {
        const first = Math.max(lowest, Math.floor(offset / blockSize));
        const last = Math.min(highest, Math.floor((offset + into.length - 1) / blockSize));
        let from = offset;
        for (let block = first; block <= last; block++) {
          const target = blocks.get(block);
          if (target === undefined) continue;
          const start = Math.max(offset, block * blockSize);
          const end = Math.min(offset + into.length, (block + 1) * blockSize);
          if (start > from) below.readAt(from, into.subarray(from - offset, start - offset));
          const part = into.subarray(start - offset, end - offset);
          const within = start - block * blockSize;
          below.readAt(target * blockSize + within, part);
          if (escaped.has(block)) restoreMagic(part, within);
          from = end;
        }
        const end = offset + into.length;
        if (end > from) below.readAt(from, into.subarray(from - offset));
      },
      writeAt() {},
      zero() {},
      discard() {},
      extents(offset, length): Iterable<Extent> {
        return [{ offset, length, kind: 'data' }];
      },
      flush() {},
      close() {},
    },
    'ext4 filesystem after journal replay',
  );
}

/** Put back those of the first four bytes that a part of the block beginning at `within` holds. */
function restoreMagic(part: Uint8Array, within: number): void {
  for (let i = within; i < 4 && i - within < part.length; i++)
    part[i - within] = (JBD2_MAGIC >>> (24 - i * 8)) & 0xff;
}
