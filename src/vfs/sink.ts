/** Where a stream that is made here goes. The chunk is taken over or copied when this returns. */
export interface Sink {
  write(chunk: Uint8Array): void;
}

/** Size of the one buffer that a stream is gathered in. */
const BUFFER_BYTES = 256 * 1024;

/**
 * The output of an archive: everything is put together in one buffer, file content read straight into it, and
 * handed on when it is full.
 */
export class ArchiveOutput {
  readonly #sink: Sink;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #flushed = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Bytes written so far. */
  get position(): number {
    return this.#flushed + this.#used;
  }

  /** Zeroed room for `length` bytes, at most the size of a block or two, to be filled before the next call. */
  room(length: number): Uint8Array {
    if (this.#used + length > BUFFER_BYTES) this.flush();
    const part = this.#buffer.subarray(this.#used, this.#used + length);
    part.fill(0);
    this.#used += length;
    return part;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#used === BUFFER_BYTES) this.flush();
      const length = Math.min(bytes.length - at, BUFFER_BYTES - this.#used);
      this.#buffer.set(length === bytes.length ? bytes : bytes.subarray(at, at + length), this.#used);
      this.#used += length;
      at += length;
    }
  }

  /**
   * Exactly `size` bytes that `read` fills in pieces: it gets the offset and where to put the bytes, and returns
   * how many it had. Where it runs dry too early the rest is zeroes. `each` is called with every piece.
   */
  content(
    size: number,
    read: (offset: number, into: Uint8Array) => number,
    each: (piece: Uint8Array) => void = () => {},
  ): void {
    for (let at = 0; at < size;) {
      if (this.#used === BUFFER_BYTES) this.flush();
      const into = this.#buffer.subarray(this.#used, Math.min(BUFFER_BYTES, this.#used + size - at));
      const got = read(at, into);
      if (got === 0) {
        each(into.fill(0));
        this.#used += into.length;
        at += into.length;
        continue;
      }
      each(got === into.length ? into : into.subarray(0, got));
      this.#used += got;
      at += got;
    }
  }

  /** Zeroes up to the next multiple of `alignment`. */
  align(alignment: number): void {
    const over = this.position % alignment;
    if (over > 0) this.zeroes(alignment - over);
  }

  zeroes(length: number): void {
    for (let left = length; left > 0;) {
      if (this.#used === BUFFER_BYTES) this.flush();
      const part = Math.min(left, BUFFER_BYTES - this.#used);
      this.#buffer.fill(0, this.#used, this.#used + part);
      this.#used += part;
      left -= part;
    }
  }

  flush(): void {
    if (this.#used === 0) return;
    this.#sink.write(this.#used === BUFFER_BYTES ? this.#buffer : this.#buffer.subarray(0, this.#used));
    this.#flushed += this.#used;
    this.#used = 0;
  }
}
