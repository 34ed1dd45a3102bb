/** Bytes that wait to be decoded, in one piece of memory. */
export class ByteQueue {
  /** Holds the waiting bytes from {@link start} to {@link end}. */
  bytes = new Uint8Array(64 * 1024);
  start = 0;
  end = 0;
  /** Nothing more will come. */
  ended = false;

  /** Bytes that wait. */
  get length(): number {
    return this.end - this.start;
  }

  /** Append a copy of `chunk`. */
  add(chunk: Uint8Array): void {
    if (this.end + chunk.length > this.bytes.length) {
      const waiting = this.bytes.subarray(this.start, this.end);
      const wanted = waiting.length + chunk.length;
      if (wanted > this.bytes.length) {
        const larger = new Uint8Array(Math.max(wanted, 2 * this.bytes.length));
        larger.set(waiting);
        this.bytes = larger;
      } else this.bytes.copyWithin(0, this.start, this.end);
      this.end = waiting.length;
      this.start = 0;
    }
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** A view of the next `length` bytes, which are taken out; valid until the next {@link add}. */
  take(length: number): Uint8Array {
    const taken = this.bytes.subarray(this.start, this.start + length);
    this.start += length;
    return taken;
  }

  /** A view of the next `length` bytes, which stay; valid until the next {@link add}. */
  peek(length: number): Uint8Array {
    return this.bytes.subarray(this.start, this.start + length);
  }
}
