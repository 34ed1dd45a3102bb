import { chunksOf, type Content } from './content.ts';
import type { ActionContext } from './context.ts';
import { TextList } from './text-list.ts';

/** strings(1) -e: 7-bit, 8-bit, 16-bit and 32-bit characters, big- and little-endian. */
const ENCODINGS = {
  s: { width: 1, little: true, high: 0x7f },
  S: { width: 1, little: true, high: 0xff },
  b: { width: 2, little: false, high: 0x7f },
  l: { width: 2, little: true, high: 0x7f },
  B: { width: 4, little: false, high: 0x7f },
  L: { width: 4, little: true, high: 0x7f },
} as const;

/** A letter of strings(1) -e. */
export type StringsEncoding = keyof typeof ENCODINGS;

/** Whether a letter is one of strings(1) -e. */
export function isStringsEncoding(letter: string): letter is StringsEncoding {
  return Object.hasOwn(ENCODINGS, letter);
}

const SHORTEST = 4;
/** A longer string is given in pieces of this many bytes, so that a file of nothing but text stays bounded. */
const LONGEST = 16 * 1024 * 1024;

/** The runs of four or more printable characters of a content, as strings(1) finds them. */
export function strings(context: ActionContext, content: Content, encoding: StringsEncoding): string[] {
  const { width, little, high } = ENCODINGS[encoding];
  const found = new TextList(content.name);
  let run = new Uint8Array(256);
  let length = 0;
  const finish = (): void => {
    if (length >= SHORTEST) found.add(run, 0, length);
    length = 0;
  };
  const take = (character: number): void => {
    if (length >= LONGEST) finish();
    if (length === run.length) {
      const larger = new Uint8Array(run.length * 2);
      larger.set(run);
      run = larger;
    }
    run[length++] = character;
  };
  // Wider characters may lie at any byte: after one that is not printable, the search goes on a byte further.
  const window = new CharacterWindow(width, little);
  for (const chunk of chunksOf(context, content)) {
    for (const byte of chunk) {
      const character = window.push(byte);
      if (character === undefined) continue;
      if (isPrintable(character, high)) {
        take(character);
        window.consume(width);
      } else {
        finish();
        window.consume(1);
      }
    }
  }
  finish();
  return found.lines;
}

function isPrintable(character: number, high: number): boolean {
  return (
    character === 0x09 || (character >= 0x20 && character < 0x7f) || (character > 0x7f && character <= high)
  );
}

/** The bytes of the character under inspection. */
class CharacterWindow {
  readonly #width: number;
  readonly #little: boolean;
  readonly #bytes: number[] = [];

  constructor(width: number, little: boolean) {
    this.#width = width;
    this.#little = little;
  }

  /** Add a byte; the character, once it is whole. */
  push(byte: number): number | undefined {
    if (this.#width === 1) return byte;
    this.#bytes.push(byte);
    if (this.#bytes.length < this.#width) return undefined;
    let character = 0;
    for (let i = 0; i < this.#width; i++) {
      const part = this.#bytes[this.#little ? this.#width - 1 - i : i] as number;
      character = character * 256 + part;
    }
    return character;
  }

  consume(count: number): void {
    this.#bytes.splice(0, count);
  }
}
