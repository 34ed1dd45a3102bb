import {
  ATTR_LONG_NAME,
  ATTR_VOLUME_ID,
  DELETED,
  ENTRY,
  Entry,
  LAST_LONG_ENTRY,
  LONG_CHARACTERS,
  LongEntry,
  MAX_LONG_ENTRIES,
} from './layout.ts';
import { longName, shortNameChecksum } from './names.ts';

/** Characters in one part. */
const PART = LONG_CHARACTERS.length;

/**
 * Puts long names together from the entries that precede a short one, last part first. Parts that do not belong
 * together (an order broken, a checksum that differs, a deletion in between) are dropped, and the short name stands.
 */
export class LongNameParser {
  readonly #units = new Uint16Array((MAX_LONG_ENTRIES + 1) * PART);
  /** Number of the part that was taken last; 0 where none is under way. */
  #part = 0;
  #length = 0;
  #checksum = 0;

  /**
   * Take the entry at `at`. Returns undefined where it is no file's entry, the long name that belongs to it, or ''
   * where it is a file's and has only its short name.
   */
  take(bytes: Uint8Array, at: number): string | undefined {
    const attributes = bytes[at + Entry.DIR_Attr]!;
    if (attributes === ATTR_LONG_NAME) {
      this.#takePart(bytes, at);
      return undefined;
    }
    const complete = this.#part === 1;
    this.#part = 0;
    const first = bytes[at]!;
    if (first === 0 || first === DELETED || (attributes & ATTR_VOLUME_ID) !== 0) return undefined;
    if (!complete || shortNameChecksum(bytes, at) !== this.#checksum) return '';
    return longName(this.#units, this.#length);
  }

  #takePart(bytes: Uint8Array, at: number): void {
    const order = bytes[at + LongEntry.LDIR_Ord]!;
    const checksum = bytes[at + LongEntry.LDIR_Chksum]!;
    const number = order & ~LAST_LONG_ENTRY;
    const follows = this.#part > 1 && number === this.#part - 1 && checksum === this.#checksum;
    if (!follows) {
      this.#part = 0;
      if ((order & LAST_LONG_ENTRY) === 0 || number === 0 || number > MAX_LONG_ENTRIES) return;
      this.#checksum = checksum;
      this.#length = number * PART;
    }
    this.#part = number;
    const start = (number - 1) * PART;
    for (let i = 0; i < PART; i++) {
      const from = at + LONG_CHARACTERS[i]!;
      this.#units[start + i] = bytes[from]! | (bytes[from + 1]! << 8);
    }
  }
}

/** True where the entry at `at` is `.` or `..`. */
export function isDots(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 0x2e) return false;
  const from = bytes[at + 1] === 0x2e ? 2 : 1;
  for (let i = from; i < 11; i++) if (bytes[at + i] !== 0x20) return false;
  return at + ENTRY <= bytes.length;
}
