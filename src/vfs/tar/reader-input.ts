import { CorruptError } from '../../errors/index.ts';
import { BLOCK } from './header.ts';

/** Takes an archive apart that comes in chunks, without copying but where something lies across two of them. */
export class TarInput {
  readonly #chunks: Iterator<Uint8Array>;
  readonly #scratch = new Uint8Array(BLOCK);
  #chunk = new Uint8Array(0);
  #at = 0;
  #before = 0;

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** Bytes that were taken. */
  get position(): number {
    return this.#before + this.#at;
  }

  #next(): boolean {
    while (this.#at === this.#chunk.length) {
      const next = this.#chunks.next();
      if (next.done === true) return false;
      this.#before += this.#chunk.length;
      this.#chunk = next.value as Uint8Array<ArrayBuffer>;
      this.#at = 0;
    }
    return true;
  }

  /**
   * The next block, valid until the next call; undefined where the archive ends. Throws where it ends within one, but
   * fills up the first, so that what is no archive is seen to be none.
   */
  block(): Uint8Array | undefined {
    if (!this.#next()) return undefined;
    if (this.#chunk.length - this.#at >= BLOCK) {
      this.#at += BLOCK;
      return this.#chunk.subarray(this.#at - BLOCK, this.#at);
    }
    const first = this.position === 0;
    for (let filled = 0; filled < BLOCK;) {
      if (first && !this.#next()) return this.#scratch.fill(0, filled);
      const piece = this.piece(BLOCK - filled);
      this.#scratch.set(piece, filled);
      filled += piece.length;
    }
    return this.#scratch;
  }

  /** At least one and at most `most` bytes, valid until the next call. Throws CorruptError at the end. */
  piece(most: number): Uint8Array {
    if (!this.#next()) {
      throw new CorruptError('tar', `the archive ends at byte ${this.position}, in the middle of something`, {
        offset: this.position,
      });
    }
    const start = this.#at;
    this.#at = Math.min(this.#chunk.length, start + most);
    return this.#chunk.subarray(start, this.#at);
  }

  /** All of the next `length` bytes, as memory of their own. */
  take(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const piece = this.piece(length - filled);
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes;
  }

  skip(length: number): void {
    for (let left = length; left > 0;) left -= this.piece(left).length;
  }

  /** Read to the end of what comes, which finds out whether all of it is sound. */
  drain(): void {
    while (this.#next()) this.#at = this.#chunk.length;
  }
}
