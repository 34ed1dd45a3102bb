import type { GrowingFile } from '../../../block/file-growing.ts';
import { CorruptError, GuestfsError } from '../../../errors/index.ts';
import type { QcowImageHeader } from '../header.ts';
import { OFFSET_HIGH, OFFSET_LOW } from '../layout.ts';
import type { Sized } from '../map.ts';
import { windowSize } from '../windows.ts';
import { TABLE, type TableCache } from './cache.ts';

const WORD = 0x100000000;
const BLOCK = 'qcow2 refcount block';

/** Runs of clusters that wait for {@link Refcounts.applyFrees}; from so many on a commit is due. */
const MANY_FREES = 65536;

/** Clusters, first to last. */
export type ClusterRange = readonly [first: number, last: number];

/** How many times each cluster of an image file is referred to, and which are free. Clusters are numbered from 0. */
export class Refcounts implements Sized {
  /** Most references a cluster can have. */
  readonly most: number;
  readonly #file: GrowingFile;
  readonly #header: QcowImageHeader;
  readonly #cache: TableCache;
  readonly #clusterSize: number;
  readonly #bits: number;
  /** Clusters that one refcount block counts. */
  readonly perBlock: number;
  readonly #findProtected: () => readonly ClusterRange[];
  #protected: readonly ClusterRange[] = [];
  /** No cluster before this one is free. */
  #cursor = 0;
  /** Behind the last cluster that was given out. */
  #end: number;
  /** First cluster of what was allocated last. */
  first = 0;
  /** Pairs of first cluster and count. */
  #frees: number[] = [];
  #knownBlock = -1;
  #knownOffset = 0;
  readonly #verified = new Set<number>();

  /** `findProtected` tells what is never given away or written to as a guest's data, whatever its refcount says. */
  constructor(
    file: GrowingFile,
    header: QcowImageHeader,
    cache: TableCache,
    findProtected: () => readonly ClusterRange[],
  ) {
    this.#file = file;
    this.#header = header;
    this.#cache = cache;
    this.#clusterSize = header.clusterSize;
    this.#bits = header.refcountBits;
    this.perBlock = (header.clusterSize * 8) / header.refcountBits;
    this.most = header.refcountBits >= 53 ? Number.MAX_SAFE_INTEGER : 2 ** header.refcountBits - 1;
    this.#findProtected = findProtected;
    this.#protected = findProtected();
    this.#end = Math.ceil(file.size / header.clusterSize);
  }

