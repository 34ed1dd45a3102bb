import { decodeText } from '../../bytes/text.ts';
import { detectCompression } from '../../compression/detect.ts';
import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import type { Xattr } from '../../filesystems/filesystem.ts';
import type { Timestamp } from '../../filesystems/writer.ts';
import { BLOCK } from './header.ts';
import {
  isHeader,
  isZeroBlock,
  parseHeader,
  parseOldSparse,
  parseOldSparseBlock,
  type RawHeader,
  type SparseStretch,
} from './reader-header.ts';
import { TarInput } from './reader-input.ts';
import { decimal, emptyPax, parsePax, type PaxValues } from './reader-pax.ts';

/** Kind of a member. */
export type TarMemberType = 'file' | 'hardlink' | 'symlink' | 'chardev' | 'blockdev' | 'directory' | 'fifo';

/** A member of an archive. */
export interface TarMember {
  /** As it stands in the archive; it may be absolute and have `..` in it. */
  name: string;
  type: TarMemberType;
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of a file once it is unpacked; 0 for others. */
  size: number;
  mtime: Timestamp;
  /** Target of a link. */
  link: string;
  major: number;
  minor: number;
  xattrs: readonly Xattr[];
  /** SELinux label without the NUL at its end. */
  selinux: Uint8Array | undefined;
  aclAccess: string | undefined;
  aclDefault: string | undefined;
  /** True where the archive has only stretches of the file. */
  sparse: boolean;
}

/** Takes the content of a file. */
export interface TarContent {
  write(piece: Uint8Array): void;
  writeZeroes(length: number): void;
}

const TYPES: Readonly<Record<string, TarMemberType>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'chardev',
  '4': 'blockdev',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  D: 'directory',
  S: 'file',
};

/** Bytes of an extended header: sparse maps and attributes are large, names are not. */
const MAX_PAX = 16 * 1024 * 1024;
const MAX_NAME = 64 * 1024;
/** Stretches of one file. */
const MAX_STRETCHES = 1024 * 1024;

/**
 * Reads tar archives of all usual kinds: version 7, ustar, pax with the keywords of GNU tar and star, GNU with its long
 * names and numbers, sparse files in all four forms. Call {@link next}, then {@link content} for a file whose content
 * is wanted. Throws CorruptError for what is no archive, and where one ends too early.
 */
export class TarReader {
  readonly #input: TarInput;
  readonly #warn: (message: string) => void;
  #global: PaxValues = emptyPax();
  /** Bytes of the present member that were not read yet, and what fills its last block. */
  #left = 0;
  #padding = 0;
  #stretches: SparseStretch[] | undefined;
  #size = 0;
  #started = false;

  constructor(chunks: Iterable<Uint8Array>, warn: (message: string) => void = () => {}) {
    this.#input = new TarInput(chunks);
    this.#warn = warn;
  }

