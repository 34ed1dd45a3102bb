import { closeSync, openSync, readSync } from 'node:fs';
import { decodeText } from '../../bytes/text.ts';
import { sleep } from '../../native/sleep.ts';

/** Where the shell's lines come from. */
export interface LineSource {
  /** For messages: a file's name, `*stdin*`; undefined where a place says nothing (a terminal). */
  readonly name: string | undefined;
  /** Number of the line that {@link next} returned last, from 1. */
  readonly number: number;
  /** The next line without its end; undefined at the end of the input. */
  next(): string | undefined | Promise<string | undefined>;
  /** What is left of the input, as bytes: what `-` is for a command that reads a file. */
  rest(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Some bytes of a descriptor, none at its end; waits where it is non-blocking. */
export function readSome(fd: number, into: Uint8Array): number {
  for (;;) {
    try {
      return readSync(fd, into, 0, into.length, null);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      sleep(5);
    }
  }
}

/** Lines of an open descriptor, read as they are asked for. */
export class DescriptorLines implements LineSource {
  readonly name: string | undefined;
  number = 0;
  readonly #fd: number;
  #left: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(fd: number, name: string | undefined) {
    this.#fd = fd;
    this.name = name;
  }

  next(): string | undefined {
    let searched = 0;
    for (;;) {
      const end = this.#left.indexOf(10, searched);
      if (end >= 0) return this.#take(end, end + 1);
      searched = this.#left.length;
      if (!this.#fill()) break;
    }
    return this.#left.length === 0 ? undefined : this.#take(this.#left.length, this.#left.length);
  }

  #take(end: number, nextFrom: number): string {
    const line = decodeText(this.#left, 0, end);
    this.#left = this.#left.subarray(nextFrom);
    this.number++;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }

  #fill(): boolean {
    if (this.#ended) return false;
    const chunk = new Uint8Array(16384);
    const length = readSome(this.#fd, chunk);
    if (length === 0) {
      this.#ended = true;
      return false;
    }
    const joined = new Uint8Array(this.#left.length + length);
    joined.set(this.#left);
    joined.set(chunk.subarray(0, length), this.#left.length);
    this.#left = joined;
    return true;
  }

  *rest(): Iterable<Uint8Array> {
    const left = this.#left;
    this.#left = new Uint8Array(0);
    if (left.length > 0) yield left;
    while (!this.#ended) {
      const chunk = new Uint8Array(65536);
      const length = readSome(this.#fd, chunk);
      if (length === 0) this.#ended = true;
      else yield chunk.subarray(0, length);
    }
  }
}

/** Lines of a script. Throws what open(2) says. */
export class FileLines extends DescriptorLines {
  readonly #opened: number;

  constructor(path: string) {
    const fd = openSync(path, 'r');
    super(fd, path);
    this.#opened = fd;
  }

  close(): void {
    closeSync(this.#opened);
  }
}

/** Lines of a text that is all there. */
export class TextLines implements LineSource {
  readonly name: string | undefined;
  number = 0;
  #lines: string[];

  constructor(text: string, name: string | undefined) {
    this.#lines = text.split('\n');
    if (this.#lines.at(-1) === '') this.#lines.pop();
    this.name = name;
  }

  next(): string | undefined {
    const line = this.#lines[this.number];
    if (line === undefined) return undefined;
    this.number++;
    return line;
  }

  *rest(): Iterable<Uint8Array> {
    const text = this.#lines.slice(this.number).join('\n');
    this.#lines = [];
    if (text !== '') yield new TextEncoder().encode(`${text}\n`);
  }
}