  /** Bytes of the file once all that was allocated is written. */
  get size(): number {
    return Math.max(this.#file.size, this.#end * this.#clusterSize);
  }

  /** So many clusters wait to be freed that it should be done. */
  get crowded(): boolean {
    return this.#frees.length >= 2 * MANY_FREES;
  }

  get hasFrees(): boolean {
    return this.#frees.length > 0;
  }

  get #tableEntries(): number {
    return (this.#header.refcountTableClusters * this.#clusterSize) / 8;
  }

  /** Offset of a refcount block, 0 where there is none. */
  blockOffset(block: number): number {
    if (block === this.#knownBlock) return this.#knownOffset;
    if (block >= this.#tableEntries) return 0;
    const at = this.#header.refcountTableOffset + block * 8;
    const view = this.#cache.at(at);
    const low = view.getUint32((at % windowSize) + 4);
    const offset = (view.getUint32(at % windowSize) & OFFSET_HIGH) * WORD + ((low & OFFSET_LOW) >>> 0);
    if (offset % this.#clusterSize !== 0 || (offset !== 0 && offset + this.#clusterSize > this.size)) {
      throw new CorruptError(
        'qcow2 refcount table',
        `entry ${block} points at ${offset}, expected a multiple of ${this.#clusterSize} within the file of ${this.size} bytes`,
        { offset: at },
      );
    }
    this.#knownBlock = block;
    this.#knownOffset = offset;
    return offset;
  }

  /** References to a cluster. */
  get(cluster: number): number {
    const block = Math.floor(cluster / this.perBlock);
    const offset = this.blockOffset(block);
    if (offset === 0) return 0;
    return this.#read(offset, cluster - block * this.perBlock);
  }

  #read(block: number, index: number): number {
    const bits = this.#bits;
    const at = block + Math.floor((index * bits) / 8);
    const view = this.#cache.at(at);
    const position = at % windowSize;
    if (bits === 16) return view.getUint16(position);
    if (bits === 32) return view.getUint32(position);
    if (bits === 64) return view.getUint32(position) * WORD + view.getUint32(position + 4);
    if (bits === 8) return view.getUint8(position);
    return (view.getUint8(position) >> ((index * bits) % 8)) & (2 ** bits - 1);
  }

  /** State the references to a cluster, whose refcount block must exist. */
  set(cluster: number, value: number): void {
    const block = Math.floor(cluster / this.perBlock);
    const offset = this.blockOffset(block);
    const index = cluster - block * this.perBlock;
    const bits = this.#bits;
    const at = offset + Math.floor((index * bits) / 8);
    const view = this.#cache.change(at, TABLE.REFCOUNT_BLOCK);
    const position = at % windowSize;
    if (bits === 16) view.setUint16(position, value);
    else if (bits === 32) view.setUint32(position, value);
    else if (bits === 64) {
      view.setUint32(position, Math.floor(value / WORD));
      view.setUint32(position + 4, value % WORD);
    } else if (bits === 8) view.setUint8(position, value);
    else {
      const shift = (index * bits) % 8;
      const mask = (2 ** bits - 1) << shift;
      view.setUint8(position, (view.getUint8(position) & ~mask) | (value << shift));
    }
  }

  /** One reference more. Throws EMLINK where the width of the refcounts has no room for it. */
  increment(cluster: number): void {
    const value = this.get(cluster) + 1;
    if (value > this.most) {
      throw new GuestfsError(
        'EMLINK',
        `cluster ${cluster} has ${value - 1} references, the most that ${this.#bits} bits can count`,
      );
    }
    this.set(cluster, value);
  }

  /**
   * Allocate up to `wanted` clusters that follow each other, from {@link first} on; returns how many there are, at
   * least 1, or `wanted` where `whole` says so. Throws ENOSPC where the device that holds the image is full, and
   * CorruptError where what is in use counts as free.
   */
  allocate(wanted: number, whole = false): number {
    // A block that counts itself leaves fewer than that between itself and the next one.
    if (whole && wanted >= this.perBlock) return this.#allocateBehind(wanted);
    let at = this.#cursor;
    let moveCursor = true;
    for (;;) {
      const block = Math.floor(at / this.perBlock);
      if (block >= this.#tableEntries) {
        this.#growTable(block);
        continue;
      }
      const offset = this.blockOffset(block);
      if (offset === 0) {
        this.#makeBlock(block, at);
        at++;
        if (moveCursor) this.#cursor = at;
        continue;
      }
      this.#verify(block, offset);
      const stop = (block + 1) * this.perBlock;
      while (at < stop && this.#read(offset, at - block * this.perBlock) !== 0) at++;
      if (at === stop) {
        if (moveCursor) this.#cursor = at;
        continue;
      }
      const count = this.#freeRun(at, wanted);
      if (count < wanted && whole) {
        // Clusters are left behind: the next search begins with them.
        if (moveCursor) this.#cursor = at;
        moveCursor = false;
        at += count;
        continue;
      }
      this.#take(at, count);
      if (moveCursor) this.#cursor = at + count;
      this.first = at;
      return count;
    }
  }

  /** Allocate more clusters than a refcount block counts, behind all others; the blocks that count them are elsewhere. */
  #allocateBehind(wanted: number): number {
    for (;;) {
      const first = this.#end;
      const last = first + wanted - 1;
      const block = this.#missingBlock(first, last);
      if (block === undefined) {
        const used = this.#lastUsed(first, last);
        if (used === undefined) {
          this.#take(first, wanted);
          this.first = first;
          return wanted;
        }
        this.#end = used + 1;
      } else if (block >= this.#tableEntries) this.#growTable(block);
      else this.#addBlockAnywhere(block);
    }
  }

  #missingBlock(first: number, last: number): number | undefined {
    const end = Math.floor(last / this.perBlock);
    for (let block = Math.floor(first / this.perBlock); block <= end; block++) {
      if (this.blockOffset(block) === 0) return block;
    }
    return undefined;
  }

  #lastUsed(first: number, last: number): number | undefined {
    for (let cluster = last; cluster >= first; cluster--) if (this.get(cluster) !== 0) return cluster;
    return undefined;
  }

  #addBlockAnywhere(block: number): void {
    this.allocate(1);
    const offset = this.first * this.#clusterSize;
    // Allocating may have made it.
    if (this.blockOffset(block) !== 0) {
      this.unallocate(this.first, 1);
      return;
    }
    this.#cache.fill(offset, this.#clusterSize, TABLE.REFCOUNT_BLOCK);
    this.#setTableEntry(this.#header.refcountTableOffset, block, offset);
    this.#verified.add(block);
  }

