import type { ExtentKind } from '../../block/device.ts';
import { crc32cRaw } from '../../bytes/crc32c.ts';
import { CorruptError } from '../../errors/index.ts';
import type { BlockCache, CachedBlock } from './block-cache.ts';
import { inodeSeed } from './checksum.ts';
import {
  EXTENT_INIT_MAX_LEN,
  EXTENT_MAGIC,
  EXTENT_MAX_DEPTH,
  I_BLOCK_SIZE,
  INODE_EXTENTS,
  Inode,
} from './layout.ts';
import type { InodeView } from './inodes.ts';
import type { ExtentList } from './patches.ts';
import type { Geometry } from './superblock.ts';

/** A run of file blocks that lie together on the device, or together nowhere. */
export interface Run {
  /** First block on the device; 0 unless `kind` is `data`. */
  block: number;
  /** Blocks from the asked one to the end of the run; at least 1. */
  length: number;
  /** `zero` for allocated blocks that were never written. */
  kind: ExtentKind;
}

/** What mapping needs of an inode; copied, so that it survives the inode's window. */
export interface MapSource {
  number: number;
  /** The 60 bytes of `i_block`. */
  readonly iBlock: DataView;
  usesExtents: boolean;
  /** Checksum seed of the inode's blocks; without checksums, any number of its own. */
  seed: number;
}

const HEADER = 12;
const ENTRY = 12;
const TAIL = 4;
/** One more than the largest file block number. */
const BLOCK_LIMIT = 0x100000000;

/** A MapSource without contents, to be filled by {@link fillMapSource}. */
export function newMapSource(): MapSource {
  return { number: 0, iBlock: new DataView(new ArrayBuffer(I_BLOCK_SIZE)), usesExtents: false, seed: 0 };
}

/** Copy what mapping needs out of an inode. */
export function fillMapSource(source: MapSource, inode: InodeView, geometry: Geometry): MapSource {
  const { base, bytes, view } = inode;
  source.number = inode.number;
  source.usesExtents = (view.getUint32(base + Inode.i_flags, true) & INODE_EXTENTS) !== 0;
  source.seed = geometry.checksums
    ? inodeSeed(geometry.checksumSeed, inode.number, view.getUint32(base + Inode.i_generation, true))
    : inode.number;
  new Uint8Array(source.iBlock.buffer).set(
    bytes.subarray(base + Inode.i_block, base + Inode.i_block + I_BLOCK_SIZE),
  );
  return source;
}

/** Finds where the blocks of files are, through extent trees and through indirect blocks. */
export class BlockMapper {
  readonly #geometry: Geometry;
  readonly #blocks: BlockCache;
  readonly #patched: ReadonlyMap<number, ExtentList> | undefined;

  constructor(geometry: Geometry, blocks: BlockCache, patched?: ReadonlyMap<number, ExtentList>) {
    this.#geometry = geometry;
    this.#blocks = blocks;
    this.#patched = patched;
  }

  /** Most blocks that a file can have by the kind of its map. */
  maxBlocks(usesExtents: boolean): number {
    if (usesExtents) return BLOCK_LIMIT;
    const pointers = this.#geometry.blockSize / 4;
    return Math.min(BLOCK_LIMIT, 12 + pointers + pointers ** 2 + pointers ** 3);
  }

  /** Where file block `logical` is, into `run`. Throws CorruptError where the map contradicts itself. */
  map(source: MapSource, logical: number, run: Run): void {
    const patched = this.#patched?.get(source.number);
    if (patched !== undefined) patched.map(logical, run);
    else if (source.usesExtents) this.#mapExtents(source, logical, run);
    else this.#mapIndirect(source, logical, run);
  }

