/** Reads bits, the highest first, from a view of the queue. */
export class BitReader {
  bytes: Uint8Array = new Uint8Array(0);
  /** Next byte to take. */
  at = 0;
  #buffer = 0;
  #count = 0;

  /** Next `count` bits, at most 24. Past the end zeroes are read; {@link overrun} tells. */
  bits(count: number): number {
    while (this.#count < count) {
      this.#buffer = ((this.#buffer << 8) | (this.bytes[this.at] ?? 0)) & 0x7fffffff;
      this.at++;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#buffer >>> this.#count) & ((1 << count) - 1);
  }

  get overrun(): boolean {
    return this.at > this.bytes.length;
  }

  /** Drop bits up to the next byte. */
  align(): void {
    this.#count = 0;
  }
}
