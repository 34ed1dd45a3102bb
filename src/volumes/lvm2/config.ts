import { CorruptError } from '../../errors/index.ts';
import { decodeText, latin1 } from '../../bytes/text.ts';

/**
 * The configuration language that LVM2 writes its metadata in (lvm.conf(5), "SYNTAX"): sections, and assignments of
 * numbers, strings and arrays of both.
 */

/** A value of an assignment. Integers are safe integers. */
export type ConfigValue = string | number | readonly (string | number)[];

/** A section: assignments and sections in the order they stand in the text. */
export interface ConfigSection {
  readonly name: string;
  /** Byte offset in the text. */
  readonly offset: number;
  readonly values: Map<string, ConfigValue>;
  readonly sections: Map<string, ConfigSection>;
}

/** Sections within sections: LVM2 itself uses four. */
const MAX_DEPTH = 16;
const STRUCTURE = 'LVM2 metadata text';

const KIND = { end: 0, name: 1, string: 2, number: 3, punctuation: 4 } as const;
type Kind = (typeof KIND)[keyof typeof KIND];

class Parser {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  /** Where the next token begins. */
  #at = 0;
  /** The token in hand. */
  #kind: Kind = KIND.end;
  #text = '';
  #number = 0;
  #start = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const nul = bytes.indexOf(0);
    this.#end = nul < 0 ? bytes.length : nul;
    this.#advance();
  }

  parse(): ConfigSection {
    const root = this.#section('', 0, 0);
    if (this.#kind !== KIND.end) this.#fail('a closing brace without an opening one');
    return root;
  }

  #fail(problem: string): never {
    throw new CorruptError(STRUCTURE, `${problem}, at byte ${this.#start}`, { offset: this.#start });
  }

  #section(name: string, offset: number, depth: number): ConfigSection {
    if (depth > MAX_DEPTH) this.#fail(`sections are nested deeper than ${MAX_DEPTH}`);
    const section: ConfigSection = { name, offset, values: new Map(), sections: new Map() };
    while (this.#kind === KIND.name || this.#kind === KIND.string) {
      const key = this.#text;
      const start = this.#start;
      this.#advance();
      if (this.#isPunctuation('{')) {
        this.#advance();
        const child = this.#section(key, start, depth + 1);
        if (!this.#isPunctuation('}')) this.#fail(`section ${key} is not closed`);
        this.#advance();
        section.sections.set(key, child);
      } else if (this.#isPunctuation('=')) {
        this.#advance();
        section.values.set(key, this.#value());
      } else {
        this.#fail(`expected { or = after ${key}`);
      }
    }
    return section;
  }

  #value(): ConfigValue {
    if (!this.#isPunctuation('[')) return this.#scalar();
    const list: (string | number)[] = [];
    this.#advance();
    while (!this.#isPunctuation(']')) {
      list.push(this.#scalar());
      if (this.#isPunctuation(',')) this.#advance();
      else if (!this.#isPunctuation(']')) this.#fail('expected , or ] in an array');
    }
    this.#advance();
    return list;
  }

  #scalar(): string | number {
    if (this.#kind !== KIND.string && this.#kind !== KIND.number && this.#kind !== KIND.name) {
      this.#fail('expected a value');
    }
    const value = this.#kind === KIND.number ? this.#number : this.#text;
    this.#advance();
    return value;
  }

  #isPunctuation(text: string): boolean {
    return this.#kind === KIND.punctuation && this.#text === text;
  }

  #advance(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (; at < this.#end; at++) {
      const byte = bytes[at]!;
      if (byte === HASH) {
        while (at < this.#end && bytes[at] !== NEWLINE) at++;
      } else if (byte > SPACE) {
        break;
      }
    }
    this.#start = at;
    if (at >= this.#end) {
      this.#kind = KIND.end;
      this.#at = this.#end;
      return;
    }
    const byte = bytes[at]!;
    if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
      this.#string(at, byte);
    } else if (PUNCTUATION.includes(byte)) {
      this.#kind = KIND.punctuation;
      this.#text = String.fromCharCode(byte);
      this.#at = at + 1;
    } else {
      this.#word(at);
    }
  }

  /** Between double quotes a backslash quotes the next byte; between single quotes nothing does. */
  #string(start: number, quote: number): void {
    const bytes = this.#bytes;
    let at = start + 1;
    let escaped = false;
    while (at < this.#end && bytes[at] !== quote) {
      if (quote === DOUBLE_QUOTE && bytes[at] === BACKSLASH) {
        escaped = true;
        at++;
      }
      at++;
    }
    if (at >= this.#end) this.#fail('a string is not closed');
    this.#kind = KIND.string;
    this.#text = escaped
      ? decodeText(unescape(bytes.subarray(start + 1, at)))
      : decodeText(bytes, start + 1, at);
    this.#at = at + 1;
  }

  #word(start: number): void {
    const bytes = this.#bytes;
    let at = start;
    while (at < this.#end && bytes[at]! > SPACE && !WORD_ENDS.includes(bytes[at]!)) at++;
    const word = latin1(bytes, start, at);
    this.#at = at;
    if (!/^[-+]?\d+(\.\d*)?$/.test(word)) {
      this.#kind = KIND.name;
      this.#text = decodeText(bytes, start, at);
      return;
    }
    this.#kind = KIND.number;
    this.#number = Number(word);
    if (!word.includes('.') && !Number.isSafeInteger(this.#number)) {
      this.#fail(`the number ${word} is beyond 2^53`);
    }
  }
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const HASH = 0x23;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
/** `{ } [ ] = ,` */
const PUNCTUATION: readonly number[] = [0x7b, 0x7d, 0x5b, 0x5d, 0x3d, 0x2c];
const WORD_ENDS: readonly number[] = [...PUNCTUATION, HASH, DOUBLE_QUOTE, SINGLE_QUOTE];

function unescape(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === BACKSLASH && i + 1 < bytes.length) i++;
    out.push(bytes[i]!);
  }
  return Uint8Array.from(out);
}

/**
 * Parse a text; it ends at the first NUL. Returns the section that holds everything at top level. Throws CorruptError
 * with the byte offset where the text breaks the grammar.
 */
export function parseConfig(bytes: Uint8Array): ConfigSection {
  return new Parser(bytes).parse();
}
