import type { BlockDevice } from '../../block/device.ts';
import { CorruptError } from '../../errors/index.ts';
import type { Geometry } from './superblock.ts';

/** Memory that cached metadata blocks may take, whatever their size. */
const CACHE_BYTES = 512 * 1024;

/** A metadata block in memory. The buffer is reused after eviction: keep no reference over another read. */
export interface CachedBlock {
  /** Block number in the filesystem. */
  number: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** What has been verified about the contents: the checksum seed of the owner, or -1 for nothing yet. */
  verifiedFor: number;
}

/** Where blocks are while the filesystem is being written: with all changes that were made so far. */
export interface LiveBlocks {
  /** As {@link BlockCache.get}. */
  get(number: number, structure: string, owner: string): CachedBlock;
}

/** A bounded, least recently used cache of metadata blocks: group descriptors, extent nodes, indirect blocks. */
export class BlockCache {
  readonly #device: BlockDevice;
  readonly #geometry: Geometry;
  readonly #capacity: number;
  readonly #blocks = new Map<number, CachedBlock>();
  #last: CachedBlock | undefined;
  #live: LiveBlocks | undefined;

  constructor(device: BlockDevice, geometry: Geometry) {
    this.#device = device;
    this.#geometry = geometry;
    this.#capacity = Math.max(16, Math.floor(CACHE_BYTES / geometry.blockSize));
  }

  /**
   * The contents of a block. `structure` and `owner` name in errors what the block number was found in. Throws
   * CorruptError where the number lies outside the filesystem.
   */
  get(number: number, structure: string, owner: string): CachedBlock {
    if (this.#last !== undefined && this.#last.number === number) return this.#last;
    if (this.#live !== undefined) return this.#live.get(number, structure, owner);
    let block = this.#blocks.get(number);
    if (block === undefined) {
      const { blockSize, firstDataBlock, blocksCount } = this.#geometry;
      if (!(number >= firstDataBlock && number < blocksCount)) {
        throw new CorruptError(
          structure,
          `${owner} points to block ${number}, expected ${firstDataBlock} to ${blocksCount - 1}`,
        );
      }
      block = this.#take(blockSize);
      this.#device.readAt(number * blockSize, block.bytes);
      block.number = number;
      block.verifiedFor = -1;
    } else {
      this.#blocks.delete(number);
    }
    this.#blocks.set(number, block);
    this.#last = block;
    return block;
  }

  /** From now on, take all blocks from a writer. */
  attach(live: LiveBlocks): void {
    this.clear();
    this.#live = live;
  }

  #take(blockSize: number): CachedBlock {
    if (this.#blocks.size >= this.#capacity) {
      for (const [number, oldest] of this.#blocks) {
        this.#blocks.delete(number);
        // A read that fails must not leave a half-filled buffer under its old number.
        oldest.number = -1;
        if (this.#last === oldest) this.#last = undefined;
        return oldest;
      }
    }
    const bytes = new Uint8Array(blockSize);
    return { number: -1, bytes, view: new DataView(bytes.buffer), verifiedFor: -1 };
  }

  clear(): void {
    this.#blocks.clear();
    this.#last = undefined;
  }
}
