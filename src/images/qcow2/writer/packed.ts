import type { GrowingFile } from '../../../block/file-growing.ts';
import { roundUp } from '../../../bytes/round.ts';
import type { Refcounts } from './refcounts.ts';

/** Bytes that compressed clusters are counted and addressed in. */
const SECTOR = 512;
/** Bytes that are put together before they are written. */
const PENDING = 1024 * 1024;

/**
 * Where compressed clusters go: one behind the other, byte by byte, several in a cluster of the file. A cluster of the file
 * has a reference from each compressed one that touches it, counted in whole sectors.
 */
export class PackedArea {
  readonly #file: GrowingFile;
  readonly #refcounts: Refcounts;
  readonly #clusterSize: number;
  readonly #pending = new Uint8Array(PENDING);
  #pendingStart = 0;
  #pendingLength = 0;
  /** Where the next stream begins, and the end of the clusters that are set aside. */
  #next = 0;
  #end = 0;
  /** Last cluster that a stream touches. */
  #touched = -1;

  constructor(file: GrowingFile, refcounts: Refcounts, clusterSize: number) {
    this.#file = file;
    this.#refcounts = refcounts;
    this.#clusterSize = clusterSize;
  }

  /**
   * Give a run of streams a place that keeps where each begins in its sector; returns it. {@link count} says where each
   * of them is. `residue` is the offset in a sector of the first one.
   */
  append(bytes: Uint8Array, residue?: number): number {
    const start = this.#place(bytes.length, residue);
    this.#write(start, bytes);
    this.#next = start + bytes.length;
    return start;
  }

  /** Count a stream that was given a place; returns the sectors it takes beyond the one it begins in. */
  count(start: number, length: number): number {
    const size = this.#clusterSize;
    const sectors = Math.floor((start + length - 1) / SECTOR) - Math.floor(start / SECTOR);
    const last = Math.floor((start + length - 1) / size);
    for (let cluster = Math.floor(start / size); cluster <= last; cluster++) {
      // What was set aside has the reference of the first stream in it.
      if (cluster <= this.#touched) this.#refcounts.increment(cluster);
    }
    this.#touched = Math.max(this.#touched, last);
    return sectors;
  }

  #place(length: number, residue: number | undefined): number {
    const size = this.#clusterSize;
    let start = this.#next;
    if (residue !== undefined) start += (SECTOR + residue - (start % SECTOR)) % SECTOR;
    if (this.#touched >= 0 && this.#isFull(this.#touched) && start < (this.#touched + 1) * size) {
      start = (this.#touched + 1) * size + (residue ?? 0);
    }
    if (this.#end > 0 && start <= this.#end) {
      if (start + length <= this.#end) return start;
      const more = Math.ceil((start + length - this.#end) / size);
      const found = this.#refcounts.allocate(more);
      const { first } = this.#refcounts;
      if (first * size === this.#end && found === more) {
        this.#end += found * size;
        return start;
      }
      this.#refcounts.unallocate(first, found);
    }
    this.#leave();
    const needed = Math.ceil(((residue ?? 0) + length) / size);
    this.#refcounts.allocate(needed, true);
    const begin = this.#refcounts.first * size;
    this.#end = begin + needed * size;
    return begin + (residue ?? 0);
  }

  /** No reference more can be counted. */
  #isFull(cluster: number): boolean {
    return this.#refcounts.get(cluster) >= this.#refcounts.most;
  }

  /** Leave the present clusters, with what is not used of them. */
  #leave(): void {
    const unused = Math.max(this.#touched + 1, Math.ceil(this.#next / this.#clusterSize));
    const end = this.#end / this.#clusterSize;
    if (this.#end > 0 && unused < end) this.#refcounts.unallocate(unused, end - unused);
    this.#next = 0;
    this.#end = 0;
    this.#touched = -1;
  }

  #write(start: number, bytes: Uint8Array): void {
    if (
      start !== this.#pendingStart + this.#pendingLength ||
      this.#pendingLength + bytes.length > this.#pending.length
    ) {
      this.flush();
      this.#pendingStart = start;
    }
    if (bytes.length > this.#pending.length) {
      this.#file.writeAt(start, bytes);
      this.#pendingStart = start + bytes.length;
      const end = roundUp(this.#pendingStart, SECTOR);
      if (this.#file.size < end) this.#file.resize(end);
      return;
    }
    this.#pending.set(bytes, this.#pendingLength);
    this.#pendingLength += bytes.length;
  }

  /** Bring to the file what waits. */
  flush(): void {
    const length = this.#pendingLength;
    if (length === 0) return;
    this.#file.writeAt(this.#pendingStart, this.#pending.subarray(0, length));
    this.#pendingStart += length;
    this.#pendingLength = 0;
    // Readers take whole sectors.
    const end = roundUp(this.#pendingStart, SECTOR);
    if (this.#file.size < end) this.#file.resize(end);
  }

  /** Begin in new clusters: the present ones may be given to others. */
  close(): void {
    this.flush();
    this.#leave();
  }
}
