import { GuestfsError } from '../errors/index.ts';
import type { FileContent } from './content.ts';

const CHUNK = 64 * 1024;
/** Bytes a line may have; a longer one is cut into several. */
export const LONGEST_LINE = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * The lines of a file, one after the other, as a range of bytes: `while (lines.next())` read `lines.bytes` from
 * `lines.start` to `lines.end`, where the newline is. The bytes are valid until the next call.
 */
export class LineReader {
  bytes: Uint8Array;
  start = 0;
  end = 0;
  readonly #content: FileContent;
  readonly #what: string;
  readonly #cap: number;
  /** Where the next line begins in `bytes`, and where what was read ends. */
  #from = 0;
  #filled = 0;
  /** Bytes of the file that were read. */
  #offset = 0;

  /** Throws EFBIG naming `what` where the file is larger than `cap` bytes. */
  constructor(content: FileContent, what: string, cap: number) {
    this.#content = content;
    this.#what = what;
    this.#cap = cap;
    this.#check(content.size);
    this.bytes = new Uint8Array(Math.min(CHUNK, content.size + 1));
  }

  /** Step to the next line; false where there is none. */
  next(): boolean {
    let searched = this.#from;
    for (;;) {
      const found = searched < this.#filled ? this.bytes.indexOf(NEWLINE, searched) : -1;
      if (found >= 0 && found < this.#filled) {
        this.start = this.#from;
        this.end = found;
        this.#from = found + 1;
        return true;
      }
      searched = this.#filled - this.#from;
      if (!this.#fill()) break;
    }
    this.start = this.#from;
    this.end = this.#filled;
    this.#from = this.#filled;
    return this.start < this.end;
  }

  /** Move the unended line to the front and read on behind it; false at the end, or where the line is too long. */
  #fill(): boolean {
    this.bytes.copyWithin(0, this.#from, this.#filled);
    this.#filled -= this.#from;
    this.#from = 0;
    if (this.#filled === this.bytes.length) {
      if (this.#filled >= LONGEST_LINE) return false;
      const larger = new Uint8Array(Math.min(LONGEST_LINE, this.bytes.length * 4));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    const got = this.#content.read(this.#offset, this.bytes.subarray(this.#filled));
    this.#offset += got;
    this.#filled += got;
    this.#check(this.#offset);
    return got > 0;
  }

  #check(size: number): void {
    if (size > this.#cap) {
      throw new GuestfsError('EFBIG', `${this.#what} has ${size} bytes, at most ${this.#cap} are read`);
    }
  }
}
