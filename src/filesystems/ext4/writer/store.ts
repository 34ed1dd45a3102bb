import { clockMilliseconds } from '../../../bytes/clock.ts';
import type { BlockDevice } from '../../../block/device.ts';
import { CorruptError } from '../../../errors/index.ts';
import type { Timestamp } from '../../writer.ts';
import type { CachedBlock, LiveBlocks } from '../block-cache.ts';
import type { Geometry } from '../superblock.ts';
import type { MetadataStore, StoredBlock } from './contract.ts';

/** Bytes of unchanged metadata that are kept in memory. */
const CLEAN_BYTES = 16 * 1024 * 1024;
/** Blocks that one block of the log revokes at least. */
export const REVOKED_IN_BLOCK = 100;
/** Blocks that one device read of inode tables takes at most. */
const READ_AHEAD_BYTES = 64 * 1024;

/** What a block holds, as far as it matters for the order of writes; the rest is contents of directories and such. */
export type BlockRole = 'bitmap' | 'descriptors' | 'inodes' | 'superblock' | 'map' | 'attributes' | 'quota';

/** A metadata block in memory, unchanged or changed since the last commit. */
export class BlockEntry implements CachedBlock, StoredBlock {
  number: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** See {@link CachedBlock}. */
  verifiedFor = -1;
  /** One flag for each thing in the block that has a checksum of its own (inodes, descriptors). */
  verified: Uint8Array | undefined;
  /** True if it differs from what the device, or the log, has. */
  dirty = false;
  /** True if it was allocated in the running transaction: nothing on disk points to it. */
  fresh = false;
  /** The contents before the running operation; undefined where that has not changed them. */
  undo: Uint8Array | undefined;
  undoDirty = false;
  role: BlockRole | undefined;
  /** What the device has, where the store keeps that and the block is not fresh. */
  base: Uint8Array | undefined;
  /** True if the running operation made it: there is nothing to go back to. */
  made = false;
  /** True if it was asked for since it was last thought of forgetting it. */
  used = false;