  /** Free clusters from `at` on, `most` at most, as far as there are refcount blocks. */
  #freeRun(at: number, most: number): number {
    let count = 1;
    while (count < most) {
      const cluster = at + count;
      const block = Math.floor(cluster / this.perBlock);
      const offset = this.blockOffset(block);
      if (offset === 0 || this.#read(offset, cluster - block * this.perBlock) !== 0) break;
      if (cluster % this.perBlock === 0) this.#verify(block, offset);
      count++;
    }
    return count;
  }

  #take(first: number, count: number): void {
    this.#check(first, count);
    for (let i = 0; i < count; i++) this.set(first + i, 1);
    this.#end = Math.max(this.#end, first + count);
  }

  /** The places of header and tables have changed. */
  moved(): void {
    this.#protected = this.#findProtected();
  }

  /** Whether some of these clusters hold the header, the L1 table, the refcount table or snapshots' tables. */
  isProtected(first: number, count: number): boolean {
    for (const range of this.#protected) if (first <= range[1] && range[0] < first + count) return true;
    return false;
  }

  #check(first: number, count: number): void {
    if (this.isProtected(first, count)) {
      throw new CorruptError(
        BLOCK,
        `of the ${count} clusters from ${first} on some hold the image's own tables but count as free; ` +
          '"qemu-img check -r all" may repair it',
        { offset: first * this.#clusterSize },
      );
    }
    const end = (first + count) * this.#clusterSize;
    if (end > this.#file.limit) {
      throw new GuestfsError(
        'ENOSPC',
        `the device that holds the image has ${this.#file.limit} bytes, the image would need ${end}`,
      );
    }
  }

  /** A refcount block that counts itself as free would be given away. */
  #verify(block: number, offset: number): void {
    if (this.#verified.has(block)) return;
    if (this.get(offset / this.#clusterSize) === 0) {
      throw new CorruptError(
        BLOCK,
        `the block at ${offset} counts as free; "qemu-img check -r all" may repair it`,
        {
          offset,
        },
      );
    }
    this.#verified.add(block);
    this.#knownBlock = -1;
  }

  /** Make the refcount block `block`, in the cluster `at` of those that it counts. */
  #makeBlock(block: number, at: number): void {
    this.#check(at, 1);
    const offset = at * this.#clusterSize;
    this.#cache.fill(offset, this.#clusterSize, TABLE.REFCOUNT_BLOCK);
    this.#end = Math.max(this.#end, at + 1);
    this.#setTableEntry(this.#header.refcountTableOffset, block, offset);
    this.#verified.add(block);
    this.set(at, 1);
  }

  /** Clusters that the refcount table has room for. */
  get coverage(): number {
    return this.#tableEntries * this.perBlock;
  }

  /** Make the refcount block `block`, in one of the clusters it counts that nothing uses, or in any free one. */
  addBlock(block: number, isFree: (cluster: number) => boolean): void {
    const start = block * this.perBlock;
    for (let cluster = start; cluster < start + this.perBlock; cluster++) {
      if (!isFree(cluster)) continue;
      this.#makeBlock(block, cluster);
      return;
    }
    this.#addBlockAnywhere(block);
  }

  #setTableEntry(table: number, block: number, offset: number): void {
    this.#cache.set(table + block * 8, Math.floor(offset / WORD), offset % WORD, TABLE.REFCOUNT_TABLE);
    this.#knownBlock = -1;
  }

  /**
   * Move the refcount table to a larger place, so that it has an entry for `block`. The new table lies in the clusters
   * that only it counts, behind the refcount blocks for them; the header changes over in one write.
   */
  #growTable(block: number): void {
    const entries = Math.max(block + 1, Math.ceil(this.#tableEntries * 1.5));
    let tableClusters = Math.ceil((entries * 8) / this.#clusterSize);
    const start = this.#tableEntries * this.perBlock;
    let blocks = 1;
    while (blocks * this.perBlock < blocks + tableClusters) blocks++;
    tableClusters = Math.max(
      tableClusters,
      Math.ceil(((this.#tableEntries + blocks) * 8) / this.#clusterSize),
    );
    while (blocks * this.perBlock < blocks + tableClusters) blocks++;
    this.#check(start, blocks + tableClusters);
    const oldOffset = this.#header.refcountTableOffset;
    const oldClusters = this.#header.refcountTableClusters;
    const oldEntries = this.#tableEntries;
    const table = (start + blocks) * this.#clusterSize;
    this.#end = Math.max(this.#end, start + blocks + tableClusters);
    const content = new Uint8Array(tableClusters * this.#clusterSize);
    this.#cache.copy(oldOffset, content.subarray(0, oldClusters * this.#clusterSize));
    this.#cache.fill(table, content.length, TABLE.REFCOUNT_TABLE, content);
    this.#cache.fill(start * this.#clusterSize, blocks * this.#clusterSize, TABLE.REFCOUNT_BLOCK);
    for (let i = 0; i < blocks; i++) {
      this.#setTableEntry(table, oldEntries + i, (start + i) * this.#clusterSize);
      this.#verified.add(oldEntries + i);
    }
    this.#header.refcountTableOffset = table;
    this.#header.refcountTableClusters = tableClusters;
    for (let i = 0; i < blocks + tableClusters; i++) this.set(start + i, 1);
    // What the table refers to, then the table, then the header that refers to it.
    this.#cache.forget(oldOffset, oldClusters * this.#clusterSize);
    this.#cache.write(TABLE.REFCOUNT_BLOCK);
    this.#cache.write(TABLE.REFCOUNT_TABLE);
    this.#file.flush();
    this.#writeTablePlace(table, tableClusters);
    this.#file.flush();
    this.moved();
    this.release(oldOffset / this.#clusterSize, oldClusters);
  }

  /** `refcount_table_offset` and `refcount_table_clusters` are neighbours in the header. */
  #writeTablePlace(offset: number, clusters: number): void {
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Math.floor(offset / WORD));
    view.setUint32(4, offset % WORD);
    view.setUint32(8, clusters);
    this.#file.writeAt(REFCOUNT_TABLE_OFFSET, bytes);
  }

  /** Take back what was allocated and never referred to. */
  unallocate(first: number, count: number): void {
    for (let i = 0; i < count; i++) this.set(first + i, 0);
    this.#cursor = Math.min(this.#cursor, first);
  }

  /** Drop one reference to each cluster of a run, once what no longer refers to them is durable. */
  release(first: number, count: number): void {
    const { length } = this.#frees;
    if (length > 0 && (this.#frees[length - 2] as number) + (this.#frees[length - 1] as number) === first) {
      this.#frees[length - 1] = (this.#frees[length - 1] as number) + count;
    } else this.#frees.push(first, count);
  }

  /** Nothing durable refers to what was released any more: count it down, and give out again what is free. */
  applyFrees(): void {
    const frees = this.#frees;
    this.#frees = [];
    for (let i = 0; i < frees.length; i += 2) {
      const first = frees[i] as number;
      const end = first + (frees[i + 1] as number);
      let freed = -1;
      for (let cluster = first; cluster <= end; cluster++) {
        const count = cluster === end ? 2 : this.get(cluster);
        // A count of 0 is wrong already, and no harm.
        if (count > 0 && cluster < end) this.set(cluster, count - 1);
        if (count === 1 && freed < 0) freed = cluster;
        if (count !== 1 && freed >= 0) {
          this.#freed(freed, cluster - freed);
          freed = -1;
        }
      }
    }
  }

  #freed(first: number, count: number): void {
    this.#cursor = Math.min(this.#cursor, first);
    this.#cache.forget(first * this.#clusterSize, count * this.#clusterSize);
    this.#file.release(first * this.#clusterSize, count * this.#clusterSize);
  }
}

/** Of the header. */
const REFCOUNT_TABLE_OFFSET = 48;
