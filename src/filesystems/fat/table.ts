import type { BlockDevice } from '../../block/device.ts';
import { CorruptError } from '../../errors/index.ts';
import { FIRST_CLUSTER, type Geometry } from './geometry.ts';

/** What {@link FatTable.next} returns besides a cluster number: end of the chain. */
export const END = -1;
/** An entry that says its cluster is free. */
const FREE = 0;

/** Bytes of the table in one window, and windows kept. */
const WINDOW = 64 * 1024;
const WINDOWS = 8;

/** The file allocation table, read through windows. */
export class FatTable {
  readonly #device: BlockDevice;
  readonly #geometry: Geometry;
  readonly #windows = new Map<number, DataView>();
  #number = -1;
  #window: DataView | undefined;

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
    const value = this.#entry(cluster);
    if (value >= FIRST_CLUSTER && value < clusterCount + FIRST_CLUSTER) return value;
    // What is above the last cluster ends a chain from 0x...ff8 on; 0x...ff7 marks a bad cluster.
    const end = fatBits === 32 ? 0x0ffffff8 : fatBits === 16 ? 0xfff8 : 0xff8;
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
    for (let cluster = FIRST_CLUSTER; cluster < end; cluster++) if (this.#entry(cluster) === FREE) free++;
    return free;
  }

  /** The raw entry of cluster 1, whose top bits tell of a clean unmount. */
  reserved(): number {
    return this.#entry(1);
  }

  clear(): void {
    this.#windows.clear();
    this.#window = undefined;
    this.#number = -1;
  }

  #entry(cluster: number): number {
    switch (this.#geometry.fatBits) {
      case 32:
        return this.#at(cluster * 4).getUint32((cluster * 4) % WINDOW, true) & 0x0fffffff;
      case 16:
        return this.#at(cluster * 2).getUint16((cluster * 2) % WINDOW, true);
      default: {
        // FAT12 has less than 6 KiB of entries: always within the first window.
        const at = cluster + (cluster >> 1);
        const pair = this.#at(at).getUint16(at, true);
        return cluster & 1 ? pair >> 4 : pair & 0xfff;
      }
    }
  }

  #at(offset: number): DataView {
    const number = Math.floor(offset / WINDOW);
    if (number === this.#number && this.#window !== undefined) return this.#window;
    let window = this.#windows.get(number);
    if (window === undefined) {
      window = this.#load(number);
      if (this.#windows.size >= WINDOWS) this.#windows.delete(this.#windows.keys().next().value!);
    } else {
      this.#windows.delete(number);
    }
    this.#windows.set(number, window);
    this.#number = number;
    this.#window = window;
    return window;
  }

  #load(number: number): DataView {
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
    return new DataView(bytes.buffer);
  }
}
