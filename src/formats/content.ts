import { allocate } from '../bytes/budget.ts';
import { CorruptError, GuestfsError } from '../errors/index.ts';

/** The content of a guest's file, read at any place. */
export interface FileContent {
  /** Bytes. */
  readonly size: number;
  /** Bytes read into `into`; less than asked only at the end. */
  read(offset: number, into: Uint8Array): number;
}

/** Bytes in memory as a file's content. */
export class MemoryContent implements FileContent {
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  read(offset: number, into: Uint8Array): number {
    const part = this.#bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }
}

/** All of a file; throws EFBIG naming `what` where it is larger than `cap` bytes. */
export function readAll(content: FileContent, what: string, cap: number): Uint8Array {
  if (content.size > cap) {
    throw new GuestfsError('EFBIG', `${what} has ${content.size} bytes, at most ${cap} are read`);
  }
  const bytes = allocate(content.size, what, cap);
  let at = 0;
  while (at < bytes.length) {
    const got = content.read(at, bytes.subarray(at));
    if (got === 0) break;
    at += got;
  }
  return bytes.subarray(0, at);
}

const WINDOW = 128 * 1024;

/**
 * A file seen through one window that moves: small structures that lie close together cost one read. What
 * {@link bytes} returns is valid until the next call.
 */
export class WindowedContent {
  readonly size: number;
  readonly #content: FileContent;
  readonly #structure: string;
  #window = new Uint8Array(0);
  #start = 0;
  #end = 0;

  constructor(content: FileContent, structure: string) {
    this.#content = content;
    this.size = content.size;
    this.#structure = structure;
  }

  /** `length` bytes at `offset`, at most 128 KiB of them; throws CorruptError where the file has fewer. */
  bytes(offset: number, length: number): Uint8Array {
    if (offset < this.#start || offset + length > this.#end) this.#move(offset, length);
    const from = offset - this.#start;
    return this.#window.subarray(from, from + length);
  }

  #move(offset: number, length: number): void {
    if (length > WINDOW || offset < 0 || offset + length > this.size) {
      throw new CorruptError(
        this.#structure,
        `${length} bytes are expected at ${offset}, the file ends at ${this.size}`,
        { offset },
      );
    }
    if (this.#window.length === 0) this.#window = new Uint8Array(Math.min(WINDOW, this.size));
    this.#start = offset;
    this.#end = offset;
    const want = Math.min(this.#window.length, this.size - offset);
    while (this.#end - offset < want) {
      const got = this.#content.read(this.#end, this.#window.subarray(this.#end - offset, want));
      if (got === 0) break;
      this.#end += got;
    }
    if (this.#end - offset < length) {
      throw new CorruptError(
        this.#structure,
        `${length} bytes are expected at ${offset}, ${this.#end - offset} could be read`,
        { offset },
      );
    }
  }
}

/** A value inside a database file that is read from its start only as far as it is asked for. */
export interface Blob {
  /** Bytes. */
  readonly size: number;
  /** The first `length` bytes, which must not be over `size`. */
  prefix(length: number): Uint8Array;
}

/** Bytes that one blob may have: 256 MiB, as rpm limits a header. */
const LARGEST_BLOB = 256 * 1024 * 1024;

/** A blob whose bytes lie on a chain of pages. */
export class ChainedBlob implements Blob {
  readonly size: number;
  readonly #what: string;
  readonly #page: (number: number) => { data: Uint8Array; next: number };
  #bytes: Uint8Array;
  #filled: number;
  #next: number;
  /** Bytes of page {@link #next} that are taken already. */
  #taken = 0;

  /**
   * `initial` is what precedes the chain; `page` gives the data of a page, never empty, and the page after it.
   */
  constructor(
    what: string,
    size: number,
    initial: Uint8Array,
    first: number,
    page: (number: number) => { data: Uint8Array; next: number },
  ) {
    this.#what = what;
    this.size = size;
    this.#bytes = initial;
    this.#filled = initial.length;
    this.#next = first;
    this.#page = page;
  }

  prefix(length: number): Uint8Array {
    if (length > this.#bytes.length) {
      const room = Math.min(this.size, Math.max(length, this.#bytes.length * 2));
      const larger = allocate(room, this.#what, LARGEST_BLOB);
      larger.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = larger;
    }
    while (this.#filled < length) {
      // Every page adds bytes, so a chain that runs in a circle ends with the blob.
      const { data, next } = this.#page(this.#next);
      const part = data.subarray(this.#taken, this.#taken + this.#bytes.length - this.#filled);
      this.#bytes.set(part, this.#filled);
      this.#filled += part.length;
      this.#taken += part.length;
      if (this.#taken < data.length) break;
      this.#next = next;
      this.#taken = 0;
    }
    return this.#bytes.subarray(0, length);
  }
}