  constructor(number: number, bytes: Uint8Array) {
    this.number = number;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** A part of the writer that has state of its own beside blocks. */
export interface OperationPart {
  /** The operation is about to end well: put right what was left for its end. May change blocks. */
  finish?(): void;
  /** The operation ended well. */
  settle?(): void;
  /** The operation failed: forget what it did. */
  undo?(): void;
}

/** What {@link BlockStore} is made with. */
export interface StoreOptions {
  /** True to keep what the device has of each changed block. */
  keepsBases?: boolean;
  /** The time that operations are stamped with. */
  clock?: () => Timestamp;
}

function systemClock(): Timestamp {
  const milliseconds = clockMilliseconds();
  return { seconds: Math.floor(milliseconds / 1000), nanoseconds: (milliseconds % 1000) * 1_000_000 };
}

/** Blocks of metadata with all changes of the running transaction, and the way back out of the running operation. */
export class BlockStore implements MetadataStore, LiveBlocks {
  readonly geometry: Geometry;
  readonly #device: BlockDevice;
  readonly #clock: () => Timestamp;
  readonly #clean = new Map<number, BlockEntry>();
  readonly #dirty = new Map<number, BlockEntry>();
  readonly #cleanCapacity: number;
  readonly #keepsBases: boolean;
  readonly #parts: OperationPart[] = [];
  readonly #pool: Uint8Array[] = [];
  #last: BlockEntry | undefined;
  /** Blocks that the running operation changed. */
  #touched: BlockEntry[] = [];
  /** Metadata blocks that the running operation freed. */
  #droppedNumbers: number[] = [];
  #running = false;
  #now: Timestamp | undefined;
  /** Metadata blocks freed in the running transaction: what the log has of them must not be replayed. */
  readonly revoked = new Set<number>();

  /** Sets a bit in the superblock; given by the superblock's keeper. */
  featureSetter: (word: 'compat' | 'incompat' | 'roCompat', bit: number) => void = () => {};

  constructor(device: BlockDevice, geometry: Geometry, options: StoreOptions = {}) {
    this.#device = device;
    this.geometry = geometry;
    this.#clock = options.clock ?? systemClock;
    this.#keepsBases = options.keepsBases ?? false;
    this.#cleanCapacity = Math.max(64, Math.floor(CLEAN_BYTES / geometry.blockSize));
  }

  /** Let a part hear of the ends of operations; in the order of joining. */
  join(part: OperationPart): void {
    this.#parts.push(part);
  }

  get running(): boolean {
    return this.#running;
  }

  /** Blocks that differ from the device: the size of the running transaction. */
  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /** Blocks that the running operation has changed so far, and what revoking those that it freed takes in the log. */
  get touchedCount(): number {
    return this.#touched.length + Math.floor(this.#droppedNumbers.length / REVOKED_IN_BLOCK);
  }

  dirtyBlocks(): Iterable<BlockEntry> {
    return this.#dirty.values();
  }

  now(): Timestamp {
    return (this.#now ??= this.#clock());
  }

  enableFeature(word: 'compat' | 'incompat' | 'roCompat', bit: number): void {
    this.featureSetter(word, bit);
  }

  read(number: number): BlockEntry {
    return this.get(number, 'block', 'the filesystem');
  }

  get(number: number, structure: string, owner: string): BlockEntry {
    const last = this.#last;
    if (last !== undefined && last.number === number) return last;
    let entry = this.#dirty.get(number);
    if (entry === undefined) {
      entry = this.#clean.get(number);
      if (entry === undefined) {
        entry = this.#load(number, structure, owner);
        this.#clean.set(number, entry);
      }
    }
    entry.used = true;
    this.#last = entry;
    return entry;
  }

  change(number: number): BlockEntry {
    const entry = this.read(number);
    if (entry.undo === undefined && !entry.made) {
      const undo = this.#pool.pop() ?? new Uint8Array(this.geometry.blockSize);
      undo.set(entry.bytes);
      entry.undo = undo;
      entry.undoDirty = entry.dirty;
      this.#touched.push(entry);
    }
    entry.verifiedFor = -1;
    if (!entry.dirty) {
      if (this.#keepsBases) entry.base = entry.bytes.slice();
      entry.dirty = true;
      this.#clean.delete(number);
      this.#dirty.set(number, entry);
    }
    return entry;
  }

  create(number: number): BlockEntry {
    this.#checkNumber(number, 'block', 'the allocator');
    let entry = this.#dirty.get(number) ?? this.#clean.get(number);
    if (entry !== undefined) {
      // Known from before (an inode table that was never written): what it held goes.
      this.change(number).bytes.fill(0);
      entry.verified?.fill(1);
      return entry;
    }
    entry = new BlockEntry(number, new Uint8Array(this.geometry.blockSize));
    entry.dirty = true;
    entry.fresh = true;
    entry.made = true;
    this.#touched.push(entry);
    this.#dirty.set(number, entry);
    this.#last = entry;
    return entry;
  }

  /** A metadata block was freed: what is known of it goes when the operation ends, and the log's copies of it too. */
  drop(number: number): void {
    this.#droppedNumbers.push(number);
  }

  /**
   * Do something as one operation: all of it, or nothing. An operation within an operation is part of it. Throws what
   * `action` throws, after everything is as it was.
   */
  operation<T>(action: () => T): T {
    if (this.#running) return action();
    this.#running = true;
    this.#now = undefined;
    let result: T;
    try {
      result = action();
      for (const part of this.#parts) part.finish?.();
    } catch (error) {
      this.#undo();
      throw error;
    } finally {
      this.#running = false;
    }
    this.#settle();
    return result;
  }

  #settle(): void {
    for (const entry of this.#touched) {
      if (entry.undo !== undefined) this.#pool.push(entry.undo);
      entry.undo = undefined;
      entry.made = false;
    }
    this.#touched.length = 0;
    for (const number of this.#droppedNumbers) {
      this.#forget(number);
      this.revoked.add(number);
    }
    this.#droppedNumbers.length = 0;
    if (this.#pool.length > 64) this.#pool.length = 64;
    for (const part of this.#parts) part.settle?.();
    this.#trimClean();
  }

  #undo(): void {
    for (const entry of this.#touched) {
      if (entry.made) {
        entry.made = false;
        this.#dirty.delete(entry.number);
      } else if (entry.undo !== undefined) {
        entry.bytes.set(entry.undo);
        this.#pool.push(entry.undo);
        entry.undo = undefined;
        if (!entry.undoDirty) {
          entry.dirty = false;
          this.#dirty.delete(entry.number);
          this.#clean.set(entry.number, entry);
        }
      }
      entry.verifiedFor = -1;
    }
    this.#touched.length = 0;
    this.#droppedNumbers.length = 0;
    this.#last = undefined;
    for (const part of this.#parts) part.undo?.();
  }

  #forget(number: number): void {
    this.#dirty.delete(number);
    this.#clean.delete(number);
    if (this.#last?.number === number) this.#last = undefined;
  }

  /** The transaction is durable and in place: nothing differs any more. */
  committed(): void {
    for (const entry of this.#dirty.values()) {
      entry.dirty = false;
      entry.fresh = false;
      entry.base = undefined;
      this.#clean.set(entry.number, entry);
    }
    this.#dirty.clear();
    this.revoked.clear();
    this.#trimClean();
  }

  /** Forget blocks that were not changed, since something else has written to the device. */
  forgetClean(): void {
    this.#clean.clear();
    this.#last = undefined;
  }

  #trimClean(): void {
    // Entries that were handed out stay valid objects; they are only no longer found.
    if (this.#clean.size <= this.#cleanCapacity) return;
    let excess = this.#clean.size - Math.floor(this.#cleanCapacity * 0.75);
    // What was used gets another round. Moving it to the end at each use would leave a hash map full of removed entries
    // of the same few keys, all in the same chains.
    for (const [number, entry] of this.#clean) {
      if (excess <= 0) break;
      this.#clean.delete(number);
      if (entry.used) {
        entry.used = false;
        this.#clean.set(number, entry);
      } else {
        excess--;
      }
    }
    this.#last = undefined;
  }

  #checkNumber(number: number, structure: string, owner: string): void {
    const { firstDataBlock, blocksCount } = this.geometry;
    if (!(number >= firstDataBlock && number < blocksCount)) {
      throw new CorruptError(
        structure,
        `${owner} points to block ${number}, expected ${firstDataBlock} to ${blocksCount - 1}`,
      );
    }
  }

  #load(number: number, structure: string, owner: string): BlockEntry {
    this.#checkNumber(number, structure, owner);
    const entry = new BlockEntry(number, new Uint8Array(this.geometry.blockSize));
    this.#device.readAt(number * this.geometry.blockSize, entry.bytes);
    return entry;
  }

  /** Read a run of blocks at once, for those that are likely to be wanted together; known ones stay as they are. */
  readAhead(first: number, count: number): void {
    const { blockSize } = this.geometry;
    const most = Math.min(count, Math.floor(READ_AHEAD_BYTES / blockSize));
    if (most < 2) return;
    const bytes = new Uint8Array(most * blockSize);
    this.#device.readAt(first * blockSize, bytes);
    for (let i = 0; i < most; i++) {
      const number = first + i;
      if (this.#dirty.has(number) || this.#clean.has(number)) continue;
      this.#clean.set(number, new BlockEntry(number, bytes.slice(i * blockSize, (i + 1) * blockSize)));
    }
  }

  /** True if the block is in memory. */
  has(number: number): boolean {
    return this.#dirty.has(number) || this.#clean.has(number);
  }

  /** Read from the device as it will be once everything is in place. */
  readThrough(offset: number, into: Uint8Array): void {
    const { blockSize } = this.geometry;
    const dirty = this.#dirty;
    if (dirty.size === 0) {
      this.#device.readAt(offset, into);
      return;
    }
    const end = offset + into.length;
    let plain = offset;
    for (let number = Math.floor(offset / blockSize); number * blockSize < end; number++) {
      const entry = dirty.get(number);
      if (entry === undefined) continue;
      const start = Math.max(offset, number * blockSize);
      const stop = Math.min(end, (number + 1) * blockSize);
      if (plain < start) this.#device.readAt(plain, into.subarray(plain - offset, start - offset));
      into.set(entry.bytes.subarray(start - number * blockSize, stop - number * blockSize), start - offset);
      plain = stop;
    }
    if (plain < end) this.#device.readAt(plain, plain === offset ? into : into.subarray(plain - offset));
  }
}