  #mapExtents(source: MapSource, logical: number, run: Run): void {
    let view = source.iBlock;
    let end = I_BLOCK_SIZE;
    let where = -1;
    let depth = this.#checkNode(source, view, end, where, -1);
    // The next entry to the right, at any level above, ends every hole found below.
    let limit = BLOCK_LIMIT;
    for (;;) {
      const entries = view.getUint16(2, true);
      const index = lastNotAfter(view, entries, logical);
      if (depth === 0) {
        this.#leaf(source, view, entries, index, logical, limit, where, run);
        return;
      }
      if (entries === 0) {
        throw this.#corrupt(source, where, 'interior node has 0 entries, expected at least 1');
      }
      const at = HEADER + Math.max(index, 0) * ENTRY;
      if (Math.max(index, 0) + 1 < entries) limit = Math.min(limit, view.getUint32(at + ENTRY, true));
      const child = view.getUint32(at + 4, true) + view.getUint16(at + 8, true) * 0x100000000;
      const block = this.#blocks.get(child, 'ext4_extent_idx', `inode ${source.number}`);
      where = child;
      view = block.view;
      end = this.#geometry.blockSize - (this.#geometry.checksums ? TAIL : 0);
      if (block.verifiedFor !== source.seed) {
        depth = this.#checkNode(source, view, end, where, depth - 1);
        if (this.#geometry.checksums) this.#verify(source, block);
        block.verifiedFor = source.seed;
      } else {
        depth = this.#checkHeader(source, view, end, where, depth - 1);
      }
    }
  }

