import { crc32cRaw } from '../../bytes/crc32c.ts';
import { decodeText, latin1 } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import type { DirEntry, FileType } from '../filesystem.ts';
import { crcOfU32, crcOfZeroes } from './checksum.ts';
import { DIRENT_TAIL_SIZE, DIRENT_TAIL_TYPE } from './layout.ts';
import type { Geometry } from './superblock.ts';
import { INCOMPAT_FILETYPE } from './features.ts';

/** Bytes of an entry before its name. */
const NAME_AT = 8;
const DOT = 0x2e;
const SLASH = 0x2f;

/** File types in the order of their codes in directory entries. */
const TYPES: readonly FileType[] = [
  'unknown',
  'file',
  'directory',
  'chardev',
  'blockdev',
  'fifo',
  'socket',
  'symlink',
];

/** How the raw bytes of a name become the name that is shown. */
export type NameDecoder = (bytes: Uint8Array, start: number, end: number) => string;

/** Where a run of directory entries comes from; for messages and for the rules that it obeys. */
export interface DirectoryPiece {
  readonly geometry: Geometry;
  /** Inode of the directory. */
  readonly directory: number;
  /** Device offset of byte 0 of the piece's buffer; -1 where the bytes are in the inode. */
  offset: number;
}

function corrupt(piece: DirectoryPiece, at: number, message: string): CorruptError {
  return new CorruptError(
    'ext4_dir_entry_2',
    `directory ${piece.directory}: ${message}`,
    piece.offset < 0 ? {} : { offset: piece.offset + at },
  );
}

