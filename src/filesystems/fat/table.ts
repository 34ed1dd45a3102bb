import type { BlockDevice } from '../../block/device.ts';
import { roundUp } from '../../bytes/round.ts';
import { CorruptError } from '../../errors/index.ts';
import { FIRST_CLUSTER, type Geometry } from './geometry.ts';

/** What {@link FatTable.next} returns besides a cluster number: end of the chain. */
export const END = -1;
/** An entry that says its cluster is free. */
export const FREE = 0;

/** Bytes of the table in one window, and windows kept. */
const WINDOW = 64 * 1024;
const WINDOWS = 8;
/** What a device writes as a whole or not at all. */
const ATOM = 512;

/** A part of the table in memory. */
interface Window {
  number: number;
  view: DataView;
  /** Bytes of the table in it; the view has one more. */
  length: number;
  /** Range of bytes that differ from the device; empty where start is not below end. */
  dirtyStart: number;
  dirtyEnd: number;
}

/** The file allocation table, read and written through windows. */
export class FatTable {
  /**
   * Ends of chains that have a next cluster by now, which is not said in the table yet; see `writer/transaction.ts`.
   */
  readonly links = new Map<number, number>();
  /** How many entries were changed in memory. */
  changes = 0;
  readonly #device: BlockDevice;
  readonly #geometry: Geometry;
  readonly #windows = new Map<number, Window>();
  #window: Window | undefined;

  constructor(device: BlockDevice, geometry: Geometry) {
    this.#device = device;
    this.#geometry = geometry;
  }

  /**
   * The cluster after `cluster` in its chain, or {@link END}. Throws CorruptError where the entry is free, marks a
   * bad cluster, or names one that is not there. `cluster` must be of the data area.
   */
  next(cluster: number): number {
    const { fatBits, clusterCount } = this.#geometry;
    if (this.links.size > 0) {
      const linked = this.links.get(cluster);
      if (linked !== undefined) return linked;
    }
    const value = this.value(cluster);
    if (value >= FIRST_CLUSTER && value < clusterCount + FIRST_CLUSTER) return value;
    const end = firstEnd(fatBits);
    if (value >= end) return END;
    const what =
      value === FREE
        ? 'is free'
        : value === end - 1
          ? 'is marked bad'
          : `names cluster ${value}, expected ${FIRST_CLUSTER} to ${clusterCount + FIRST_CLUSTER - 1}`;
    throw new CorruptError('FAT', `entry of cluster ${cluster} in a chain ${what}`, {
      offset: this.#geometry.fatOffset + Math.floor((cluster * fatBits) / 8),
    });
  }

  /** How many clusters of the data area are free. Reads the whole table. */
  countFree(): number {
    let free = 0;
    const end = this.#geometry.clusterCount + FIRST_CLUSTER;
    for (let cluster = FIRST_CLUSTER; cluster < end; cluster++) if (this.value(cluster) === FREE) free++;
    return free;
  }

  /** First free cluster from one on and before another, or `end` where there is none. */
  findFree(from: number, end: number): number {
    let cluster = from;
    while (cluster < end && this.value(cluster) !== FREE) cluster++;
    return cluster;
  }

  /** The raw entry of cluster 1, whose top bits tell of a clean unmount. */
  reserved(): number {
    return this.value(1);
  }

  /** The raw entry of a cluster, without the top four bits of FAT32. */
  value(cluster: number): number {
    switch (this.#geometry.fatBits) {
      case 32:
        return this.#at(cluster * 4).view.getUint32((cluster * 4) % WINDOW, true) & 0x0fffffff;
      case 16:
        return this.#at(cluster * 2).view.getUint16((cluster * 2) % WINDOW, true);
      default: {
        // FAT12 has less than 6 KiB of entries: always within the first window.
        const at = cluster + (cluster >> 1);
        const pair = this.#at(at).view.getUint16(at, true);
        return cluster & 1 ? pair >> 4 : pair & 0xfff;
      }
    }
  }

