import { Buffer } from 'node:buffer';

const PAGE = 4096;

/** The content of a model's file: bytes that may have large holes. */
export class SparseContent {
  readonly #pages = new Map<number, Uint8Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  clone(): SparseContent {
    const copy = new SparseContent();
    for (const [page, bytes] of this.#pages) copy.#pages.set(page, bytes.slice());
    copy.#size = this.#size;
    return copy;
  }

  write(offset: number, from: Uint8Array): void {
    for (let done = 0; done < from.length;) {
      const at = offset + done;
      const within = at % PAGE;
      const count = Math.min(PAGE - within, from.length - done);
      const index = (at - within) / PAGE;
      let page = this.#pages.get(index);
      if (page === undefined) this.#pages.set(index, (page = new Uint8Array(PAGE)));
      page.set(from.subarray(done, done + count), within);
      done += count;
    }
    this.#size = Math.max(this.#size, offset + from.length);
  }

  /** Make a range read as zeroes; the size stays. */
  zero(offset: number, length: number): void {
    const end = Math.min(offset + length, this.#size);
    for (const [index, page] of this.#pages) {
      const start = index * PAGE;
      if (start >= end || start + PAGE <= offset) continue;
      page.fill(0, Math.max(0, offset - start), Math.min(PAGE, end - start));
    }
  }

  truncate(size: number): void {
    this.zero(size, this.#size);
    for (const index of this.#pages.keys()) if (index * PAGE >= size) this.#pages.delete(index);
    this.#size = size;
  }

  readAt(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const at = offset + done;
      const within = at % PAGE;
      const count = Math.min(PAGE - within, into.length - done);
      const page = this.#pages.get((at - within) / PAGE);
      if (page === undefined) into.fill(0, done, done + count);
      else into.set(page.subarray(within, within + count), done);
      done += count;
    }
  }

  /**
   * The first place where what `read` gives differs, or -1. `read` fills its argument from an offset; what it does not
   * fill is left out of the comparison by the caller's check of the size.
   */
  differsFrom(read: (offset: number, into: Uint8Array) => void): number {
    const found = Buffer.alloc(Math.min(this.#size, 1 << 20));
    const expected = Buffer.alloc(found.length);
    for (let at = 0; at < this.#size; at += found.length) {
      const count = Math.min(found.length, this.#size - at);
      const a = found.subarray(0, count);
      const b = expected.subarray(0, count);
      read(at, a);
      this.readAt(at, b);
      if (a.equals(b)) continue;
      for (let i = 0; i < count; i++) if (a[i] !== b[i]) return at + i;
    }
    return -1;
  }
}
