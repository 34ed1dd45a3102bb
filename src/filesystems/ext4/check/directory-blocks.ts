import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError } from '../../../errors/index.ts';
import { crcOfZeroes } from '../checksum.ts';
import { indexCountOffset } from '../directory.ts';
import {
  DIRENT_TAIL_SIZE,
  DIRENT_TAIL_TYPE,
  INODE_INDEX,
  INODE_INLINE_DATA,
  I_BLOCK_SIZE,
  Inode,
} from '../layout.ts';
import { INDEX_SYSTEM, isXattr, readXattrEntries } from '../xattr.ts';
import { walkMap } from './block-map.ts';
import type { TableInode, Volume } from './volume.ts';

/** Bytes of an entry before its name. */
export const NAME_AT = 8;
const XATTR_MAGIC_SIZE = 4;
const GOOD_OLD = 128;

/** Length of the entry at `at`, as stored. Blocks of 64 KiB keep two more bits below. */
export function recordLength(view: DataView, at: number, blockSize: number): number {
  const stored = view.getUint16(at + 4, true);
  if (blockSize < 65536) return stored;
  return stored === 0 || stored === 65535 ? 65536 : (stored & 0xfffc) | ((stored & 3) << 16);
}

/** Store the length of an entry. */
export function setRecordLength(view: DataView, at: number, length: number): void {
  view.setUint16(at + 4, length >= 65536 ? 65535 : length, true);
}

/** A part of a directory: a block of it, or the entries in its inode. */
export interface DirectoryPart {
  /** Number of the block in the directory; 0 for what is in the inode. */
  readonly logical: number;
  /** Block of the filesystem that holds the entries. */
  readonly block: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Entries lie from here to `end`. */
  readonly start: number;
  readonly end: number;
  /** True where the entries lie in the inode. */
  readonly inline: boolean;
}

/** The parts of a directory, in order; holes are passed over. Inline ones come as the table's block. */
export function* directoryParts(volume: Volume, inode: TableInode): Iterable<DirectoryPart> {
  const { blockSize, inodeSize } = volume.geometry;
  const flags = inode.view.getUint32(inode.base + Inode.i_flags, true);
  if (flags & INODE_INLINE_DATA) {
    const block = volume.inodeBlock(inode.number);
    const part = { logical: 0, block, bytes: inode.bytes, view: inode.view, inline: true };
    const at = inode.base + Inode.i_block;
    yield { ...part, start: at + 4, end: at + I_BLOCK_SIZE };
    const first =
      inode.base + GOOD_OLD + inode.view.getUint16(inode.base + Inode.i_extra_isize, true) + XATTR_MAGIC_SIZE;
    const owner = `attributes of directory ${inode.number}`;
    for (const entry of readXattrEntries(inode.bytes, first, inode.base + inodeSize, first, owner)) {
      if (!isXattr(inode.bytes, entry, INDEX_SYSTEM, 'data') || entry.valueSize === 0) continue;
      yield { ...part, start: entry.valueStart, end: entry.valueStart + entry.valueSize };
    }
    return;
  }
  const blocks: { logical: number; block: number; length: number }[] = [];
  walkMap(volume, inode, {
    node() {},
    run(logical, block, length, unwritten) {
      if (!unwritten) blocks.push({ logical, block, length });
    },
    badChecksum() {},
  });
  for (const run of blocks) {
    for (let i = 0; i < run.length; i++) {
      const { bytes, view } = volume.blocks.read(run.block + i);
      yield {
        logical: run.logical + i,
        block: run.block + i,
        bytes,
        view,
        start: 0,
        end: blockSize,
        inline: false,
      };
    }
  }
}

/**
 * Call `each` for every entry of a part, unused ones too. Throws CorruptError where lengths do not add up.
 */
export function eachEntry(
  volume: Volume,
  directory: number,
  part: DirectoryPart,
  each: (at: number, length: number, inode: number, nameLength: number) => void,
): void {
  const { blockSize } = volume.geometry;
  const { view, end } = part;
  for (let at = part.start; at < end;) {
    const left = end - at;
    const length = left >= NAME_AT ? recordLength(view, at, blockSize) : 0;
    const nameLength = left >= NAME_AT ? view.getUint8(at + 6) : 0;
    if (length < 12 || length % 4 !== 0 || length > left || NAME_AT + nameLength > length) {
      throw new CorruptError(
        'ext4_dir_entry_2',
        `directory ${directory}, block ${part.logical}: rec_len is ${length} with name_len ${nameLength} and ${left} bytes left`,
        { offset: part.block * blockSize + at },
      );
    }
    each(at, length, view.getUint32(at, true), nameLength);
    at += length;
  }
}

/** Put the checksum at the end of a directory's block right. `indexed`: the directory has the index flag. */
export function sealDirectoryBlock(volume: Volume, block: number, seed: number, indexed: boolean): void {
  const { blockSize, checksums } = volume.geometry;
  if (!checksums) return;
  const { bytes, view } = volume.blocks.change(block);
  const countAt = indexed ? indexCountOffset(bytes, 0, blockSize) : -1;
  if (countAt >= 0) {
    const limit = view.getUint16(countAt, true);
    const count = view.getUint16(countAt + 2, true);
    const tail = countAt + limit * 8;
    if (tail + 8 > blockSize) return;
    let crc = crc32cRaw(seed, bytes, 0, countAt + count * 8);
    crc = crc32cRaw(crc, bytes, tail, tail + 4);
    view.setUint32(tail + 4, crcOfZeroes(crc, 4), true);
    return;
  }
  const tail = blockSize - DIRENT_TAIL_SIZE;
  view.setUint32(tail + 8, crc32cRaw(seed, bytes, 0, tail), true);
}

/** Write the entry that carries a block's checksum at its end. */
export function putTail(view: DataView, blockSize: number): void {
  const tail = blockSize - DIRENT_TAIL_SIZE;
  view.setUint32(tail, 0, true);
  view.setUint32(tail + 4, DIRENT_TAIL_SIZE + DIRENT_TAIL_TYPE * 0x1000000, true);
}

/** Change bytes of a part and put the checksum of its holder right. */
export function changePart(
  volume: Volume,
  directory: number,
  part: DirectoryPart,
  change: (view: DataView, bytes: Uint8Array) => void,
): void {
  if (part.inline) {
    const inode = volume.changeInode(directory);
    change(inode.view, inode.bytes);
    volume.sealInode(inode);
    return;
  }
  const block = volume.blocks.change(part.block);
  change(block.view, block.bytes);
  const inode = volume.readInode(directory);
  const indexed = (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_INDEX) !== 0;
  sealDirectoryBlock(volume, part.block, volume.seedOf(inode), indexed);
}
