import { CorruptError } from '../../../errors/index.ts';
import type { QcowImageHeader } from '../header.ts';
import { COMPRESSED_HIGH, COPIED_HIGH, OFFSET_HIGH, OFFSET_LOW, ZERO_LOW } from '../layout.ts';
import { windowSize } from '../windows.ts';
import { TABLE, type TableCache } from './cache.ts';
import type { Refcounts } from './refcounts.ts';

const WORD = 0x100000000;

/** What a writer does with a cluster. */
export const STATE = {
  /** Nothing is stored, or zeroes are, without a place in the file. */
  ABSENT: 0,
  /** Stored in a place that is this cluster's alone: written in place. */
  OWN: 1,
  /** Reads as zeroes, but has a place in the file of its own. */
  RESERVED: 2,
  /** Stored in a place that a snapshot shares, or compressed: written anew elsewhere. */
  FOREIGN: 3,
} as const;
/** One of {@link STATE}. */
export type State = (typeof STATE)[keyof typeof STATE];

/** The active L1 table and its L2 tables, as a writer sees and changes them. */
export class Entries {
  /** Of the last {@link look}: the place in the data file where the cluster has one. */
  host = 0;
  /** Of the last {@link look}: the cluster's entry is compressed. */
  compressed = false;
  /** Of the last {@link look}: the bits of the 32 subclusters that are stored, and that read as zeroes. */
  allocatedBits = 0;
  zeroBits = 0;

  readonly #header: QcowImageHeader;
  readonly #cache: TableCache;
  readonly #refcounts: Refcounts;
  readonly #clusterSize: number;
  readonly entrySize: 8 | 16;
  /** Clusters that an L2 table maps. */
  readonly perTable: number;

  constructor(header: QcowImageHeader, cache: TableCache, refcounts: Refcounts) {
    this.#header = header;
    this.#cache = cache;
    this.#refcounts = refcounts;
    this.#clusterSize = header.clusterSize;
    this.entrySize = header.extendedL2 ? 16 : 8;
    this.perTable = header.clusterSize / this.entrySize;
  }

