import { crc32cRaw, crc32cZeroes } from '../../../../bytes/crc32c.ts';
import { CorruptError, GuestfsError } from '../../../../errors/index.ts';
import { crcOfZeroes, inodeSeed } from '../../checksum.ts';
import { indexCountOffset, verifyDirectoryBlock, type DirectoryPiece } from '../../directory.ts';
import {
  COMPAT_DIR_INDEX,
  COMPAT_HAS_JOURNAL,
  INCOMPAT_FILETYPE,
  INCOMPAT_LARGEDIR,
} from '../../features.ts';
import { DX_ROOT_COUNT } from '../../htree.ts';
import {
  DIRENT_TAIL_SIZE,
  DIRENT_TAIL_TYPE,
  INODE_ENCRYPT,
  INODE_INDEX,
  INODE_INLINE_DATA,
  Inode,
  S_IFDIR,
  S_IFMT,
} from '../../layout.ts';
import { inodeSize } from '../../stat.ts';
import type { StoredBlock, WriterParts } from '../contract.ts';
import { getU32, setU32, type EntryRun } from './entries.ts';

/** Largest size of a directory whose size has 32 bits, of which Linux uses 31. */
const SMALL_DIRECTORY_LIMIT = 0x7fffffff;
/** Blocks that are remembered to have had the right checksum. */
const VERIFIED_LIMIT = 8192;

/** One directory while an operation works on it. */
export interface Folder {
  readonly number: number;
  flags: number;
  /** Bytes. */
  size: number;
  /** Blocks; 0 for an inline directory. */
  blocks: number;
  readonly generation: number;
  /** Checksum seed of its blocks. */
  readonly seed: number;
}

/** Reads and changes the blocks of directories; checksums are verified once and set by `seal`. */
export class Folders {
  readonly parts: WriterParts;
  readonly typed: boolean;
  /** Bytes of a leaf block that hold entries. */
  readonly leafBytes: number;
  /**
   * True if blocks may be written in part, there being no journal: then entries are not moved within a block, and trees
   * neither made nor made larger, which takes several blocks at once. With checksums it makes no difference: a block
   * that was written in part is wrong whatever is in it.
   */
  readonly torn: boolean;
  /** Block number to the seed with which its checksum was right. */
  readonly #verified = new Map<number, number>();

  constructor(parts: WriterParts) {
    this.parts = parts;
    const { geometry } = parts.store;
    this.typed = (geometry.incompat & INCOMPAT_FILETYPE) !== 0;
    this.torn = (geometry.compat & COMPAT_HAS_JOURNAL) === 0 && !geometry.checksums;
    this.leafBytes = geometry.blockSize - (geometry.checksums ? DIRENT_TAIL_SIZE : 0);
  }

  /** What is needed of a directory's inode. Throws ENOTDIR. */
  open(number: number): Folder {
    const { geometry } = this.parts.store;
    const inode = this.parts.inodes.read(number);
    const { view, base } = inode;
    const mode = view.getUint16(base + Inode.i_mode, true);
    if ((mode & S_IFMT) !== S_IFDIR) {
      throw new GuestfsError('ENOTDIR', `inode ${number} is not a directory (mode 0${mode.toString(8)})`);
    }
    const flags = view.getUint32(base + Inode.i_flags, true);
    const size = inodeSize(inode, geometry);
    const generation = view.getUint32(base + Inode.i_generation, true);
    const inline = (flags & INODE_INLINE_DATA) !== 0;
    if (!inline && (size % geometry.blockSize !== 0 || size / geometry.blockSize > geometry.blocksCount)) {
      throw new CorruptError(
        'ext4_inode',
        `size of directory ${number} is ${size}, expected a multiple of ${geometry.blockSize} within the filesystem`,
      );
    }
    return {
      number,
      flags,
      size,
      blocks: inline ? 0 : size / geometry.blockSize,
      generation,
      seed: geometry.checksums ? inodeSeed(geometry.checksumSeed, number, generation) : 0,
    };
  }

  /** True if the directory's hash tree is to be followed. */
  isIndexed(folder: Folder): boolean {
    return (folder.flags & INODE_INDEX) !== 0 && (this.parts.store.geometry.compat & COMPAT_DIR_INDEX) !== 0;
  }

  /** Block of a logical number, verified; not to be changed. */
  read(folder: Folder, logical: number): StoredBlock {
    const block = this.parts.store.read(this.#place(folder, logical));
    this.#verify(folder, block);
    return block;
  }

  /** Block of a logical number, verified, to be changed and then sealed. */
  change(folder: Folder, logical: number): StoredBlock {
    const number = this.#place(folder, logical);
    const block = this.parts.store.change(number);
    this.#verify(folder, block);
    return block;
  }

  #place(folder: Folder, logical: number): number {
    const place = this.parts.files.map(folder.number, logical);
    if (place === 0) {
      throw new CorruptError('ext4_dir_entry_2', `directory ${folder.number} has a hole at block ${logical}`);
    }
    return place;
  }

  #verify(folder: Folder, block: StoredBlock): void {
    const { geometry } = this.parts.store;
    if (!geometry.checksums || this.#verified.get(block.number) === folder.seed) return;
    const piece: DirectoryPiece = {
      geometry,
      directory: folder.number,
      offset: block.number * geometry.blockSize,
    };
    verifyDirectoryBlock(piece, block.bytes, 0, folder.seed, (folder.flags & INODE_INDEX) !== 0);
    this.#remember(folder, block);
  }