  #leaf(
    source: MapSource,
    view: DataView,
    entries: number,
    index: number,
    logical: number,
    limit: number,
    where: number,
    run: Run,
  ): void {
    if (index >= 0) {
      const at = HEADER + index * ENTRY;
      const first = view.getUint32(at, true);
      let length = view.getUint16(at + 4, true);
      const unwritten = length > EXTENT_INIT_MAX_LEN;
      if (unwritten) length -= EXTENT_INIT_MAX_LEN;
      if (logical < first + length) {
        const start = view.getUint32(at + 8, true) + view.getUint16(at + 6, true) * 0x100000000;
        const { firstDataBlock, blocksCount } = this.#geometry;
        if (start <= firstDataBlock || start + length > blocksCount) {
          throw this.#corrupt(
            source,
            where,
            `extent of ${length} blocks starts at block ${start}, expected ${firstDataBlock + 1} to ${blocksCount - length}`,
          );
        }
        run.kind = unwritten ? 'zero' : 'data';
        run.block = unwritten ? 0 : start + (logical - first);
        run.length = length - (logical - first);
        return;
      }
    }
    let next = limit;
    if (index + 1 < entries) next = Math.min(next, view.getUint32(HEADER + (index + 1) * ENTRY, true));
    run.kind = 'hole';
    run.block = 0;
    // An index entry that promises less than the leaf holds would make this nothing: step on by one.
    run.length = Math.max(1, next - logical);
  }

  #checkHeader(source: MapSource, view: DataView, end: number, where: number, expectedDepth: number): number {
    const magic = view.getUint16(0, true);
    if (magic !== EXTENT_MAGIC) {
      throw this.#corrupt(source, where, `eh_magic is 0x${magic.toString(16)}, expected 0xf30a`);
    }
    const depth = view.getUint16(6, true);
    if (depth > EXTENT_MAX_DEPTH || (expectedDepth >= 0 && depth !== expectedDepth)) {
      const expected = expectedDepth >= 0 ? `${expectedDepth}` : `at most ${EXTENT_MAX_DEPTH}`;
      throw this.#corrupt(source, where, `eh_depth is ${depth}, expected ${expected}`);
    }
    const entries = view.getUint16(2, true);
    const capacity = Math.floor((end - HEADER) / ENTRY);
    if (entries > view.getUint16(4, true) || entries > capacity) {
      throw this.#corrupt(source, where, `eh_entries is ${entries}, there is room for ${capacity}`);
    }
    return depth;
  }

  /** Header, and the order of the entries that the binary search relies on. */
  #checkNode(source: MapSource, view: DataView, end: number, where: number, expectedDepth: number): number {
    const depth = this.#checkHeader(source, view, end, where, expectedDepth);
    const entries = view.getUint16(2, true);
    let next = 0;
    for (let i = 0; i < entries; i++) {
      const at = HEADER + i * ENTRY;
      const first = view.getUint32(at, true);
      if (first < next) {
        throw this.#corrupt(
          source,
          where,
          `entry ${i} begins at file block ${first}, expected ${next} or more`,
        );
      }
      let length = 1;
      if (depth === 0) {
        length = view.getUint16(at + 4, true);
        if (length > EXTENT_INIT_MAX_LEN) length -= EXTENT_INIT_MAX_LEN;
        if (length === 0) throw this.#corrupt(source, where, `entry ${i} has length 0`);
      }
      next = first + length;
      if (next > BLOCK_LIMIT) {
        throw this.#corrupt(source, where, `entry ${i} ends at file block ${next}, expected at most 2^32`);
      }
    }
    return depth;
  }

  #verify(source: MapSource, block: CachedBlock): void {
    // The checksum follows the last entry that fits, which leaves at least its 4 bytes in every block size.
    const at = HEADER + block.view.getUint16(4, true) * ENTRY;
    if (at + TAIL > block.bytes.length) {
      throw this.#corrupt(
        source,
        block.number,
        `eh_max is ${block.view.getUint16(4, true)}, more than fits a block`,
      );
    }
    const stored = block.view.getUint32(at, true);
    const computed = crc32cRaw(source.seed, block.bytes, 0, at);
    if (stored !== computed) {
      throw new CorruptError(
        'ext4_extent_tail',
        `eb_checksum of inode ${source.number} in block ${block.number} is 0x${stored.toString(16)},` +
          ` the contents have 0x${computed.toString(16)}`,
        { offset: block.number * this.#geometry.blockSize + at, checksum: true },
      );
    }
  }

  #mapIndirect(source: MapSource, logical: number, run: Run): void {
    const pointers = this.#geometry.blockSize / 4;
    let rest = logical;
    if (rest < 12) {
      this.#pointers(source, source.iBlock, rest, 12, run);
      return;
    }
    rest -= 12;
    let span = pointers;
    let level = 1;
    while (level <= 3 && rest >= span) {
      rest -= span;
      span *= pointers;
      level++;
    }
    if (level > 3) {
      throw new CorruptError(
        'ext4_inode',
        `block ${logical} of inode ${source.number} is beyond what triple indirect blocks reach`,
      );
    }
    let pointer = source.iBlock.getUint32((11 + level) * 4, true);
    for (;;) {
      if (pointer === 0) {
        run.kind = 'hole';
        run.block = 0;
        run.length = span - rest;
        return;
      }
      const block = this.#blocks.get(pointer, 'indirect block', `inode ${source.number}`);
      span /= pointers;
      const index = Math.floor(rest / span);
      if (span === 1) {
        this.#pointers(source, block.view, index, pointers, run);
        return;
      }
      rest -= index * span;
      pointer = block.view.getUint32(index * 4, true);
    }
  }

  /** The run of equal neighbours that begins at pointer `index` of an array of `count`. */
  #pointers(source: MapSource, view: DataView, index: number, count: number, run: Run): void {
    const first = view.getUint32(index * 4, true);
    let length = 1;
    if (first === 0) {
      while (index + length < count && view.getUint32((index + length) * 4, true) === 0) length++;
      run.kind = 'hole';
      run.block = 0;
      run.length = length;
      return;
    }
    while (index + length < count && view.getUint32((index + length) * 4, true) === first + length) length++;
    const { firstDataBlock, blocksCount } = this.#geometry;
    if (first <= firstDataBlock || first + length > blocksCount) {
      throw new CorruptError(
        'indirect block',
        `inode ${source.number} points to ${length} blocks at ${first}, expected ${firstDataBlock + 1} to ${blocksCount - 1}`,
      );
    }
    run.kind = 'data';
    run.block = first;
    run.length = length;
  }

  #corrupt(source: MapSource, where: number, message: string): CorruptError {
    const place = where < 0 ? 'in the inode' : `in block ${where}`;
    return new CorruptError(
      'ext4_extent_header',
      `extent tree of inode ${source.number}, ${place}: ${message}`,
      where < 0 ? {} : { offset: where * this.#geometry.blockSize },
    );
  }
}

/** Index of the last entry whose file block is not after `logical`; -1 if there is none. */
function lastNotAfter(view: DataView, entries: number, logical: number): number {
  let low = 0;
  let high = entries;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (view.getUint32(HEADER + middle * ENTRY, true) <= logical) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
