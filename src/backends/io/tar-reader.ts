import { decodeText, latin1 } from '../../bytes/text.ts';
import { CorruptError, UnsupportedError } from '../../errors/index.ts';

/** One member of a tar stream. Names are guest text; times are seconds since 1970. */
export interface TarEntry {
  type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  name: string;
  /** Target of a link. */
  link: string;
  /** Permission bits of st_mode. */
  mode: number;
  mtime: number;
  /** Bytes of content that follow. */
  size: number;
}

/** What a {@link TarReader} calls while a stream goes through it. */
export interface TarVisitor {
  entry(entry: TarEntry): void;
  /** Content of the last entry, in order; valid during the call. */
  data(chunk: Uint8Array): void;
  /** All content of the last entry came. */
  entryEnd(): void;
}

const BLOCK = 512;
/** Bytes that extended headers and long names may have. */
const MAX_EXTENDED = 1024 * 1024;
/** Fields of a ustar header (POSIX.1-2017, pax): offset and length in bytes. */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  link: [157, 100],
  prefix: [345, 155],
} as const;
const TYPE_OFFSET = 156;
const MAGIC_OFFSET = 257;

/**
 * Takes a tar stream apart as it comes, in pieces of any size: ustar, pax (`path`, `linkpath`, `size`, `mtime`) and
 * GNU long names. Everything else in it is left out. Throws CorruptError where the stream is no tar.
 */
