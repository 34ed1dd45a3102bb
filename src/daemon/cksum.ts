import { zlib } from '../compression/node-zlib.ts';

/**
 * The checksum of cksum(1): CRC-32 of POSIX (XCU cksum), polynomial 0x04c11db7, most significant bit first, over the
 * bytes and then their number, complemented.
 *
 * zlib's CRC-32 has the same polynomial but takes the least significant bit first. With the bits of every byte turned
 * around before, and those of the result after, it computes this one, several times faster than JavaScript would.
 */
export class Cksum {
  /** zlib's register, complemented as zlib gives and takes it. */
  #crc = 0xffffffff;
  #length = 0;
  #scratch = new Int32Array(0);

  update(bytes: Uint8Array): this {
    this.#add(bytes);
    this.#length += bytes.length;
    return this;
  }

  /** The checksum as a decimal number. */
  digest(): string {
    const length: number[] = [];
    for (let rest = this.#length; rest > 0; rest = Math.floor(rest / 256)) length.push(rest % 256);
    this.#add(Uint8Array.from(length));
    const register = this.#crc ^ -1;
    let turned = 0;
    for (let bit = 0; bit < 32; bit++) turned |= ((register >>> bit) & 1) << (31 - bit);
    return String(~turned >>> 0);
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const words = (bytes.length + 3) >> 2;
    if (this.#scratch.length < words) this.#scratch = new Int32Array(words);
    const scratch = this.#scratch;
    const turned = new Uint8Array(scratch.buffer, 0, bytes.length);
    turned.set(bytes);
    for (let i = 0; i < words; i++) {
      let word = scratch[i] as number;
      word = ((word >>> 1) & 0x55555555) | ((word & 0x55555555) << 1);
      word = ((word >>> 2) & 0x33333333) | ((word & 0x33333333) << 2);
      scratch[i] = ((word >>> 4) & 0x0f0f0f0f) | ((word & 0x0f0f0f0f) << 4);
    }
    this.#crc = zlib().crc32(turned, this.#crc);
  }
}
