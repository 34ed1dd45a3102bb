import type { BlockDevice } from '../../block/device.ts';
import { decodeText, encodeText } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import type { DirEntry } from '../filesystem.ts';
import type { BlockCache, CachedBlock } from './block-cache.ts';
import {
  decodeEntries,
  directoryMark,
  exactName,
  indexCountOffset,
  searchEntries,
  verifyDirectoryBlock,
  type DirectoryPiece,
  type NameDecoder,
  type WantedName,
} from './directory.ts';
import { foldedName } from './casefold.ts';
import { noKeyDecoder, wantedNoKey } from './fscrypt.ts';
import { DX_ROOT_COUNT, DX_ROOT_VERSION, lookupIndexed } from './htree.ts';
import type { InodeTable } from './inodes.ts';
import { fileTypeOf, I_BLOCK_SIZE, INODE_CASEFOLD, INODE_ENCRYPT, INODE_INDEX, Inode } from './layout.ts';
import type { BlockMapper, MapSource, Run } from './mapping.ts';
import type { DirectoryPatch } from './patches.ts';
import type { Geometry } from './superblock.ts';

/** Bytes of a directory decoded at once: the bound on the entries that wait to be taken. */
const CHUNK_BYTES = 64 * 1024;

/** What these functions need of a directory's inode. */
export interface DirectoryFile {
  readonly number: number;
  readonly flags: number;
  readonly size: number;
  readonly source: MapSource;
  /** Entries that lie in the inode: 4 bytes of parent, 56 bytes of entries, then those of `system.data`. */
  readonly inline: Uint8Array | undefined;
}

/** Lists and searches directories. */
export class Directories {
  readonly #device: BlockDevice;
  readonly #geometry: Geometry;
  readonly #blocks: BlockCache;
  readonly #mapper: BlockMapper;
  readonly #inodes: InodeTable;
  readonly #patches: ReadonlyMap<number, DirectoryPatch> | undefined;
  /** Grows to what the largest chunk needed and is used anew for each. */
  #scratch: Uint8Array;

  constructor(
    device: BlockDevice,
    geometry: Geometry,
    blocks: BlockCache,
    mapper: BlockMapper,
    inodes: InodeTable,
    patches: ReadonlyMap<number, DirectoryPatch> | undefined,
  ) {
    this.#device = device;
    this.#geometry = geometry;
    this.#blocks = blocks;
    this.#mapper = mapper;
    this.#inodes = inodes;
    this.#patches = patches;
    this.#scratch = new Uint8Array(geometry.blockSize);
  }

  /** Entries in stored order, without `.` and `..`, a chunk of blocks at a time. */
  entries(file: DirectoryFile): Iterable<DirEntry> {
    const patch = this.#patches?.get(file.number);
    return patch === undefined ? this.#stored(file) : this.#patched(file, patch);
  }

