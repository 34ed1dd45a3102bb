import type { BlockDevice, Extent } from './device.ts';
import { guard } from './guard.ts';

/** Bytes in one block of the cache. */
const BLOCK = 4096;
/** Reads of at least so many bytes go past the cache. */
const LARGE = 64 * 1024;

/** How much a cache keeps. */
export interface CacheOptions {
  /** Bytes kept at most; default 1 MiB. */
  capacity?: number;
  /** Bytes fetched together when a block is missing; a multiple of 4096, default 16 KiB. */
  readAhead?: number;
}

/**
 * A bounded cache for small reads over a device: superblocks, labels, table entries and whatever else is read in
 * little pieces through many layers. Blocks of 4 KiB, least recently used out first, buffers of evicted runs used
 * again; large reads and all that is written pass through, and writes drop what they touch. Owns the device below
 * and closes it.
 */
export function cacheDevice(below: BlockDevice, name: string, options: CacheOptions = {}): BlockDevice {
  const unit = Math.max(BLOCK, options.readAhead ?? 16 * 1024);
  const most = Math.max(2, Math.floor((options.capacity ?? 1024 * 1024) / unit));
  const runs = new Map<number, Uint8Array>();
  const { size } = below;

  const load = (index: number): Uint8Array => {
    let buffer: Uint8Array | undefined;
    if (runs.size >= most) {
      const [oldest, evicted] = runs.entries().next().value as [number, Uint8Array];
      runs.delete(oldest);
      buffer = evicted;
    }
    buffer ??= new Uint8Array(unit);
    const start = index * unit;
    below.readAt(start, size - start >= unit ? buffer : buffer.subarray(0, size - start));
    return buffer;
  };
  const run = (index: number): Uint8Array => {
    let found = runs.get(index);
    if (found === undefined) found = load(index);
    else runs.delete(index);
    runs.set(index, found);
    return found;
  };
  const drop = (offset: number, length: number): void => {
    if (length === 0) return;
    const first = Math.floor(offset / unit);
    const last = Math.floor((offset + length - 1) / unit);
    if (last - first >= runs.size) {
      for (const index of runs.keys()) if (index >= first && index <= last) runs.delete(index);
    } else for (let index = first; index <= last; index++) runs.delete(index);
  };
  return guard(
    {
      size,
      sectorSize: below.sectorSize,
      writable: below.writable,
      readAt(offset, into) {
        if (into.length >= LARGE) {
          below.readAt(offset, into);
          return;
        }
        for (let done = 0; done < into.length;) {
          const at = (offset + done) % unit;
          const part = Math.min(unit - at, into.length - done);
          into.set(run(Math.floor((offset + done) / unit)).subarray(at, at + part), done);
          done += part;
        }
      },
      writeAt(offset, from) {
        drop(offset, from.length);
        below.writeAt(offset, from);
      },
      zero(offset, length) {
        drop(offset, length);
        below.zero(offset, length);
      },
      discard(offset, length) {
        drop(offset, length);
        below.discard(offset, length);
      },
      extents: (offset, length): Iterable<Extent> => below.extents(offset, length),
      flush: () => below.flush(),
      close() {
        runs.clear();
        below.close();
      },
    },
    name,
  );
}
