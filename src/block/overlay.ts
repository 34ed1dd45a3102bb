import type { BlockDevice, Extent } from './device.ts';
import { guard } from './guard.ts';

/** Bytes in one block of the overlay. */
const BLOCK = 4096;

/**
 * A writable layer in memory over a device that stays untouched: what a read-only session writes to, journal
 * replay included. Dropped at close; closing leaves the device below open.
 */
export function overlayDevice(below: BlockDevice, name: string): BlockDevice {
  const blocks = new Map<number, Uint8Array>();
  const load = (index: number): Uint8Array => {
    let block = blocks.get(index);
    if (block === undefined) {
      block = new Uint8Array(BLOCK);
      const start = index * BLOCK;
      below.readAt(start, block.subarray(0, Math.min(BLOCK, below.size - start)));
      blocks.set(index, block);
    }
    return block;
  };
  const write = (offset: number, length: number, from: Uint8Array | undefined): void => {
    for (let done = 0; done < length;) {
      const at = (offset + done) % BLOCK;
      const part = Math.min(BLOCK - at, length - done);
      const block = load(Math.floor((offset + done) / BLOCK));
      if (from === undefined) block.fill(0, at, at + part);
      else block.set(from.subarray(done, done + part), at);
      done += part;
    }
  };
  return guard(
    {
      size: below.size,
      sectorSize: below.sectorSize,
      writable: true,
      readAt(offset, into) {
        below.readAt(offset, into);
        if (blocks.size === 0) return;
        const first = Math.floor(offset / BLOCK);
        const last = Math.floor((offset + into.length - 1) / BLOCK);
        for (let index = first; index <= last; index++) {
          const block = blocks.get(index);
          if (block === undefined) continue;
          const start = Math.max(offset, index * BLOCK);
          const end = Math.min(offset + into.length, (index + 1) * BLOCK);
          into.set(block.subarray(start - index * BLOCK, end - index * BLOCK), start - offset);
        }
      },
      writeAt: (offset, from) => write(offset, from.length, from),
      zero: (offset, length) => write(offset, length, undefined),
      discard: (offset, length) => write(offset, length, undefined),
      extents(offset, length): Iterable<Extent> {
        if (blocks.size === 0) return below.extents(offset, length);
        return [{ offset, length, kind: 'data' }];
      },
      flush() {},
      close() {
        blocks.clear();
      },
    },
    name,
  );
}