  /** Change an entry, in memory at first; {@link END} ends the chain. The top four bits of FAT32 stay. */
  set(cluster: number, next: number): void {
    const { fatBits } = this.#geometry;
    const value = next === END ? 2 ** (fatBits === 32 ? 28 : fatBits) - 1 : next;
    let at: number;
    let length = 2;
    let window: Window;
    if (fatBits === 32) {
      at = (cluster * 4) % WINDOW;
      length = 4;
      window = this.#at(cluster * 4);
      window.view.setUint32(at, ((window.view.getUint32(at, true) & 0xf0000000) | value) >>> 0, true);
    } else if (fatBits === 16) {
      at = (cluster * 2) % WINDOW;
      window = this.#at(cluster * 2);
      window.view.setUint16(at, value, true);
    } else {
      at = cluster + (cluster >> 1);
      window = this.#at(at);
      const pair = window.view.getUint16(at, true);
      window.view.setUint16(at, cluster & 1 ? (pair & 0xf) | (value << 4) : (pair & 0xf000) | value, true);
    }
    this.changes++;
    window.dirtyStart = Math.min(window.dirtyStart, at);
    window.dirtyEnd = Math.max(window.dirtyEnd, at + length);
  }

  /** Write what was changed, to all tables. Returns whether anything was. */
  writeOut(): boolean {
    let written = false;
    for (const window of this.#windows.values()) if (this.#writeWindow(window)) written = true;
    return written;
  }

  /** Forget what was read; what was changed must be written. */
  clear(): void {
    this.#windows.clear();
    this.#window = undefined;
  }

  #writeWindow(window: Window): boolean {
    if (window.dirtyStart >= window.dirtyEnd) return false;
    const start = window.dirtyStart - (window.dirtyStart % ATOM);
    const end = Math.min(roundUp(window.dirtyEnd, ATOM), window.length);
    const bytes = new Uint8Array(window.view.buffer, start, end - start);
    for (const table of this.#geometry.tables) {
      this.#device.writeAt(table + window.number * WINDOW + start, bytes);
    }
    window.dirtyStart = Infinity;
    window.dirtyEnd = 0;
    return true;
  }

  #at(offset: number): Window {
    const number = Math.floor(offset / WINDOW);
    if (this.#window !== undefined && number === this.#window.number) return this.#window;
    let window = this.#windows.get(number);
    if (window === undefined) {
      window = this.#load(number);
      if (this.#windows.size >= WINDOWS) {
        const oldest = this.#windows.values().next().value!;
        // What is changed out of order is not referred to yet, so that it may be written at any time.
        this.#writeWindow(oldest);
        this.#windows.delete(oldest.number);
      }
    } else {
      this.#windows.delete(number);
    }
    this.#windows.set(number, window);
    this.#window = window;
    return window;
  }

  #load(number: number): Window {
    const { fatOffset, fatLength } = this.#geometry;
    const start = fatOffset + number * WINDOW;
    // Rounded up, so that the last entry of FAT12 may be read as a pair of bytes.
    const length = Math.min(WINDOW, fatLength - number * WINDOW);
    const bytes = new Uint8Array(length + 1);
    if (start + length > this.#device.size) {
      throw new CorruptError(
        'FAT',
        `the table goes on to byte ${fatOffset + fatLength}, the device has ${this.#device.size}`,
        { offset: start },
      );
    }
    this.#device.readAt(start, bytes.subarray(0, length));
    return { number, view: new DataView(bytes.buffer), length, dirtyStart: Infinity, dirtyEnd: 0 };
  }
}

/** First value that ends a chain; the one below it marks a bad cluster. */
export function firstEnd(fatBits: 12 | 16 | 32): number {
  return fatBits === 32 ? 0x0ffffff8 : fatBits === 16 ? 0xfff8 : 0xff8;
}