/** Length of the entry at `at`, checked so that it lies in the piece and holds its own name. */
function entryLength(piece: DirectoryPiece, bytes: Uint8Array, at: number, end: number): number {
  if (at + NAME_AT > end) throw corrupt(piece, at, `entry with ${end - at} bytes left, expected at least 8`);
  const stored = bytes[at + 4]! | (bytes[at + 5]! << 8);
  let length = stored;
  if (piece.geometry.blockSize === 65536) {
    // 64 KiB does not fit 16 bits: both 0 and 65535 stand for it.
    length = stored === 0 || stored === 65535 ? 65536 : (stored & 0xfffc) | ((stored & 3) << 16);
  }
  const nameLength = bytes[at + 6]!;
  const needed = NAME_AT + ((nameLength + 3) & ~3);
  if (length < 12 || length % 4 !== 0 || length < needed || at + length > end) {
    throw corrupt(
      piece,
      at,
      `rec_len is ${length} with name_len ${nameLength} and ${end - at} bytes left, expected a multiple of 4 from ${Math.max(12, needed)}`,
    );
  }
  return length;
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function checkInode(piece: DirectoryPiece, at: number, inode: number): void {
  if (inode > piece.geometry.inodesCount) {
    throw corrupt(piece, at, `entry names inode ${inode}, expected at most ${piece.geometry.inodesCount}`);
  }
}

/** `.` or `..`, which every directory has and no caller wants. */
function isDot(bytes: Uint8Array, at: number): boolean {
  const length = bytes[at + 6]!;
  if (bytes[at + NAME_AT] !== DOT) return false;
  return length === 1 || (length === 2 && bytes[at + NAME_AT + 1] === DOT);
}

/**
 * Append the entries in `bytes[start, end)` to `into`. The text of all names is made at once: a slice of one long
 * string costs a fraction of a string per name.
 */
export function decodeEntries(
  piece: DirectoryPiece,
  bytes: Uint8Array,
  start: number,
  end: number,
  into: DirEntry[],
  decodeName?: NameDecoder,
): void {
  const typed = (piece.geometry.incompat & INCOMPAT_FILETYPE) !== 0;
  const text = decodeName === undefined ? latin1(bytes, start, end) : '';
  for (let at = start; at < end;) {
    const length = entryLength(piece, bytes, at, end);
    const inode = u32(bytes, at);
    if (inode !== 0 && !isDot(bytes, at)) {
      checkInode(piece, at, inode);
      const from = at + NAME_AT;
      const to = from + bytes[at + 6]!;
      if (from === to) throw corrupt(piece, at, `entry of inode ${inode} has an empty name`);
      let name: string;
      if (decodeName !== undefined) {
        name = decodeName(bytes, from, to);
      } else {
        let high = 0;
        for (let i = from; i < to; i++) {
          const byte = bytes[i]!;
          if (byte === SLASH || byte === 0) {
            throw corrupt(piece, i, `name of inode ${inode} has the byte ${byte} in it`);
          }
          high |= byte;
        }
        name = high < 0x80 ? text.slice(from - start, to - start) : decodeText(bytes, from, to);
      }
      const type = typed ? (TYPES[bytes[at + 7]!] ?? 'unknown') : 'unknown';
      into.push({ name, inode, type });
    }
    at += length;
  }
}

/** A name that is looked for. */
export interface WantedName {
  /** What its place in a hash tree is computed from; empty where that cannot be known. */
  readonly hashed: Uint8Array;
  /** True if the name may be in the tree under another hash, so that not finding it there proves nothing. */
  readonly hashIsGuess?: boolean;
  /** True if the stored name `bytes[start, end)` is the wanted one. */
  matches(bytes: Uint8Array, start: number, end: number): boolean;
}

/** A name that must be stored byte for byte. */
export function exactName(name: Uint8Array): WantedName {
  const wanted = name.length;
  return {
    hashed: name,
    matches(bytes, start, end) {
      if (end - start !== wanted) return false;
      let i = 0;
      while (i < wanted && bytes[start + i] === name[i]) i++;
      return i === wanted;
    },
  };
}

/** Inode of the wanted entry in `bytes[start, end)`, or 0. */
export function searchEntries(
  piece: DirectoryPiece,
  bytes: Uint8Array,
  start: number,
  end: number,
  wanted: WantedName,
): number {
  for (let at = start; at < end;) {
    const length = entryLength(piece, bytes, at, end);
    const inode = u32(bytes, at);
    const from = at + NAME_AT;
    if (inode !== 0 && wanted.matches(bytes, from, from + bytes[at + 6]!)) {
      checkInode(piece, at, inode);
      return inode;
    }
    at += length;
  }
  return 0;
}

/** Where the 16-bit `limit` and `count` of an index block are: 0x20 in a root, 8 in a node, -1 if it is neither. */
export function indexCountOffset(bytes: Uint8Array, start: number, blockSize: number): number {
  const length = bytes[start + 4]! | (bytes[start + 5]! << 8);
  const whole = blockSize === 65536 ? 65535 : blockSize;
  if (u32(bytes, start) === 0 && (length === whole || (blockSize === 65536 && length === 0))) return 8;
  if (length !== 12) return -1;
  const second = bytes[start + 16]! | (bytes[start + 17]! << 8);
  // Lengths are multiples of 4, so that 64 KiB - 12 is stored as it is.
  if (second !== blockSize - 12 || u32(bytes, start + 0x18) !== 0 || bytes[start + 0x1d] !== 8) return -1;
  return 0x20;
}

/**
 * Verify the checksum of a directory block at `start`. `indexed` says whether the directory has the index flag: only
 * then may a block be an index block, whose checksum lies elsewhere.
 */
export function verifyDirectoryBlock(
  piece: DirectoryPiece,
  bytes: Uint8Array,
  start: number,
  seed: number,
  indexed: boolean,
): void {
  const { blockSize } = piece.geometry;
  if (indexed) {
    const at = indexCountOffset(bytes, start, blockSize);
    if (at >= 0) {
      verifyIndexBlock(piece, bytes, start, at, seed);
      return;
    }
  }
  const tail = start + blockSize - DIRENT_TAIL_SIZE;
  if (u32(bytes, tail) !== 0 || u32(bytes, tail + 4) !== 12 + DIRENT_TAIL_TYPE * 0x1000000) {
    throw new CorruptError(
      'ext4_dir_entry_tail',
      `directory ${piece.directory} has a block without a checksum tail`,
      { offset: piece.offset + tail },
    );
  }
  const computed = crc32cRaw(seed, bytes, start, tail);
  const stored = u32(bytes, tail + 8);
  if (computed !== stored) {
    throw new CorruptError(
      'ext4_dir_entry_tail',
      `det_checksum of a block of directory ${piece.directory} is 0x${stored.toString(16)},` +
        ` the contents have 0x${computed.toString(16)}`,
      { offset: piece.offset + tail, checksum: true },
    );
  }
}

function verifyIndexBlock(
  piece: DirectoryPiece,
  bytes: Uint8Array,
  start: number,
  countAt: number,
  seed: number,
): void {
  const u16 = (at: number): number => bytes[start + at]! | (bytes[start + at + 1]! << 8);
  const limit = u16(countAt);
  const count = u16(countAt + 2);
  const tail = countAt + limit * 8;
  if (tail + 8 > piece.geometry.blockSize || count > limit) {
    throw new CorruptError(
      'dx_countlimit',
      `index block of directory ${piece.directory} has limit ${limit} and count ${count} in ${piece.geometry.blockSize} bytes`,
      { offset: piece.offset + start + countAt },
    );
  }
  let computed = crc32cRaw(seed, bytes, start, start + countAt + count * 8);
  computed = crc32cRaw(computed, bytes, start + tail, start + tail + 4);
  computed = crcOfZeroes(computed, 4);
  const stored = (u16(tail + 4) + u16(tail + 6) * 0x10000) >>> 0;
  if (computed !== stored) {
    throw new CorruptError(
      'dx_tail',
      `dt_checksum of an index block of directory ${piece.directory} is 0x${stored.toString(16)},` +
        ` the contents have 0x${computed.toString(16)}`,
      { offset: piece.offset + start + tail, checksum: true },
    );
  }
}

/** Mixed into a directory's checksum seed to mark, in the block cache, blocks verified as directory blocks. */
export function directoryMark(seed: number): number {
  return crcOfU32(seed, 0x646972);
}
