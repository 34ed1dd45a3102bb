import type { BlockDevice } from '../../../block/device.ts';
import { windowSize, type Tables } from '../windows.ts';

/** Bytes that a write can tear at, and the smallest cluster: a sector belongs to one table only. */
const SECTOR = 512;
const SECTORS = windowSize / SECTOR;
/** Clean windows that are kept: 4 MiB. */
const CLEAN = 256;
/** Dirty windows from which on they should be written: 8 MiB. */
const CROWDED = 512;

/**
 * What a changed sector belongs to, in the order in which changes reach the disk: what is referred to comes before
 * what refers to it.
 */
export const TABLE = { REFCOUNT_BLOCK: 1, REFCOUNT_TABLE: 2, L2: 3, L1: 4 } as const;
/** One of {@link TABLE}. */
export type TableKind = (typeof TABLE)[keyof typeof TABLE];

interface Window {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** For each sector 0 where it is as in the file, else its {@link TableKind}. */
  readonly marks: Uint8Array;
}

/**
 * The tables of an image that is written to, in windows of the file. Changes stay here until {@link write} is called for
 * their kind, so that the caller decides in which order they reach the file. Readers see them at once.
 */
export class TableCache implements Tables {
  readonly #file: BlockDevice;
  readonly #clean = new Map<number, Window>();
  readonly #dirty = new Map<number, Window>();
  /** Dirty sectors of each kind. */
  readonly #counts = new Uint32Array(5);
  #lastIndex = -1;
  #last: Window | undefined;

  constructor(file: BlockDevice) {
    this.#file = file;
  }

  /** So much has changed that it should be written. */
  get crowded(): boolean {
    return this.#dirty.size >= CROWDED;
  }

  /** Whether something of a kind waits to be written. */
  isDirty(kind: TableKind): boolean {
    return (this.#counts[kind] as number) > 0;
  }

  at(offset: number): DataView {
    return this.#window(Math.floor(offset / windowSize), true).view;
  }

  /** Upper and lower half of the 8 bytes at `offset`, which do not leave a window. */
  high(offset: number): number {
    return this.at(offset).getUint32(offset % windowSize);
  }

  low(offset: number): number {
    return this.at(offset).getUint32((offset % windowSize) + 4);
  }

  set(offset: number, high: number, low: number, kind: TableKind): void {
    const window = this.#change(offset, kind);
    window.view.setUint32(offset % windowSize, high);
    window.view.setUint32((offset % windowSize) + 4, low);
  }

  /** The view to change the sector at `offset` in, at once. */
  change(offset: number, kind: TableKind): DataView {
    return this.#change(offset, kind).view;
  }

  /** Fill a range of whole sectors, without looking at what the file has there. */
  fill(offset: number, length: number, kind: TableKind, content?: Uint8Array): void {
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / windowSize);
      const from = (offset + done) % windowSize;
      const part = Math.min(windowSize - from, length - done);
      const window = this.#window(index, part < windowSize);
      this.#dirty.set(index, window);
      this.#clean.delete(index);
      if (content === undefined) window.bytes.fill(0, from, from + part);
      else window.bytes.set(content.subarray(done, done + part), from);
      for (let sector = from / SECTOR; sector < (from + part) / SECTOR; sector++) {
        this.#mark(window, sector, kind);
      }
      done += part;
    }
  }

  /** Copy out a range. */
  copy(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const window = this.#window(Math.floor((offset + done) / windowSize), true);
      const from = (offset + done) % windowSize;
      const part = Math.min(windowSize - from, into.length - done);
      into.set(window.bytes.subarray(from, from + part), done);
      done += part;
    }
  }

  /** Forget changes of a range that is no table any more, so that they are never written over what comes there. */
  forget(offset: number, length: number): void {
    const first = Math.floor(offset / windowSize);
    const last = Math.floor((offset + length - 1) / windowSize);
    for (let index = first; index <= last && this.#dirty.size > 0; index++) {
      const window = this.#dirty.get(index);
      if (window === undefined) continue;
      const from = Math.max(0, offset - index * windowSize) / SECTOR;
      const to = Math.min(windowSize, offset + length - index * windowSize) / SECTOR;
      for (let sector = from; sector < to; sector++) this.#mark(window, sector, 0);
      this.#settle(index, window);
    }
  }

  /** Write all changes of a kind into the file; the caller makes them durable. */
  write(kind: TableKind): void {
    if (!this.isDirty(kind)) return;
    for (const [index, window] of this.#dirty) {
      for (let sector = 0; sector < SECTORS; sector++) {
        if (window.marks[sector] !== kind) continue;
        let end = sector + 1;
        while (end < SECTORS && window.marks[end] === kind) end++;
        this.#file.writeAt(
          index * windowSize + sector * SECTOR,
          window.bytes.subarray(sector * SECTOR, end * SECTOR),
        );
        for (; sector < end; sector++) this.#mark(window, sector, 0);
      }
      this.#settle(index, window);
    }
  }

  /** Move a window that has no changes left to the clean ones. */
  #settle(index: number, window: Window): void {
    if (window.marks.some((mark) => mark !== 0)) return;
    this.#dirty.delete(index);
    this.#clean.set(index, window);
    if (this.#clean.size <= CLEAN) return;
    const oldest = this.#clean.keys().next().value as number;
    this.#clean.delete(oldest);
    if (oldest === this.#lastIndex) this.#lastIndex = -1;
  }

  #mark(window: Window, sector: number, kind: number): void {
    const old = window.marks[sector] as number;
    if (old === kind) return;
    if (old !== 0) this.#counts[old] = (this.#counts[old] as number) - 1;
    if (kind !== 0) this.#counts[kind] = (this.#counts[kind] as number) + 1;
    window.marks[sector] = kind;
  }

  #change(offset: number, kind: TableKind): Window {
    const index = Math.floor(offset / windowSize);
    const window = this.#window(index, true);
    const sector = Math.floor((offset % windowSize) / SECTOR);
    if (window.marks[sector] === kind) return window;
    if (this.#clean.delete(index) || !this.#dirty.has(index)) this.#dirty.set(index, window);
    this.#mark(window, sector, kind);
    return window;
  }

  #window(index: number, load: boolean): Window {
    if (index === this.#lastIndex) return this.#last as Window;
    let window = this.#dirty.get(index);
    if (window === undefined) {
      window = this.#clean.get(index);
      if (window === undefined) window = this.#load(index, load);
      else this.#clean.delete(index);
      this.#clean.set(index, window);
    }
    this.#lastIndex = index;
    this.#last = window;
    return window;
  }

  #load(index: number, load: boolean): Window {
    let window: Window | undefined;
    if (this.#clean.size >= CLEAN) {
      const [oldest, evicted] = this.#clean.entries().next().value as [number, Window];
      this.#clean.delete(oldest);
      if (oldest === this.#lastIndex) this.#lastIndex = -1;
      window = evicted;
    }
    if (window === undefined) {
      const bytes = new Uint8Array(windowSize);
      window = { bytes, view: new DataView(bytes.buffer), marks: new Uint8Array(SECTORS) };
    }
    if (!load) return window;
    const start = index * windowSize;
    const there = Math.max(0, Math.min(windowSize, this.#file.size - start));
    if (there > 0) this.#file.readAt(start, window.bytes.subarray(0, there));
    if (there < windowSize) window.bytes.fill(0, there);
    return window;
  }
}
