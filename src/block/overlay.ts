import { GuestfsError } from '../errors/index.ts';
import type { BlockDevice, Extent } from './device.ts';
import { guard } from './guard.ts';

/** Bytes in one block of the overlay. */
const BLOCK = 4096;
/** What a block that is all zeroes is: no memory of its own. */
const ZEROES = new Uint8Array(BLOCK);
/** Blocks that an overlay can name at all; JavaScript's maps end at 2^24. */
const MAX_ENTRIES = 2 ** 22;
/** Bytes of memory an overlay may take where nothing else is said: 1 GiB. */
const DEFAULT_CAPACITY = 2 ** 30;

/** How much an overlay may hold. */
export interface OverlayOptions {
  /** Bytes of memory; writing more fails with ENOSPC. */
  capacity?: number;
}

/**
 * A writable layer in memory over a device that stays untouched: what a read-only session writes to, journal
 * replay included. Dropped at close; closing leaves the device below open. A write beyond the capacity fails with
 * ENOSPC.
 */
export function overlayDevice(below: BlockDevice, name: string, options: OverlayOptions = {}): BlockDevice {
  const most = Math.floor((options.capacity ?? DEFAULT_CAPACITY) / BLOCK);
  const blocks = new Map<number, Uint8Array>();
  /** Blocks with memory of their own. */
  let owned = 0;

  const full = (): GuestfsError =>
    new GuestfsError(
      'ENOSPC',
      `${name}: the temporary overlay of this read-only drive is full: it holds ${owned * BLOCK} bytes in memory ` +
        `and ${blocks.size} changed blocks. Open the drive for writing to change so much`,
    );
  const put = (index: number, block: Uint8Array): void => {
    if (blocks.size >= MAX_ENTRIES && !blocks.has(index)) throw full();
    blocks.set(index, block);
  };
  /** The block with memory of its own; its old content is loaded where `whole` does not replace it. */
  const own = (index: number, whole: boolean): Uint8Array => {
    const old = blocks.get(index);
    if (old !== undefined && old !== ZEROES) return old;
    if (owned >= most) throw full();
    const block = new Uint8Array(BLOCK);
    if (old === undefined && !whole) {
      const start = index * BLOCK;
      below.readAt(start, block.subarray(0, Math.min(BLOCK, below.size - start)));
    }
    put(index, block);
    owned++;
    return block;
  };
  const write = (offset: number, from: Uint8Array): void => {
    for (let done = 0; done < from.length;) {
      const at = (offset + done) % BLOCK;
      const part = Math.min(BLOCK - at, from.length - done);
      const block = own(Math.floor((offset + done) / BLOCK), part === BLOCK);
      block.set(from.subarray(done, done + part), at);
      done += part;
    }
  };
  const zero = (offset: number, length: number): void => {
    // Found out before a million blocks are named in vain.
    if (length / BLOCK > MAX_ENTRIES) throw full();
    for (let done = 0; done < length;) {
      const at = (offset + done) % BLOCK;
      const part = Math.min(BLOCK - at, length - done);
      const index = Math.floor((offset + done) / BLOCK);
      if (part === BLOCK) {
        const old = blocks.get(index);
        if (old !== undefined && old !== ZEROES) owned--;
        put(index, ZEROES);
      } else if (blocks.get(index) !== ZEROES) own(index, false).fill(0, at, at + part);
      done += part;
    }
  };
  return guard(
    {
      size: below.size,
      sectorSize: below.sectorSize,
      writable: true,
      readAt(offset, into) {
        if (blocks.size === 0) {
          below.readAt(offset, into);
          return;
        }
        readThrough(below, blocks, offset, into);
      },
      writeAt: write,
      zero,
      discard: zero,
      extents(offset, length): Iterable<Extent> {
        if (blocks.size === 0) return below.extents(offset, length);
        return overlaid(below, blocks, offset, length);
      },
      flush() {},
      close() {
        blocks.clear();
      },
    },
    name,
  );
}

function readThrough(
  below: BlockDevice,
  blocks: ReadonlyMap<number, Uint8Array>,
  offset: number,
  into: Uint8Array,
): void {
  const end = offset + into.length;
  // Bytes from here to the current block come from below, in one read.
  let plain = offset;
  for (let index = Math.floor(offset / BLOCK); index * BLOCK < end; index++) {
    const block = blocks.get(index);
    if (block === undefined) continue;
    const start = Math.max(offset, index * BLOCK);
    const stop = Math.min(end, (index + 1) * BLOCK);
    if (plain < start) below.readAt(plain, into.subarray(plain - offset, start - offset));
    into.set(block.subarray(start - index * BLOCK, stop - index * BLOCK), start - offset);
    plain = stop;
  }
  if (plain < end) below.readAt(plain, plain === offset ? into : into.subarray(plain - offset));
}

/** Extents of the device below, cut where the overlay has blocks. */
function* overlaid(
  below: BlockDevice,
  blocks: ReadonlyMap<number, Uint8Array>,
  offset: number,
  length: number,
): Iterable<Extent> {
  const end = offset + length;
  const first = Math.floor(offset / BLOCK);
  const last = Math.floor((end - 1) / BLOCK);
  // Walk whichever is shorter: the blocks of the range or the blocks of the overlay.
  const changed =
    last - first < blocks.size
      ? undefined
      : [...blocks.keys()].filter((index) => index >= first && index <= last).sort((a, b) => a - b);
  let at = offset;
  let next = 0;
  while (at < end) {
    let index: number;
    if (changed === undefined) {
      index = Math.floor(at / BLOCK);
      while (index <= last && !blocks.has(index)) index++;
    } else {
      index = changed[next++] ?? last + 1;
    }
    const start = Math.max(at, Math.min(end, index * BLOCK));
    if (start > at) yield* below.extents(at, start - at);
    if (start >= end) return;
    const stop = Math.min(end, (index + 1) * BLOCK);
    yield { offset: start, length: stop - start, kind: blocks.get(index) === ZEROES ? 'zero' : 'data' };
    at = stop;
  }
}
