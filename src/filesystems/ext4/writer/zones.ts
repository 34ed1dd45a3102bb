import { CorruptError } from '../../../errors/index.ts';
import type { Geometry } from '../superblock.ts';

/**
 * Where the filesystem's own metadata and its journal are. No file may have blocks there, and none may be given any,
 * whatever bitmaps and maps of a damaged or hostile image say: a file's content would go over them.
 */
export class SystemZones {
  readonly #geometry: Geometry;
  /** First blocks and the blocks behind the last ones, unsorted until the first question. */
  #runs: (readonly [first: number, end: number])[] = [];
  #firsts = new Float64Array();
  #ends = new Float64Array();
  #lateRuns: (() => Iterable<readonly [first: number, count: number]>) | undefined;
  /** A gap between zones that was found last. */
  #gapFirst = 0;
  #gapEnd = 0;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  /** Add `count` blocks from `first` on; before the first question. */
  add(first: number, count: number): void {
    if (count > 0) this.#runs.push([first, first + count]);
  }

  /** Runs that are found when the first question is asked. */
  addLater(runs: () => Iterable<readonly [first: number, count: number]>): void {
    this.#lateRuns = runs;
  }

  /** Throws CorruptError where blocks are in a zone; `words` says who has them or may take them. */
  check(first: number, count: number, structure: string, words: () => string): void {
    if (first >= this.#gapFirst && first + count <= this.#gapEnd) return;
    if (this.#firsts.length === 0) this.#build();
    let low = 0;
    let high = this.#firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! > first) high = middle;
      else low = middle + 1;
    }
    const next = low < this.#firsts.length ? this.#firsts[low]! : Infinity;
    if (next < first + count) {
      throw new CorruptError(
        structure,
        `${words()} blocks ${first} to ${first + count - 1}, but the filesystem's own metadata are at ${next} to ${this.#ends[low]! - 1}`,
        { offset: first * this.#geometry.blockSize },
      );
    }
    this.#gapFirst = low === 0 ? 0 : this.#ends[low - 1]!;
    this.#gapEnd = next;
  }

  #build(): void {
    // Finding the journal asks questions too, which the zones so far answer.
    this.#sort();
    const late = this.#lateRuns;
    this.#lateRuns = undefined;
    if (late === undefined) return;
    for (const [first, count] of late()) this.add(first, count);
    this.#sort();
    this.#gapEnd = 0;
  }

  #sort(): void {
    const sorted = this.#runs.toSorted((a, b) => a[0] - b[0]);
    const merged: [number, number][] = [];
    for (const [first, end] of sorted) {
      const last = merged.at(-1);
      if (last !== undefined && first <= last[1]) last[1] = Math.max(last[1], end);
      else merged.push([first, end]);
    }
    this.#runs = merged;
    this.#firsts = Float64Array.from(merged, ([first]) => first);
    this.#ends = Float64Array.from(merged, ([, end]) => end);
  }
}
