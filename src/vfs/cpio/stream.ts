import { CorruptError } from '../../errors/index.ts';

/** Bytes of a stream of chunks, taken in pieces of any size. Chunks are copied where they are kept. */
export class ChunkReader {
  readonly #chunks: Iterator<Uint8Array>;
  #current: Uint8Array = new Uint8Array(0);
  #at = 0;
  #position = 0;

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position;
  }

  /** Up to `length` bytes that come next, less only at the end; they stay where they are. */
  peek(length: number): Uint8Array {
    while (this.#current.length - this.#at < length) {
      const next = this.#chunks.next();
      if (next.done) break;
      const left = this.#current.subarray(this.#at);
      const joined = new Uint8Array(left.length + next.value.length);
      joined.set(left);
      joined.set(next.value, left.length);
      this.#current = joined;
      this.#at = 0;
    }
    return this.#current.subarray(this.#at, this.#at + length);
  }

  /** Exactly `length` bytes, in memory of their own. Throws EUCLEAN where the stream ends before. */
  take(length: number, what: string): Uint8Array {
    const bytes = new Uint8Array(length);
    let filled = 0;
    this.#each(length, what, (part) => {
      bytes.set(part, filled);
      filled += part.length;
    });
    return bytes;
  }

  /** Throws EUCLEAN where the stream ends before. */
  skip(length: number, what: string): void {
    this.#each(length, what, () => {});
  }

  /** What is left, chunk by chunk; nothing else may be called after it. */
  *rest(): Generator<Uint8Array, void, void> {
    if (this.#at < this.#current.length) yield this.#current.subarray(this.#at);
    for (let next = this.#chunks.next(); !next.done; next = this.#chunks.next()) yield next.value;
  }

  #each(length: number, what: string, use: (part: Uint8Array) => void): void {
    for (let left = length; left > 0;) {
      if (this.#at === this.#current.length) {
        const next = this.#chunks.next();
        if (next.done) {
          throw new CorruptError(what, `the data end ${left} bytes too early`, { offset: this.#position });
        }
        this.#current = next.value;
        this.#at = 0;
        continue;
      }
      const part = Math.min(left, this.#current.length - this.#at);
      use(this.#current.subarray(this.#at, this.#at + part));
      this.#at += part;
      this.#position += part;
      left -= part;
    }
  }
}
