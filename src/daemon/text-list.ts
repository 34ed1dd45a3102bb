import { decodeText } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import { TEXT_CAP } from './content.ts';

/** Collects lines for a list of strings, and refuses when they grow beyond what a result may hold. */
export class TextList {
  readonly lines: string[] = [];
  readonly #name: string;
  #bytes = 0;

  /** `name` is the file for the message. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Add the bytes from `start` to `end` as a guest string. Throws EFBIG. */
  add(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#bytes += end - start + 1;
    if (this.#bytes > TEXT_CAP) {
      throw new GuestfsError('EFBIG', `${this.#name}: the result has more than ${TEXT_CAP} bytes`, {
        path: this.#name,
      });
    }
    this.lines.push(decodeText(bytes, start, end));
  }

  /** Add the lines of a text without their ends, which are `\n` or `\r\n`. Throws EFBIG. */
  addLines(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length;) {
      const newline = bytes.indexOf(0x0a, start);
      const end = newline < 0 ? bytes.length : newline;
      const crlf = newline > start && bytes[newline - 1] === 0x0d;
      this.add(bytes, start, crlf ? end - 1 : end);
      start = end + 1;
    }
  }
}
