import { CorruptError } from '../../errors/index.ts';
import { latin1 } from '../../bytes/text.ts';
import { BLOCK } from './header.ts';

/**
 * Headers of tar archives as they are read: ustar (POSIX.1-2017, pax(1)), the formats of GNU tar ("Basic Tar Format"
 * and "Storing Sparse Files" of its manual), star's, and that of version 7.
 */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const UID = [108, 8] as const;
const GID = [116, 8] as const;
const SIZE = [124, 12] as const;
const MTIME = [136, 12] as const;
const CHECKSUM = [148, 8] as const;
const TYPE = 156;
const LINK = [157, 100] as const;
const MAGIC = 257;
const MAJOR = [329, 8] as const;
const MINOR = [337, 8] as const;
const PREFIX = [345, 155] as const;
/** GNU's old sparse header: four entries in the header, 21 in each block that follows. */
const SPARSE = 386;
const SPARSE_ENTRIES = 4;
const IS_EXTENDED = 482;
const REAL_SIZE = [483, 12] as const;
const EXTENDED_ENTRIES = 21;
const EXTENDED_IS_EXTENDED = 504;
const SPARSE_ENTRY = 24;

type Field = readonly [number, number];

/** A stretch of a sparse file that is in the archive; offset and length in bytes. */
export interface SparseStretch {
  offset: number;
  length: number;
}

/** What the block of a member says. */
export interface RawHeader {
  name: Uint8Array;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes that follow in the archive. */
  size: number;
  mtime: number;
  /** Character of the type flag; NUL is `0`. */
  type: string;
  link: Uint8Array;
  major: number;
  minor: number;
}

/** Whether a block is all zeroes, as two of them are at the end of an archive. */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/** Whether the checksum of a header is right; some old archivers added the bytes up as signed numbers. */
export function isHeader(block: Uint8Array): boolean {
  const [at, length] = CHECKSUM;
  let unsigned = length * 0x20;
  let signed = unsigned;
  for (let i = 0; i < BLOCK; i++) {
    if (i === at) i += length;
    const byte = block[i] as number;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  const stated = octal(block, CHECKSUM);
  return stated === unsigned || stated === signed;
}

/** Take a header apart whose checksum is right; `offset` is where it is in the archive, for messages. */
export function parseHeader(block: Uint8Array, offset: number): RawHeader {
  const type = block[TYPE] === 0 ? '0' : String.fromCharCode(block[TYPE] as number);
  const device = type === '3' || type === '4';
  return {
    name: nameOf(block),
    mode: number(block, MODE, 'mode', offset),
    uid: number(block, UID, 'uid', offset),
    gid: number(block, GID, 'gid', offset),
    size: number(block, SIZE, 'size', offset),
    mtime: number(block, MTIME, 'mtime', offset, true),
    type,
    link: text(block, LINK),
    major: device ? number(block, MAJOR, 'devmajor', offset) : 0,
    minor: device ? number(block, MINOR, 'devminor', offset) : 0,
  };
}

/** The name with the prefix of ustar; GNU's headers have other things in its place, star's shorter ones. */
function nameOf(block: Uint8Array): Uint8Array {
  const name = text(block, NAME);
  const ustar = latin1(block, MAGIC, MAGIC + 6) === 'ustar\0';
  if (!ustar || block[PREFIX[0]] === 0) return name;
  const star = latin1(block, 508, 512) === 'tar\0';
  const prefix = text(block, star ? [PREFIX[0], 131] : PREFIX);
  const whole = new Uint8Array(prefix.length + 1 + name.length);
  whole.set(prefix);
  whole[prefix.length] = 0x2f;
  whole.set(name, prefix.length + 1);
  return whole;
}

function text(block: Uint8Array, [at, length]: Field): Uint8Array {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return block.slice(at, end);
}

/** Octal digits between spaces and NULs; -1 for what is none. */
function octal(block: Uint8Array, [at, length]: Field): number {
  let value = 0;
  let digits = 0;
  let i = at;
  const end = at + length;
  while (i < end && block[i] === 0x20) i++;
  for (; i < end; i++) {
    const byte = block[i] as number;
    if (byte === 0 || byte === 0x20) break;
    if (byte < 0x30 || byte > 0x37) return -1;
    value = value * 8 + byte - 0x30;
    digits++;
  }
  return digits === 0 && block[at] !== 0 && block[at] !== 0x20 ? -1 : value;
}

/** Octal, or base 256 where the first bit is set. Throws where it is neither or no number that can be held. */
function number(block: Uint8Array, field: Field, name: string, offset: number, signed = false): number {
  const [at, length] = field;
  const first = block[at] as number;
  let value: number;
  if ((first & 0x80) === 0) value = octal(block, field);
  else {
    // The first byte has seven bits, of which the first is the sign.
    value = (first & 0x40) !== 0 ? (first & 0x7f) - 0x80 : first & 0x3f;
    for (let i = at + 1; i < at + length; i++) value = value * 256 + (block[i] as number);
  }
  if (!Number.isSafeInteger(value) || (value < 0 && !(signed && (first & 0x80) !== 0))) {
    throw new CorruptError(
      'tar header',
      `${name} is ${JSON.stringify(latin1(block, at, at + length))}, which is no number that it can have`,
      { offset: offset + at },
    );
  }
  return value;
}

/** What GNU's old header of a sparse file says beyond the usual. */
export function parseOldSparse(
  block: Uint8Array,
  offset: number,
): { realSize: number; stretches: SparseStretch[]; more: boolean } {
  return {
    realSize: number(block, REAL_SIZE, 'realsize', offset),
    stretches: sparseEntries(block, SPARSE, SPARSE_ENTRIES, offset),
    more: block[IS_EXTENDED] !== 0,
  };
}

/** One of the blocks that go on with the list. */
export function parseOldSparseBlock(
  block: Uint8Array,
  offset: number,
): { stretches: SparseStretch[]; more: boolean } {
  return {
    stretches: sparseEntries(block, 0, EXTENDED_ENTRIES, offset),
    more: block[EXTENDED_IS_EXTENDED] !== 0,
  };
}

function sparseEntries(block: Uint8Array, start: number, count: number, offset: number): SparseStretch[] {
  const entries: SparseStretch[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + i * SPARSE_ENTRY;
    if (block[at] === 0) break;
    entries.push({
      offset: number(block, [at, 12], 'sparse offset', offset),
      length: number(block, [at + 12, 12], 'sparse numbytes', offset),
    });
  }
  return entries;
}
