/**
 * Blocks that are taken, as sorted runs: a filesystem of a hundred terabytes has a hundred thousand of them, its
 * bitmaps would be gigabytes.
 */
export class UsedSpace {
  #starts: number[] = [];
  #ends: number[] = [];

  /** Index of the first run that ends after `block`. */
  #find(block: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Take a run of blocks; parts of it may be taken already. */
  add(start: number, count: number): void {
    if (count <= 0) return;
    let end = start + count;
    const from = this.#find(start - 1);
    let to = from;
    while (to < this.#starts.length && this.#starts[to]! <= end) to++;
    const first = from < to ? Math.min(start, this.#starts[from]!) : start;
    if (from < to) end = Math.max(end, this.#ends[to - 1]!);
    if (to - from === 1) {
      this.#starts[from] = first;
      this.#ends[from] = end;
    } else {
      this.#starts.splice(from, to - from, first);
      this.#ends.splice(from, to - from, end);
    }
  }

  /** True if none of the blocks is taken. */
  isFree(start: number, count: number): boolean {
    const index = this.#find(start);
    return index === this.#starts.length || this.#starts[index]! >= start + count;
  }

  /** The first free run at or after `from` and before `limit`; its length ends at `limit`. Undefined if none. */
  freeRun(from: number, limit: number): { start: number; count: number } | undefined {
    let start = from;
    for (let index = this.#find(start); start < limit; index++) {
      const next = Math.min(this.#starts[index] ?? limit, limit);
      if (next > start) return { start, count: next - start };
      start = this.#ends[index]!;
    }
    return undefined;
  }

  /** First block of the first free run of `count` blocks in a range, or -1. */
  fit(from: number, limit: number, count: number): number {
    let at = from;
    for (;;) {
      const run = this.freeRun(at, limit);
      if (run === undefined) return -1;
      if (run.count >= count) return run.start;
      at = run.start + run.count;
    }
  }

  /** Call back for the taken runs of a range, clipped to it. */
  runs(from: number, limit: number, each: (start: number, end: number) => void): void {
    for (let index = this.#find(from); index < this.#starts.length; index++) {
      const start = this.#starts[index]!;
      if (start >= limit) return;
      each(Math.max(start, from), Math.min(this.#ends[index]!, limit));
    }
  }

  /** Taken blocks of a range. */
  count(from: number, limit: number): number {
    let total = 0;
    this.runs(from, limit, (start, end) => {
      total += end - start;
    });
    return total;
  }

  /** Widen every run to whole clusters of `ratio` blocks. */
  roundToClusters(ratio: number): void {
    const starts = this.#starts;
    const ends = this.#ends;
    this.#starts = [];
    this.#ends = [];
    for (let index = 0; index < starts.length; index++) {
      const start = Math.floor(starts[index]! / ratio) * ratio;
      const end = Math.ceil(ends[index]! / ratio) * ratio;
      const last = this.#ends.length - 1;
      if (last >= 0 && this.#ends[last]! >= start) this.#ends[last] = Math.max(end, this.#ends[last]!);
      else {
        this.#starts.push(start);
        this.#ends.push(end);
      }
    }
  }
}
