import type { BlockDevice, Extent } from '../../block/device.ts';
import { blankRuns } from '../../block/file-blank.ts';
import { roundUp } from '../../bytes/round.ts';
import type { Progress } from '../steps.ts';

const CHUNK = 2 * 1024 * 1024;

/** What is searched for stored zeroes. */
export interface BlankSearch {
  /** What is read. */
  readonly device: Pick<BlockDevice, 'readAt'>;
  /** Parts of it; only those with data are read. */
  readonly extents: Iterable<Extent>;
  /** Bytes of the whole disk. */
  readonly total: number;
  /** Bytes that are given back at least. */
  readonly unit: number;
  /** What is given back begins, and unless it is the disk's end ends, at multiples of this. */
  readonly align: number;
  /** Give a part back. */
  discard(offset: number, length: number): void;
}

/** Give back what is stored and holds zeroes only; returns how many bytes that were. */
export function* discardBlanks(search: BlankSearch): Generator<Progress, number, void> {
  const { device, total, unit, align } = search;
  const chunk = Math.max(CHUNK, align);
  const buffer = new Uint8Array(chunk);
  let zeroBytes = 0;
  for (const { offset, length, kind } of search.extents) {
    if (kind !== 'data') continue;
    const end = offset + length;
    const last = end === total ? end : end - (end % align);
    for (let at = roundUp(offset, align); at < last;) {
      const stop = Math.min(last, at - (at % chunk) + chunk);
      const part = buffer.subarray(0, stop - at);
      device.readAt(at, part);
      for (const run of blankRuns(part, unit)) {
        if (!run.blank) continue;
        search.discard(at + run.at, run.end - run.at);
        zeroBytes += run.end - run.at;
      }
      at = stop;
      yield { position: at, total };
    }
  }
  return zeroBytes;
}