  #remember(folder: Folder, block: StoredBlock): void {
    if (this.#verified.size >= VERIFIED_LIMIT) this.#verified.clear();
    this.#verified.set(block.number, folder.seed);
  }

  /** Append a block, zeroed; i_size grows. Throws ENOSPC also where a directory may not grow that large. */
  append(folder: Folder): { logical: number; block: StoredBlock } {
    const { geometry } = this.parts.store;
    const logical = folder.blocks;
    const size = (logical + 1) * geometry.blockSize;
    if (size > SMALL_DIRECTORY_LIMIT && (geometry.incompat & INCOMPAT_LARGEDIR) === 0) {
      throw new GuestfsError(
        'ENOSPC',
        `directory ${folder.number} cannot grow to ${size} bytes, at most ${SMALL_DIRECTORY_LIMIT} without large_dir`,
      );
    }
    const block = this.parts.files.grow(folder.number, logical);
    block.bytes.fill(0);
    this.setSize(folder, size);
    this.#remember(folder, block);
    return { logical, block };
  }

  /** Set i_size of a directory made of blocks. */
  setSize(folder: Folder, size: number): void {
    const { geometry } = this.parts.store;
    folder.size = size;
    folder.blocks = size / geometry.blockSize;
    const { view, base } = this.parts.inodes.change(folder.number);
    view.setUint32(base + Inode.i_size_lo, size % 0x100000000, true);
    if (geometry.incompat & INCOMPAT_LARGEDIR) {
      view.setUint32(base + Inode.i_size_high, Math.floor(size / 0x100000000), true);
    }
  }

  /** Set or clear flags of the inode. */
  setFlags(folder: Folder, set: number, clear: number): void {
    const { view, base } = this.parts.inodes.change(folder.number);
    const flags = ((view.getUint32(base + Inode.i_flags, true) | set) & ~clear) >>> 0;
    view.setUint32(base + Inode.i_flags, flags, true);
    folder.flags = flags;
  }

  /** The entries of a leaf block. */
  leaf(folder: Folder, block: StoredBlock): EntryRun {
    return {
      bytes: block.bytes,
      start: 0,
      end: this.leafBytes,
      blockSize: this.parts.store.geometry.blockSize,
      directory: folder.number,
      typed: this.typed,
    };
  }

  /** The entries of any block of a directory; undefined for index nodes, which hold none. */
  entries(folder: Folder, block: StoredBlock): EntryRun | undefined {
    const { blockSize } = this.parts.store.geometry;
    const run = this.leaf(folder, block);
    if ((folder.flags & INODE_INDEX) === 0) return run;
    const countAt = indexCountOffset(block.bytes, 0, blockSize);
    if (countAt === DX_ROOT_COUNT) return { ...run, end: blockSize };
    return countAt < 0 ? run : undefined;
  }

  /** Set the checksum tail of a leaf block that was changed. */
  sealLeaf(folder: Folder, block: StoredBlock): void {
    if (!this.parts.store.geometry.checksums) return;
    const { bytes } = block;
    const tail = this.leafBytes;
    setU32(bytes, tail, 0);
    setU32(bytes, tail + 4, DIRENT_TAIL_SIZE + DIRENT_TAIL_TYPE * 0x1000000);
    setU32(bytes, tail + 8, crc32cRaw(folder.seed, bytes, 0, tail));
  }

  /**
   * Change the bytes of a leaf block from `start` to `end`, and make its checksum, which has to be right, right again:
   * summing up what changes is enough.
   */
  patchLeaf(block: StoredBlock, start: number, end: number, change: () => void): void {
    if (!this.parts.store.geometry.checksums) {
      change();
      return;
    }
    const { bytes } = block;
    const tail = this.leafBytes;
    const before = crc32cRaw(0, bytes, start, end);
    change();
    const difference = crc32cZeroes(before ^ crc32cRaw(0, bytes, start, end), tail - end);
    setU32(bytes, tail + 8, getU32(bytes, tail + 8) ^ difference);
  }

  /** Set the checksum of an index block whose limit and count are at `countAt`. */
  sealIndex(folder: Folder, block: StoredBlock, countAt: number): void {
    if (!this.parts.store.geometry.checksums) return;
    const { bytes, view } = block;
    const tail = countAt + view.getUint16(countAt, true) * 8;
    let crc = crc32cRaw(folder.seed, bytes, 0, countAt + view.getUint16(countAt + 2, true) * 8);
    crc = crc32cRaw(crc, bytes, tail, tail + 4);
    view.setUint32(tail + 4, crcOfZeroes(crc, 4), true);
  }

  /** Throws ENOKEY for an encrypted directory: a name cannot be encrypted without its key. */
  refuseEncrypted(folder: Folder, action: string): void {
    if ((folder.flags & INODE_ENCRYPT) === 0) return;
    throw new GuestfsError(
      'ENOKEY',
      `${action} in directory ${folder.number}: it is encrypted by the guest (fscrypt), its names need a key that is not in the image`,
    );
  }

  /** Count a change of the directory in i_version, as Linux does. */
  countChange(folder: Folder): void {
    const { view, base } = this.parts.inodes.change(folder.number);
    const at = base + Inode.l_i_version;
    const low = (view.getUint32(at, true) + 1) >>> 0;
    view.setUint32(at, low, true);
    if (low !== 0 || this.parts.store.geometry.inodeSize <= 128) return;
    if (view.getUint16(base + Inode.i_extra_isize, true) < Inode.i_version_hi + 4 - 128) return;
    const high = base + Inode.i_version_hi;
    view.setUint32(high, (view.getUint32(high, true) + 1) >>> 0, true);
  }
}
