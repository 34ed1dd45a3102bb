import { UnsupportedError } from '../../../errors/index.ts';

/** Bits of one page. */
const PAGE_BITS = 65536;
/** Bytes that the pages of one set may take. */
const CAP = 128 * 1024 * 1024;

/** A set of numbers as bits, in pages that exist only where a bit is set. */
export class BitPages {
  readonly #pages: (Uint8Array | undefined)[] = [];
  readonly #what: string;
  #bytes = 0;

  constructor(what: string) {
    this.#what = what;
  }

  has(number: number): boolean {
    const page = this.#pages[Math.floor(number / PAGE_BITS)];
    if (page === undefined) return false;
    const bit = number % PAGE_BITS;
    return (page[bit >>> 3]! & (1 << (bit & 7))) !== 0;
  }

  /** Set a bit; true if it was not set. Throws UnsupportedError where the set grows beyond its bound. */
  add(number: number): boolean {
    const index = Math.floor(number / PAGE_BITS);
    let page = this.#pages[index];
    if (page === undefined) {
      this.#bytes += PAGE_BITS / 8;
      if (this.#bytes > CAP) {
        throw new UnsupportedError(
          `${this.#what}: more than ${CAP / 1048576} MiB of bits would be needed; the filesystem is too large to be checked here`,
        );
      }
      page = new Uint8Array(PAGE_BITS / 8);
      this.#pages[index] = page;
    }
    const bit = number % PAGE_BITS;
    const mask = 1 << (bit & 7);
    const fresh = (page[bit >>> 3]! & mask) === 0;
    page[bit >>> 3]! |= mask;
    return fresh;
  }

  /** Bits `[first, first + count)` as a bitmap of `bytes` bytes, and how many are set. */
  copy(first: number, count: number, bytes: number): { bitmap: Uint8Array; set: number } {
    const bitmap = new Uint8Array(bytes);
    let set = 0;
    for (let i = 0; i < count;) {
      const number = first + i;
      const page = this.#pages[Math.floor(number / PAGE_BITS)];
      const left = Math.min(count - i, PAGE_BITS - (number % PAGE_BITS));
      if (page !== undefined) {
        const from = number % PAGE_BITS;
        for (let k = 0; k < left; k++) {
          const bit = from + k;
          if ((page[bit >>> 3]! & (1 << (bit & 7))) === 0) continue;
          bitmap[(i + k) >>> 3]! |= 1 << ((i + k) & 7);
          set++;
        }
      }
      i += left;
    }
    return { bitmap, set };
  }
}
