import type { BlockDevice } from '../../block/device.ts';
import { crc32cRaw } from '../../bytes/crc32c.ts';
import { CorruptError } from '../../errors/index.ts';
import { inodeSeed } from './checksum.ts';
import type { GroupTable } from './groups.ts';
import { GOOD_OLD_INODE_SIZE, Inode } from './layout.ts';
import type { Geometry } from './superblock.ts';

const WINDOW_BYTES = 64 * 1024;
const WINDOWS = 16;

/** A piece of a group's inode table in memory. */
interface Window {
  key: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Device offset of the first byte. */
  offset: number;
  /** First inode and the first one after the window. */
  first: number;
  end: number;
  /** One flag per inode: its checksum has been verified. */
  readonly verified: Uint8Array;
}

/**
 * An inode seen in place in the window that holds it. There is one of these per filesystem, aimed at another inode
 * by every {@link InodeTable.aim}: take what is needed before anything else is aimed.
 */
export interface InodeView {
  number: number;
  bytes: Uint8Array;
  view: DataView;
  /** Offset of the inode in `bytes`. */
  base: number;
}

/** Where inodes are while the filesystem is being written: with all changes that were made so far. */
export interface LiveInodes {
  /** The inode, its checksum verified; the view is valid until the next call. */
  read(number: number): InodeView;
  /** Device offset of an inode. */
  offsetOf(number: number): number;
}

/**
 * The inode tables of all groups, read through a few 64 KiB windows that are reused least recently used first.
 * Measured shape: see "Walking" in the benchmarks; an object per inode costs four times as much.
 */
export class InodeTable {
  readonly #device: BlockDevice;
  readonly #geometry: Geometry;
  readonly #groups: GroupTable;
  readonly #perWindow: number;
  readonly #windowsPerGroup: number;
  readonly #windows = new Map<number, Window>();
  #current: Window | undefined;
  #view: InodeView;
  #live: LiveInodes | undefined;

  constructor(device: BlockDevice, geometry: Geometry, groups: GroupTable) {
    this.#device = device;
    this.#geometry = geometry;
    this.#groups = groups;
    this.#perWindow = WINDOW_BYTES / geometry.inodeSize;
    this.#windowsPerGroup = Math.ceil(geometry.inodesPerGroup / this.#perWindow);
    const none = new Uint8Array(0);
    this.#view = { number: 0, bytes: none, view: new DataView(none.buffer), base: 0 };
  }

  /** Aim the view at an inode; throws CorruptError where there is no such inode or its checksum is wrong. */
  aim(number: number): InodeView {
    if (this.#live !== undefined) {
      this.#view = this.#live.read(number);
      return this.#view;
    }
    let window = this.#current;
    if (window === undefined || number < window.first || number >= window.end) {
      window = this.#find(number);
      this.#current = window;
    }
    const index = number - window.first;
    const base = index * this.#geometry.inodeSize;
    if (window.verified[index] === 0) {
      this.#verify(window, number, base);
      window.verified[index] = 1;
    }
    const view = this.#view;
    view.number = number;
    view.bytes = window.bytes;
    view.view = window.view;
    view.base = base;
    return view;
  }

  /** Device offset of the inode that the view is aimed at; for messages. */
  get offset(): number {
    if (this.#live !== undefined) return this.#live.offsetOf(this.#view.number);
    return (this.#current?.offset ?? 0) + this.#view.base;
  }

  /** From now on, take all inodes from a writer. */
  attach(live: LiveInodes): void {
    this.clear();
    this.#live = live;
  }

  clear(): void {
    this.#windows.clear();
    this.#current = undefined;
  }

  #find(number: number): Window {
    const { inodesCount, inodesPerGroup } = this.#geometry;
    if (!Number.isInteger(number) || number < 1 || number > inodesCount) {
      throw new CorruptError('ext4_inode', `there is no inode ${number}, expected 1 to ${inodesCount}`);
    }
    const group = Math.floor((number - 1) / inodesPerGroup);
    const index = (number - 1) % inodesPerGroup;
    const part = Math.floor(index / this.#perWindow);
    const key = group * this.#windowsPerGroup + part;
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = this.#load(key, group, part);
    } else {
      this.#windows.delete(key);
    }
    this.#windows.set(key, window);
    return window;
  }

  #load(key: number, group: number, part: number): Window {
    const { inodeSize, inodesPerGroup, blockSize } = this.#geometry;
    const start = this.#groups.get(group).inodeTable * blockSize + part * WINDOW_BYTES;
    const inodes = Math.min(this.#perWindow, inodesPerGroup - part * this.#perWindow);
    const window = this.#take();
    this.#device.readAt(start, window.bytes.subarray(0, inodes * inodeSize));
    window.key = key;
    window.offset = start;
    window.first = group * inodesPerGroup + part * this.#perWindow + 1;
    window.end = window.first + inodes;
    window.verified.fill(this.#geometry.checksums ? 0 : 1);
    return window;
  }

  #take(): Window {
    if (this.#windows.size >= WINDOWS) {
      for (const [key, oldest] of this.#windows) {
        this.#windows.delete(key);
        if (this.#current === oldest) this.#current = undefined;
        return oldest;
      }
    }
    const bytes = new Uint8Array(WINDOW_BYTES);
    return {
      key: -1,
      bytes,
      view: new DataView(bytes.buffer),
      offset: 0,
      first: 0,
      end: 0,
      verified: new Uint8Array(this.#perWindow),
    };
  }

  #verify(window: Window, number: number, base: number): void {
    const { view, bytes } = window;
    const { inodeSize, checksumSeed } = this.#geometry;
    const lowAt = base + Inode.l_i_checksum_lo;
    const highAt = base + Inode.i_checksum_hi;
    const low = view.getUint16(lowAt, true);
    const hasHigh = inodeSize > GOOD_OLD_INODE_SIZE && view.getUint16(base + Inode.i_extra_isize, true) >= 4;
    const high = hasHigh ? view.getUint16(highAt, true) : 0;
    // The checksum counts itself as zero: blank it for the computation, which is faster than three runs.
    view.setUint16(lowAt, 0, true);
    if (hasHigh) view.setUint16(highAt, 0, true);
    const seed = inodeSeed(checksumSeed, number, view.getUint32(base + Inode.i_generation, true));
    let computed = crc32cRaw(seed, bytes, base, base + inodeSize);
    view.setUint16(lowAt, low, true);
    if (hasHigh) view.setUint16(highAt, high, true);
    if (!hasHigh) computed &= 0xffff;
    const stored = high * 0x10000 + low;
    if (computed !== stored) {
      throw new CorruptError(
        'ext4_inode',
        `checksum of inode ${number} is 0x${stored.toString(16)}, the contents have 0x${computed.toString(16)}`,
        { offset: window.offset + base, checksum: true },
      );
    }
  }
}