  /** The next member; what is left of the one before is passed over. Undefined at the end. */
  next(): TarMember | undefined {
    let pax: PaxValues | undefined;
    let longName: string | undefined;
    let longLink: string | undefined;
    for (;;) {
      this.#input.skip(this.#left + this.#padding);
      this.#left = this.#padding = 0;
      const offset = this.#input.position;
      const block = this.#input.block();
      if (block === undefined && !this.#started) {
        throw new CorruptError('tar', 'this is no tar archive: it is empty', { offset });
      }
      if (block === undefined || isZeroBlock(block)) {
        this.#input.drain();
        return undefined;
      }
      this.#check(block, offset);
      const header = parseHeader(block, offset);
      switch (header.type) {
        case 'x':
        case 'X':
          pax ??= clone(this.#global);
          parsePax(this.#extension(header, MAX_PAX, offset), pax);
          continue;
        case 'g':
          parsePax(this.#extension(header, MAX_PAX, offset), this.#global);
          continue;
        case 'L':
          longName = untilNul(this.#extension(header, MAX_NAME, offset));
          continue;
        case 'K':
          longLink = untilNul(this.#extension(header, MAX_NAME, offset));
          continue;
        case 'V':
        case 'N':
          this.#body(header.size);
          continue;
        case 'M':
          throw new UnsupportedError(
            `tar: ${decodeText(header.name)} is the rest of a file of another volume`,
          );
      }
      return this.#member(header, block, offset, pax ?? this.#global, longName, longLink);
    }
  }

  /** Hand on the content of the file that {@link next} gave, the holes of a sparse one as zeroes. */
  content(to: TarContent): void {
    let at = 0;
    for (const { offset, length } of this.#stretches ?? [{ offset: 0, length: this.#left }]) {
      if (offset > at) to.writeZeroes(offset - at);
      this.#copy(length, to);
      at = offset + length;
    }
    if (at < this.#size) to.writeZeroes(this.#size - at);
  }

  /** The content in one piece where it lies so in the archive's buffer and has at most `most` bytes, not copied. */
  whole(most: number): Uint8Array | undefined {
    if (this.#stretches !== undefined || this.#left > most || this.#left === 0) return undefined;
    const piece = this.#input.piece(this.#left);
    if (piece.length === this.#left) {
      this.#left = 0;
      return piece;
    }
    const bytes = new Uint8Array(this.#left);
    bytes.set(piece);
    bytes.set(this.#input.take(this.#left - piece.length), piece.length);
    this.#left = 0;
    return bytes;
  }

  #copy(length: number, to: TarContent): void {
    for (let left = length; left > 0;) {
      const piece = this.#input.piece(left);
      to.write(piece);
      left -= piece.length;
      this.#left -= piece.length;
    }
  }

  #check(block: Uint8Array, offset: number): void {
    if (isHeader(block)) {
      this.#started = true;
      return;
    }
    const compression = this.#started ? undefined : detectCompression(block);
    throw new CorruptError(
      'tar header',
      compression === undefined
        ? `${this.#started ? 'a header' : 'the input is no tar archive, its first header'} has a wrong checksum`
        : `the input is compressed with ${compression}: say so with the option compress`,
      { offset },
    );
  }

  #body(size: number): void {
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  #extension(header: RawHeader, most: number, offset: number): Uint8Array {
    if (header.size > most) {
      throw new CorruptError('tar header', `an extended header has ${header.size} bytes, more than ${most}`, {
        offset,
      });
    }
    this.#body(header.size);
    const bytes = this.#input.take(header.size);
    this.#left = 0;
    return bytes;
  }

  #member(
    header: RawHeader,
    block: Uint8Array,
    offset: number,
    pax: PaxValues,
    longName: string | undefined,
    longLink: string | undefined,
  ): TarMember {
    const name = pax.sparse.name ?? pax.path ?? longName ?? decodeText(header.name);
    let type = TYPES[header.type];
    if (type === undefined) {
      this.#warn(
        `${name} is of the unknown type ${JSON.stringify(header.type)} and taken for a regular file`,
      );
      type = 'file';
    }
    // Version 7 knew directories by their names.
    if (header.type === '0' && name.endsWith('/')) type = 'directory';
    this.#body(type === 'hardlink' ? 0 : (pax.size ?? header.size));
    this.#stretches = undefined;
    this.#size = type === 'file' ? this.#left : 0;
    if (type === 'file') this.#sparse(header, block, offset, pax);
    return {
      name,
      type,
      mode: header.mode & 0o7777,
      uid: pax.uid ?? header.uid,
      gid: pax.gid ?? header.gid,
      size: this.#size,
      mtime: pax.mtime ?? { seconds: header.mtime, nanoseconds: 0 },
      link: pax.linkpath ?? longLink ?? decodeText(header.link),
      major: header.major,
      minor: header.minor,
      xattrs: pax.xattrs,
      selinux: pax.selinux,
      aclAccess: pax.aclAccess,
      aclDefault: pax.aclDefault,
      sparse: this.#stretches !== undefined,
    };
  }

  /** Find out where the stretches of a sparse file belong, if it is one. */
  #sparse(header: RawHeader, block: Uint8Array, offset: number, { sparse }: PaxValues): void {
    let stretches: SparseStretch[];
    let size: number;
    if (header.type === 'S') {
      const old = parseOldSparse(block, offset);
      stretches = old.stretches;
      size = old.realSize;
      for (let { more } = old; more;) {
        const at = this.#input.position;
        const next = this.#input.block();
        if (next === undefined) throw new CorruptError('tar header', 'the list of a sparse file has no end');
        const list = parseOldSparseBlock(next, at);
        stretches.push(...list.stretches);
        more = list.more;
        if (stretches.length > MAX_STRETCHES) throw tooMany(stretches.length);
      }
    } else if (sparse.major === 1) {
      stretches = this.#mapBefore();
      size = sparse.realSize ?? this.#left;
    } else if (sparse.stretches !== undefined) {
      stretches = sparse.stretches;
      size = sparse.realSize ?? this.#left;
    } else return;
    let end = 0;
    let stored = 0;
    for (const { offset: at, length } of stretches) {
      if (at < end || at + length > size) {
        throw new CorruptError(
          'sparse map',
          `${length} bytes at ${at} follow what ends at ${end} in a file of ${size} bytes`,
          { offset },
        );
      }
      end = at + length;
      stored += length;
    }
    if (stored > this.#left) {
      throw new CorruptError('sparse map', `${stored} bytes are in it, ${this.#left} in the archive`, {
        offset,
      });
    }
    this.#stretches = stretches;
    this.#size = size;
  }

  /** The map of the form 1.0: decimal numbers, a line each, before the content, filled up to a block. */
  #mapBefore(): SparseStretch[] {
    let text = '';
    let at = 0;
    const line = (): number => {
      for (;;) {
        const end = text.indexOf('\n', at);
        if (end >= 0) {
          const value = decimal('GNU.sparse map', text.slice(at, end));
          at = end + 1;
          return value;
        }
        if (text.length - at > 64 || this.#left < BLOCK) {
          throw new CorruptError('sparse map', 'it does not end within the member');
        }
        text = text.slice(at) + decodeText(this.#input.block() ?? new Uint8Array(0));
        at = 0;
        this.#left -= BLOCK;
      }
    };
    const count = line();
    if (count > MAX_STRETCHES) throw tooMany(count);
    const stretches: SparseStretch[] = [];
    for (let i = 0; i < count; i++) stretches.push({ offset: line(), length: line() });
    return stretches;
  }
}

function tooMany(count: number): CorruptError {
  return new CorruptError('sparse map', `it has ${count} stretches, more than ${MAX_STRETCHES}`);
}

function untilNul(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  return decodeText(bytes, 0, nul < 0 ? bytes.length : nul);
}

function clone(values: PaxValues): PaxValues {
  return { ...values, xattrs: [...values.xattrs], sparse: { ...values.sparse } };
}