export class TarReader {
  readonly #visitor: TarVisitor;
  readonly #block = new Uint8Array(BLOCK);
  #filled = 0;
  /** What the bytes after the header are, and how many still come. */
  #state: 'header' | 'extended' | 'data' = 'header';
  #left = 0;
  #padding = 0;
  #extended: Uint8Array[] = [];
  #extendedType = '';
  #pax: Record<string, string> = {};
  #globalPax: Record<string, string> = {};
  #longName: string | undefined;
  #longLink: string | undefined;
  #position = 0;

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  /** The next bytes of the stream. */
  write(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state !== 'header' && this.#left > 0) {
        const part = chunk.subarray(at, at + Math.min(this.#left, chunk.length - at));
        at += part.length;
        this.#left -= part.length;
        this.#position += part.length;
        if (this.#state === 'data') this.#visitor.data(part);
        else this.#extended.push(new Uint8Array(part));
        if (this.#left === 0) this.#contentEnd();
      } else if (this.#padding > 0) {
        const skip = Math.min(this.#padding, chunk.length - at);
        this.#padding -= skip;
        this.#position += skip;
        at += skip;
      } else {
        const part = chunk.subarray(at, at + Math.min(BLOCK - this.#filled, chunk.length - at));
        this.#block.set(part, this.#filled);
        this.#filled += part.length;
        at += part.length;
        this.#position += part.length;
        if (this.#filled === BLOCK) {
          this.#filled = 0;
          this.#header();
        }
      }
    }
  }

  /** The stream is over. Throws where it ended within a member. */
  end(): void {
    if (this.#left > 0 || this.#filled > 0) {
      throw this.#corrupt(`the stream ends within a member, ${this.#left} bytes before its end`);
    }
  }

  #corrupt(message: string): CorruptError {
    return new CorruptError('tar header', message, { offset: this.#position });
  }

  #contentEnd(): void {
    const state = this.#state;
    this.#state = 'header';
    if (state === 'data') this.#visitor.entryEnd();
    else this.#extendedEnd();
  }

  #field([offset, length]: readonly [number, number]): Uint8Array {
    const bytes = this.#block.subarray(offset, offset + length);
    const end = bytes.indexOf(0);
    return end < 0 ? bytes : bytes.subarray(0, end);
  }

  /** An octal number, or a base-256 one whose first byte has its high bit set (GNU, star). */
  #number(field: readonly [number, number], what: string): number {
    const [offset, length] = field;
    const first = this.#block[offset] as number;
    let value = 0;
    if ((first & 0x80) !== 0) {
      value = first === 0xff ? -1 : first & 0x7f;
      for (let i = 1; i < length; i++) value = value * 256 + (this.#block[offset + i] as number);
    } else {
      const text = latin1(this.#field(field)).trim();
      if (!/^[0-7]*$/.test(text)) throw this.#corrupt(`${what} is '${text}', expected an octal number`);
      value = text === '' ? 0 : Number.parseInt(text, 8);
    }
    if (!Number.isSafeInteger(value)) throw this.#corrupt(`${what} ${value} is too large`);
    return value;
  }

  #header(): void {
    if (this.#block.every((byte) => byte === 0)) return;
    this.#checkChecksum();
    const type = String.fromCharCode(this.#block[TYPE_OFFSET] as number);
    const size = this.#paxNumber('size') ?? this.#number(FIELD.size, 'size');
    if (size < 0) throw this.#corrupt(`size ${size} is negative`);
    if ('xgLK'.includes(type)) {
      if (size > MAX_EXTENDED)
        throw this.#corrupt(`an extended header of ${size} bytes, at most ${MAX_EXTENDED}`);
      this.#extendedType = type;
      this.#extended = [];
      this.#begin('extended', this.#number(FIELD.size, 'size'));
      return;
    }
    this.#member(type, size);
  }

  #checkChecksum(): void {
    const stated = this.#number(FIELD.checksum, 'checksum');
    const [offset, length] = FIELD.checksum;
    let sum = 0;
    for (let i = 0; i < BLOCK; i++) {
      sum += i >= offset && i < offset + length ? 0x20 : (this.#block[i] as number);
    }
    if (sum !== stated) throw this.#corrupt(`checksum is ${stated}, the block has ${sum}`);
  }

  #begin(state: 'extended' | 'data', size: number): void {
    this.#state = state;
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (size === 0) this.#contentEnd();
  }

  #paxNumber(key: string): number | undefined {
    const text = this.#pax[key] ?? this.#globalPax[key];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^-?\d+(\.\d*)?$/.test(text) || Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      throw this.#corrupt(`pax record ${key} is '${text}', expected a number`);
    }
    return value;
  }

  #member(type: string, size: number): void {
    const sparse = Object.keys(this.#pax).find((key) => key.startsWith('GNU.sparse.'));
    if (type === 'S' || sparse !== undefined) {
      throw new UnsupportedError('a sparse member of a tar stream cannot be unpacked');
    }
    const isUstar = latin1(this.#block, MAGIC_OFFSET, MAGIC_OFFSET + 6) === 'ustar\0';
    const prefix = isUstar ? decodeText(this.#field(FIELD.prefix)) : '';
    const name = decodeText(this.#field(FIELD.name));
    const entry: TarEntry = {
      type: typeOf(type),
      name: this.#pax['path'] ?? this.#longName ?? (prefix === '' ? name : `${prefix}/${name}`),
      link: this.#pax['linkpath'] ?? this.#longLink ?? decodeText(this.#field(FIELD.link)),
      mode: this.#number(FIELD.mode, 'mode') & 0o7777,
      mtime: this.#paxNumber('mtime') ?? this.#number(FIELD.mtime, 'mtime'),
      size,
    };
    // Links and folders have no content, whatever their size says (pax: only types 1 to 6 may state one).
    if (entry.type === 'symlink' || entry.type === 'directory' || entry.type === 'hardlink') entry.size = 0;
    this.#pax = {};
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#visitor.entry(entry);
    this.#begin('data', entry.size);
  }

  #extendedEnd(): void {
    const bytes = new Uint8Array(this.#extended.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#extended) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#extended = [];
    if (this.#extendedType === 'L') this.#longName = untilNul(bytes);
    else if (this.#extendedType === 'K') this.#longLink = untilNul(bytes);
    else this.#paxRecords(bytes, this.#extendedType === 'g' ? this.#globalPax : this.#pax);
  }

  /** Records `LENGTH key=value\n`, the length counting all of it (POSIX.1-2017, pax extended header). */
  #paxRecords(bytes: Uint8Array, into: Record<string, string>): void {
    for (let at = 0; at < bytes.length;) {
      const space = bytes.indexOf(0x20, at);
      const digits = space < 0 ? '' : latin1(bytes, at, space);
      const length = Number(digits);
      if (!/^\d{1,8}$/.test(digits) || length < 5 || at + length > bytes.length) {
        throw this.#corrupt(
          `a pax record of length '${digits.slice(0, 20)}' at ${at} of ${bytes.length} bytes`,
        );
      }
      const equals = bytes.indexOf(0x3d, space);
      if (equals < 0 || equals >= at + length) throw this.#corrupt('a pax record without =');
      const key = decodeText(bytes, space + 1, equals);
      if (key !== '__proto__') into[key] = decodeText(bytes, equals + 1, at + length - 1);
      at += length;
    }
  }
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeText(bytes, 0, end < 0 ? bytes.length : end);
}

function typeOf(flag: string): TarEntry['type'] {
  switch (flag) {
    case '0':
    case '\0':
    case '7':
      return 'file';
    case '1':
      return 'hardlink';
    case '2':
      return 'symlink';
    case '5':
      return 'directory';
    default:
      return 'other';
  }
}
