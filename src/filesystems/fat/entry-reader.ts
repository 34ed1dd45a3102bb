import { GuestfsError } from '../../errors/index.ts';
import type { Readable } from './directory.ts';
import type { Geometry } from './geometry.ts';
import { ATTR_VOLUME_ID, DELETED, ENTRY, Entry } from './layout.ts';

/** Bytes of directory kept in one piece, and pieces. */
const PAGE = 4096;
const PAGES = 64;

/** A short entry aimed at; the view is good until the next call of the reader. */
export interface EntryView {
  view: DataView;
  bytes: Uint8Array;
  at: number;
}

/**
 * Reads single directory entries by where they are. The number of a file's inode is the byte offset of its entry
 * divided by its size: unique, stable, and found without looking anything up.
 */
export class EntryReader {
  readonly #device: Readable;
  readonly #geometry: Geometry;
  readonly #pages = new Map<number, Uint8Array>();
  readonly #aimed: EntryView;
  #page = -1;

  constructor(device: Readable, geometry: Geometry) {
    this.#device = device;
    this.#geometry = geometry;
    const bytes = new Uint8Array(0);
    this.#aimed = { bytes, view: new DataView(bytes.buffer), at: 0 };
  }

  /** The entry of an inode; ENOENT where there is none. */
  get(inode: number): EntryView {
    const offset = inode * ENTRY;
    const { rootOffset, dataOffset, clusterCount, clusterSize, rootCluster } = this.#geometry;
    const start = rootCluster === 0 ? rootOffset : dataOffset;
    const end = Math.min(dataOffset + clusterCount * clusterSize, this.#device.size);
    if (!Number.isSafeInteger(inode) || offset < start || offset + ENTRY > end) {
      throw new GuestfsError('ENOENT', `inode ${inode} of the FAT volume is not that of a directory entry`, {
        structure: 'FAT directory entry',
      });
    }
    const aimed = this.aim(offset);
    const first = aimed.bytes[aimed.at]!;
    const attributes = aimed.bytes[aimed.at + Entry.DIR_Attr]!;
    if (first === 0 || first === DELETED || (attributes & ATTR_VOLUME_ID) !== 0) {
      throw new GuestfsError('ENOENT', `inode ${inode} of the FAT volume is not that of a file`, {
        structure: 'FAT directory entry',
        offset,
      });
    }
    return aimed;
  }

  /** Whatever is at a byte offset of a directory, a file's entry or not. */
  aim(offset: number): EntryView {
    const aimed = this.#aimed;
    const page = Math.floor(offset / PAGE);
    if (page !== this.#page) {
      aimed.bytes = this.#load(page);
      aimed.view = new DataView(aimed.bytes.buffer);
      this.#page = page;
    }
    aimed.at = offset % PAGE;
    return aimed;
  }

  /** Forget what was read around a byte offset, because it changes. */
  forget(offset: number): void {
    const page = Math.floor(offset / PAGE);
    this.#pages.delete(page);
    if (this.#page === page) this.#page = -1;
  }

  clear(): void {
    this.#pages.clear();
    this.#page = -1;
  }

  #load(page: number): Uint8Array {
    let bytes = this.#pages.get(page);
    if (bytes === undefined) {
      bytes = new Uint8Array(PAGE);
      const start = page * PAGE;
      this.#device.readAt(start, bytes.subarray(0, Math.min(PAGE, this.#device.size - start)));
      if (this.#pages.size >= PAGES) this.#pages.delete(this.#pages.keys().next().value!);
      this.#pages.set(page, bytes);
    }
    return bytes;
  }
}
