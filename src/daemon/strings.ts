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
  const printable = Uint8Array.from({ length: 256 }, (_, byte) => (isPrintable(byte, high) ? 1 : 0));
  const runs = new Runs(new TextList(content.name));
  const chunks = chunksOf(context, content);
  if (width === 1) narrow(chunks, printable, runs);
  else wide(chunks, printable, runs, width, little);
  runs.finish();
  return runs.found.lines;
}

function isPrintable(byte: number, high: number): boolean {
  return byte === 0x09 || (byte >= 0x20 && byte < 0x7f) || (byte > 0x7f && byte <= high);
}

function narrow(chunks: Iterable<Uint8Array>, printable: Uint8Array, runs: Runs): void {
  for (const chunk of chunks) {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      if (printable[chunk[i] as number] === 1) continue;
      // Most runs are too short: only what may count is copied.
      if (i > start) runs.add(chunk, start, i);
      runs.finish();
      start = i + 1;
    }
    runs.add(chunk, start, chunk.length);
  }
}

/** Wider characters may lie at any byte: after one that is not printable the search goes on a byte further. */
function wide(
  chunks: Iterable<Uint8Array>,
  printable: Uint8Array,
  runs: Runs,
  width: number,
  little: boolean,
): void {
  const pending: number[] = [];
  const low = little ? 0 : width - 1;
  for (const chunk of chunks) {
    for (const byte of chunk) {
      pending.push(byte);
      if (pending.length < width) continue;
      const character = pending[low] as number;
      const fits = pending.every((part, i) => i === low || part === 0);
      if (fits && printable[character] === 1) {
        runs.add(Uint8Array.of(character), 0, 1);
        pending.length = 0;
      } else {
        runs.finish();
        pending.shift();
      }
    }
  }
}

/** Gathers a run of characters, which may come in pieces. */
class Runs {
  readonly found: TextList;
  #run = new Uint8Array(256);
  #length = 0;

  constructor(found: TextList) {
    this.found = found;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    if (this.#length + end - start > LONGEST) this.finish();
    const needed = this.#length + end - start;
    if (needed > this.#run.length) {
      const larger = new Uint8Array(Math.max(needed, this.#run.length * 2));
      larger.set(this.#run.subarray(0, this.#length));
      this.#run = larger;
    }
    if (end - start < 16) {
      for (let i = start; i < end; i++) this.#run[this.#length++] = bytes[i] as number;
      return;
    }
    this.#run.set(bytes.subarray(start, end), this.#length);
    this.#length = needed;
  }

  /** The run has ended. */
  finish(): void {
    if (this.#length >= SHORTEST) this.found.add(this.#run, 0, this.#length);
    this.#length = 0;
  }
}