  /** Offset of the L2 table with an index, 0 where there is none. */
  table(index: number): number {
    const at = this.#header.l1Offset + index * 8;
    const view = this.#cache.at(at);
    const low = view.getUint32((at % windowSize) + 4);
    const offset = (view.getUint32(at % windowSize) & OFFSET_HIGH) * WORD + ((low & OFFSET_LOW) >>> 0);
    if (
      offset % this.#clusterSize !== 0 ||
      (offset !== 0 && offset + this.#clusterSize > this.#refcounts.size)
    ) {
      throw new CorruptError(
        'qcow2 L1 table',
        `entry ${index} points at ${offset}, expected a multiple of ${this.#clusterSize} within the file of ${this.#refcounts.size} bytes`,
        { offset: at },
      );
    }
    return offset;
  }

  /** The L2 table with an index as one that may be changed: made where there is none, copied where it is shared. */
  ownTable(index: number): number {
    const at = this.#header.l1Offset + index * 8;
    const old = this.table(index);
    if (old === 0) {
      const made = this.#newTable();
      this.#cache.fill(made, this.#clusterSize, TABLE.L2);
      this.#setTable(at, made);
      return made;
    }
    const copied = (this.#cache.high(at) & COPIED_HIGH) !== 0;
    const count = this.#refcounts.get(old / this.#clusterSize);
    this.#checkCount('qcow2 L1 table', at, old, copied, count);
    if (count === 1) {
      if (!copied) this.#setTable(at, old);
      return old;
    }
    const made = this.#newTable();
    const part = new Uint8Array(Math.min(windowSize, this.#clusterSize));
    for (let done = 0; done < this.#clusterSize; done += part.length) {
      this.#cache.copy(old + done, part);
      this.#cache.fill(made + done, part.length, TABLE.L2, part);
    }
    this.#setTable(at, made);
    this.#refcounts.release(old / this.#clusterSize, 1);
    return made;
  }

  #newTable(): number {
    this.#refcounts.allocate(1);
    return this.#refcounts.first * this.#clusterSize;
  }

  #setTable(at: number, table: number): void {
    this.#cache.set(at, (Math.floor(table / WORD) | COPIED_HIGH) >>> 0, table % WORD, TABLE.L1);
  }

  /** Whether there is an L2 table with an index and nothing in it has a place in the file. */
  isEmpty(index: number): boolean {
    const table = this.table(index);
    if (table === 0) return false;
    const end = table + this.#clusterSize;
    for (let at = table; at < end; at += this.entrySize) if (this.look(at) !== STATE.ABSENT) return false;
    return true;
  }

  /** Take an L2 table out of the L1 table; the caller has released what it refers to. */
  dropTable(index: number): void {
    const old = this.table(index);
    this.#cache.set(this.#header.l1Offset + index * 8, 0, 0, TABLE.L1);
    this.#refcounts.release(old / this.#clusterSize, 1);
  }

  #checkCount(structure: string, at: number, place: number, copied: boolean, count: number): void {
    if (count > 0 && (!copied || count === 1)) return;
    throw new CorruptError(
      structure,
      `the entry points at ${place}, ${copied ? 'marked as its only reference, ' : ''}whose refcount is ${count}; ` +
        '"qemu-img check -r all" may repair the image',
      { offset: at },
    );
  }

  /** Look at the entry at `at`, which is described in the fields of this object. Throws CorruptError. */
  look(at: number): State {
    const view = this.#cache.at(at);
    const position = at % windowSize;
    const high = view.getUint32(position);
    const low = view.getUint32(position + 4);
    const { extendedL2, externalData, version } = this.#header;
    this.zeroBits = extendedL2 ? view.getUint32(position + 8) : 0;
    this.allocatedBits = extendedL2 ? view.getUint32(position + 12) : 0;
    this.compressed = (high & COMPRESSED_HIGH) !== 0;
    if (this.compressed) {
      if (externalData) {
        throw new CorruptError(
          'qcow2 L2 table',
          'a cluster is compressed in an image with an external data file',
          {
            offset: at,
          },
        );
      }
      return STATE.FOREIGN;
    }
    this.host = (high & OFFSET_HIGH) * WORD + ((low & OFFSET_LOW) >>> 0);
    const copied = (high & COPIED_HIGH) !== 0;
    const zero = !extendedL2 && version >= 3 && (low & ZERO_LOW) !== 0;
    if (this.host === 0 && !(externalData && copied)) return STATE.ABSENT;
    if (this.host % this.#clusterSize !== 0) {
      throw new CorruptError(
        'qcow2 L2 table',
        `an entry points at ${this.host}, expected a multiple of ${this.#clusterSize}`,
        { offset: at },
      );
    }
    if (externalData) return zero ? STATE.RESERVED : STATE.OWN;
    if (this.#refcounts.isProtected(this.host / this.#clusterSize, 1)) {
      throw new CorruptError(
        'qcow2 L2 table',
        `an entry points at ${this.host}, where the image's own tables are; "qemu-img check -r all" may repair the image`,
        { offset: at },
      );
    }
    const count = this.#refcounts.get(this.host / this.#clusterSize);
    this.#checkCount('qcow2 L2 table', at, this.host, copied, count);
    if (count > 1) return STATE.FOREIGN;
    return zero ? STATE.RESERVED : STATE.OWN;
  }

  /** Point an entry at a place in the file that is its alone. */
  store(at: number, host: number, allocatedBits = 0xffffffff, zeroBits = 0): void {
    this.#cache.set(at, (Math.floor(host / WORD) | COPIED_HIGH) >>> 0, host % WORD, TABLE.L2);
    if (this.entrySize === 16) this.#cache.set(at + 8, zeroBits >>> 0, allocatedBits >>> 0, TABLE.L2);
  }

  /** Make an entry one of a cluster that has no place, and reads as zeroes or as what is below. */
  clear(at: number, zero: boolean): void {
    const extended = this.entrySize === 16;
    this.#cache.set(at, 0, zero && !extended ? ZERO_LOW : 0, TABLE.L2);
    if (extended) this.#cache.set(at + 8, zero ? 0xffffffff : 0, 0, TABLE.L2);
  }

  /** Point an entry at a compressed cluster of `sectors` more sectors than the one it begins in. */
  storeCompressed(at: number, host: number, sectors: number): void {
    const shift = 62 - (this.#header.clusterBits - 8) - 32;
    const high = (COMPRESSED_HIGH | (sectors << shift) | Math.floor(host / WORD)) >>> 0;
    this.#cache.set(at, high, host % WORD, TABLE.L2);
    if (this.entrySize === 16) this.#cache.set(at + 8, 0, 0, TABLE.L2);
  }

  /** Release what the entry at `at` refers to, before it is changed. */
  release(at: number): void {
    const high = this.#cache.high(at);
    const low = this.#cache.low(at);
    const size = this.#clusterSize;
    if ((high & COMPRESSED_HIGH) !== 0) {
      const shift = 62 - (this.#header.clusterBits - 8) - 32;
      const host = (high & (2 ** shift - 1)) * WORD + low;
      const sectors = (high & 0x3fffffff) >>> shift;
      const first = Math.floor(host / size);
      // The last sector may be a part of one only: the clusters are counted in whole sectors all the same.
      const last = Math.floor((host - (host % 512) + sectors * 512 + 511) / size);
      for (let cluster = first; cluster <= last; cluster++) this.#refcounts.release(cluster, 1);
      return;
    }
    const host = (high & OFFSET_HIGH) * WORD + ((low & OFFSET_LOW) >>> 0);
    if (host !== 0 && !this.#header.externalData) this.#refcounts.release(host / size, 1);
  }
}
