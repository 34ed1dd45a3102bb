import type { BlockDevice } from '../../../block/device.ts';
import { CorruptError } from '../../../errors/index.ts';
import type { StoredBlock } from '../writer/contract.ts';

/** Blocks that were read and are kept, whatever their size. */
const CACHE_BLOCKS = 512;

/** Changed blocks of a filesystem in memory over the device, until they are written all together. */
export class StagedBlocks {
  readonly device: BlockDevice;
  readonly blockSize: number;
  /** Changed blocks by number. */
  readonly changed = new Map<number, StoredBlock>();
  readonly #cache = new Map<number, StoredBlock>();

  constructor(device: BlockDevice, blockSize: number) {
    this.device = device;
    this.blockSize = blockSize;
  }

  /** The block as it is now. Do not change it in place. Throws CorruptError where the device has no such block. */
  read(number: number): StoredBlock {
    const known = this.changed.get(number) ?? this.#cache.get(number);
    if (known !== undefined) return known;
    const block = this.#blank(number);
    this.device.readAt(number * this.blockSize, block.bytes);
    if (this.#cache.size >= CACHE_BLOCKS) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    this.#cache.set(number, block);
    return block;
  }

  /** The block to be changed in place. */
  change(number: number): StoredBlock {
    const known = this.changed.get(number);
    if (known !== undefined) return known;
    const block = this.read(number);
    this.#cache.delete(number);
    this.changed.set(number, block);
    return block;
  }

  /** A block of which all content is new: zeroes. */
  create(number: number): StoredBlock {
    const block = this.#blank(number);
    this.#cache.delete(number);
    this.changed.set(number, block);
    return block;
  }

  /** Read a run of blocks as they are now. `into` holds `count` blocks. */
  readRun(number: number, count: number, into: Uint8Array): void {
    this.device.readAt(number * this.blockSize, into.subarray(0, count * this.blockSize));
    if (this.changed.size === 0) return;
    for (let i = 0; i < count; i++) {
      const block = this.changed.get(number + i);
      if (block !== undefined) into.set(block.bytes, i * this.blockSize);
    }
  }

  /** Write a run of blocks straight to the device: data into free space, which no change is staged for. */
  writeRun(number: number, from: Uint8Array): void {
    for (let i = 0; i * this.blockSize < from.length; i++) {
      this.#cache.delete(number + i);
      this.changed.delete(number + i);
    }
    this.device.writeAt(number * this.blockSize, from);
  }

  /** A block is free now: what was staged for it is of no interest. */
  forget(number: number): void {
    this.changed.delete(number);
    this.#cache.delete(number);
  }

  /** Everything staged has been written. */
  written(): void {
    this.changed.clear();
  }

  /** Drop all changes and what was read. */
  clear(): void {
    this.changed.clear();
    this.#cache.clear();
  }

  #blank(number: number): StoredBlock {
    const blocks = Math.floor(this.device.size / this.blockSize);
    if (!(number >= 0 && number < blocks)) {
      throw new CorruptError(
        'ext4 block number',
        `something leads to block ${number}, expected one of the ${blocks} of the device`,
      );
    }
    const bytes = new Uint8Array(this.blockSize);
    return { number, bytes, view: new DataView(bytes.buffer) };
  }
}