  *#patched(file: DirectoryFile, patch: DirectoryPatch): Iterable<DirEntry> {
    if (!patch.fresh) {
      for (const entry of this.#stored(file)) {
        if (!patch.removed.has(entry.name) && !patch.added.has(entry.name)) yield entry;
      }
    }
    for (const [name, { inode }] of patch.added) {
      const { view, base } = this.#inodes.aim(inode);
      yield { name, inode, type: fileTypeOf(view.getUint16(base + Inode.i_mode, true)) };
    }
  }

  *#stored(file: DirectoryFile): Iterable<DirEntry> {
    const piece: DirectoryPiece = { geometry: this.#geometry, directory: file.number, offset: -1 };
    const decode = file.flags & INODE_ENCRYPT ? this.#noKeyDecoder(file) : undefined;
    if (file.inline !== undefined) {
      const entries: DirEntry[] = [];
      decodeEntries(piece, file.inline, 4, I_BLOCK_SIZE, entries, decode);
      if (file.inline.length > I_BLOCK_SIZE) {
        decodeEntries(piece, file.inline, I_BLOCK_SIZE, file.inline.length, entries, decode);
      }
      yield* entries;
      return;
    }
    const { blockSize } = this.#geometry;
    const count = this.#countBlocks(file);
    const perChunk = Math.max(1, CHUNK_BYTES / blockSize);
    const run: Run = { block: 0, length: 0, kind: 'hole' };
    for (let logical = 0; logical < count;) {
      this.#map(file, logical, run);
      const blocks = Math.min(run.length, count - logical, perChunk);
      // All of the chunk is decoded before the first entry is handed out: the taker may list other directories,
      // which use the same scratch.
      yield* this.#chunk(piece, file, run.block, blocks, decode);
      logical += blocks;
    }
  }

  #chunk(
    piece: DirectoryPiece,
    file: DirectoryFile,
    block: number,
    blocks: number,
    decode: NameDecoder | undefined,
  ): DirEntry[] {
    const { blockSize, checksums } = this.#geometry;
    if (this.#scratch.length < blocks * blockSize) this.#scratch = new Uint8Array(blocks * blockSize);
    const bytes = this.#scratch;
    piece.offset = block * blockSize;
    this.#device.readAt(piece.offset, bytes.subarray(0, blocks * blockSize));
    const entries: DirEntry[] = [];
    const indexed = (file.flags & INODE_INDEX) !== 0;
    for (let at = 0; at < blocks * blockSize; at += blockSize) {
      if (checksums) verifyDirectoryBlock(piece, bytes, at, file.source.seed, indexed);
      decodeEntries(piece, bytes, at, at + blockSize, entries, decode);
    }
    return entries;
  }

  /** Inode of the entry with this name, or 0. */
  lookup(file: DirectoryFile, name: string): number {
    const wanted = this.#wanted(file, name);
    if (wanted === undefined) return 0;
    const patch = this.#patches?.get(file.number);
    if (patch !== undefined) {
      for (const { bytes, inode } of patch.added.values()) {
        if (wanted.matches(bytes, 0, bytes.length)) return inode;
      }
      if (patch.fresh || patch.removed.has(name)) return 0;
    }
    const piece: DirectoryPiece = { geometry: this.#geometry, directory: file.number, offset: -1 };
    if (file.inline !== undefined) {
      const found = searchEntries(piece, file.inline, 4, I_BLOCK_SIZE, wanted);
      if (found !== 0 || file.inline.length === I_BLOCK_SIZE) return found;
      return searchEntries(piece, file.inline, I_BLOCK_SIZE, file.inline.length, wanted);
    }
    const count = this.#countBlocks(file);
    const { blockSize } = this.#geometry;
    if (file.flags & INODE_INDEX && count > 1 && wanted.hashed.length > 0) {
      const read = (logical: number): CachedBlock => this.#block(piece, file, logical);
      const found = lookupIndexed(this.#geometry, file.number, count, read, wanted);
      if (found !== undefined && (found !== 0 || !wanted.hashIsGuess)) return found;
    }
    for (let logical = 0; logical < count; logical++) {
      const block = this.#block(piece, file, logical);
      const found = searchEntries(piece, block.bytes, 0, blockSize, wanted);
      if (found !== 0) return found;
    }
    return 0;
  }

  /** How a name of raw bytes is shown in this directory. */
  showName(file: DirectoryFile, name: Uint8Array): string {
    return file.flags & INODE_ENCRYPT ? this.#noKeyDecoder(file)(name, 0, name.length) : decodeText(name);
  }

  /** How this directory compares names; undefined where no entry can have the name. */
  #wanted(file: DirectoryFile, name: string): WantedName | undefined {
    if (file.flags & INODE_ENCRYPT) return wantedNoKey(name, () => this.#noKeyDecoder(file));
    const bytes = encodeText(name);
    if (bytes.length === 0 || bytes.length > 255) return undefined;
    return file.flags & INODE_CASEFOLD ? foldedName(name, bytes) : exactName(bytes);
  }

  #noKeyDecoder(file: DirectoryFile): NameDecoder {
    let version = this.#geometry.superBlock.s_def_hash_version;
    if (file.flags & INODE_INDEX && file.inline === undefined) {
      const piece: DirectoryPiece = { geometry: this.#geometry, directory: file.number, offset: -1 };
      const root = this.#block(piece, file, 0).bytes;
      if (indexCountOffset(root, 0, this.#geometry.blockSize) === DX_ROOT_COUNT)
        version = root[DX_ROOT_VERSION]!;
    }
    return noKeyDecoder(this.#geometry, file, version);
  }

  #run: Run = { block: 0, length: 0, kind: 'hole' };

  #block(piece: DirectoryPiece, file: DirectoryFile, logical: number): CachedBlock {
    this.#map(file, logical, this.#run);
    const block = this.#blocks.get(this.#run.block, 'ext4_dir_entry_2', `directory ${file.number}`);
    piece.offset = block.number * this.#geometry.blockSize;
    const mark = directoryMark(file.source.seed);
    if (this.#geometry.checksums && block.verifiedFor !== mark) {
      verifyDirectoryBlock(piece, block.bytes, 0, file.source.seed, (file.flags & INODE_INDEX) !== 0);
      block.verifiedFor = mark;
    }
    return block;
  }

  #map(file: DirectoryFile, logical: number, run: Run): void {
    this.#mapper.map(file.source, logical, run);
    if (run.kind !== 'data') {
      throw new CorruptError('ext4_dir_entry_2', `directory ${file.number} has a hole at block ${logical}`);
    }
  }

  #countBlocks(file: DirectoryFile): number {
    const { blockSize, blocksCount } = this.#geometry;
    if (file.size % blockSize !== 0 || file.size / blockSize > blocksCount || file.size === 0) {
      throw new CorruptError(
        'ext4_inode',
        `size of directory ${file.number} is ${file.size}, expected a multiple of ${blockSize} within the filesystem`,
      );
    }
    return file.size / blockSize;
  }
}
