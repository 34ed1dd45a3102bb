import { GuestfsError } from '../../../errors/index.ts';
import { clusterOffset } from '../directory.ts';
import {
  ATTR_LONG_NAME,
  DELETED,
  ENTRY,
  Entry,
  LAST_LONG_ENTRY,
  LongEntry,
  MAX_LONG_ENTRIES,
} from '../layout.ts';
import { shortNameChecksum } from '../names.ts';
import { SECTOR } from '../sectors.ts';
import type { FatVolume } from '../volume.ts';

const PER_SECTOR = SECTOR / ENTRY;
/** Entries that Linux lets a directory have. */
const MAX_SLOTS = 65536;

const NEVER = 0;
const EMPTY = 1;
const USED = 2;

/** Which entries of one directory are free. Names are kept within a sector where they fit, so that one write makes them. */
export class DirectorySlots {
  readonly #volume: FatVolume;
  /** Inode of the directory; it changes when the directory is renamed. */
  inode: number;
  #state: Uint8Array;
  #count: number;
  /** First sector in which so many entries may be free together. */
  readonly #hints = new Uint32Array(PER_SECTOR + 1);
  /** Free entries that must not be used before the next commit. */
  #held: number[] = [];

  /** `held` are offsets of entries that are free, but must not be used yet. */
  constructor(volume: FatVolume, inode: number, held: ReadonlySet<number>) {
    this.#volume = volume;
    this.inode = inode;
    this.#count = this.#countSlots();
    this.#state = new Uint8Array(this.#count);
    const sector = new Uint8Array(SECTOR);
    for (let slot = 0; slot < this.#count; slot += PER_SECTOR) {
      const offset = this.offset(slot);
      volume.sectors.readAt(offset, sector);
      for (let i = 0; i < PER_SECTOR; i++) {
        const first = sector[i * ENTRY];
        const state = first === 0 ? NEVER : first === DELETED ? EMPTY : USED;
        if (held.size > 0 && held.has(offset + i * ENTRY)) {
          this.#state[slot + i] = USED;
          this.#held.push(slot + i);
        } else this.#state[slot + i] = state;
      }
    }
  }

  /** How many entries there is room for. */
  get count(): number {
    return this.#count;
  }

  /** Byte offset of an entry on the device. */
  offset(slot: number): number {
    const { geometry } = this.#volume;
    const place = this.#volume.place(this.inode);
    if (place === null) throw new GuestfsError('EUCLEAN', `directory ${this.inode} has no clusters`);
    if ('offset' in place) return place.offset + slot * ENTRY;
    const perCluster = geometry.clusterSize / ENTRY;
    const run = place.locate(Math.floor(slot / perCluster), 1)!;
    return clusterOffset(geometry, run.cluster) + (slot % perCluster) * ENTRY;
  }

  /** First of `count` free entries; -1 where there are none. */
  find(count: number): number {
    if (count <= PER_SECTOR) {
      const sectors = Math.floor(this.#count / PER_SECTOR);
      for (let sector = this.#hints[count]!; sector < sectors; sector++) {
        const slot = this.#findWithin(sector * PER_SECTOR, (sector + 1) * PER_SECTOR, count);
        if (slot >= 0) {
          this.#hints[count] = sector;
          return slot;
        }
      }
      this.#hints[count] = sectors;
      if (!this.#isFixed()) return -1;
    }
    return this.#findWithin(0, this.#count, count);
  }

  /** Take the entries from a slot on: write them and mark what was never used before them as deleted. */
  take(slot: number, entries: Uint8Array): number {
    const { sectors } = this.#volume;
    // Readers stop at the first entry that was never used.
    for (let before = slot - 1; before >= 0 && this.#state[before] === NEVER; before--) {
      const offset = this.offset(before);
      sectors.change(offset)[offset % SECTOR] = DELETED;
      this.#volume.entries.forget(offset);
      this.#state[before] = EMPTY;
    }
    let offset = 0;
    for (let i = 0; i * ENTRY < entries.length; i++) {
      offset = this.offset(slot + i);
      sectors.change(offset).set(entries.subarray(i * ENTRY, (i + 1) * ENTRY), offset % SECTOR);
      this.#volume.entries.forget(offset);
      this.#state[slot + i] = USED;
    }
    return offset;
  }

  /** Offsets of a file's entries: its long ones in stored order, then its short one at `offset`. */
  entriesOf(offset: number): number[] {
    const slot = this.#slotOf(offset);
    const { entries } = this.#volume;
    const short = entries.aim(offset);
    const checksum = shortNameChecksum(short.bytes, short.at);
    const offsets = [offset];
    for (let number = 1; number <= MAX_LONG_ENTRIES && number <= slot; number++) {
      const at = this.offset(slot - number);
      const long = entries.aim(at);
      const order = long.bytes[long.at + LongEntry.LDIR_Ord]!;
      if (
        long.bytes[long.at + Entry.DIR_Attr] !== ATTR_LONG_NAME ||
        long.bytes[long.at + LongEntry.LDIR_Chksum] !== checksum ||
        (order & ~LAST_LONG_ENTRY) !== number
      ) {
        // Parts that are no whole name do not belong to it.
        return [offset];
      }
      offsets.unshift(at);
      if ((order & LAST_LONG_ENTRY) !== 0) return offsets;
    }
    return [offset];
  }

  /** Mark an entry as deleted; it may be used again at once, or when it is released where it is `held`. */
  clear(offset: number, held: boolean): void {
    this.#volume.sectors.change(offset)[offset % SECTOR] = DELETED;
    this.#volume.entries.forget(offset);
    const slot = this.#slotOf(offset);
    if (held) this.#held.push(slot);
    else this.#free(slot);
  }

  /**
   * Entries that were held may be used again. They are known by their numbers: the directory may have gone, or moved with
   * others while nobody had this object in mind.
   */
  release(): void {
    for (const slot of this.#held) this.#free(slot);
    this.#held = [];
  }

  #free(slot: number): void {
    this.#state[slot] = EMPTY;
    const sector = Math.floor(slot / PER_SECTOR);
    for (let count = 1; count <= PER_SECTOR; count++) {
      if (this.#hints[count]! > sector) this.#hints[count] = sector;
    }
  }

  /** The directory has one more cluster, all zeroes. Throws ENOSPC before it is allocated where it may not grow. */
  checkGrowth(): void {
    const more = this.#volume.geometry.clusterSize / ENTRY;
    if (!this.#isFixed() && this.#count + more <= MAX_SLOTS) return;
    throw new GuestfsError(
      'ENOSPC',
      `the directory of inode ${this.inode} is full: it has ${this.#count} entries`,
    );
  }

  grown(): void {
    const state = new Uint8Array(this.#countSlots());
    state.set(this.#state);
    this.#state = state;
    this.#count = state.length;
    for (let count = 0; count <= PER_SECTOR; count++) {
      // A run of free entries may begin at what was the end.
      if (this.#hints[count]! * PER_SECTOR >= this.#count) this.#hints[count] = 0;
    }
  }

  #findWithin(start: number, end: number, count: number): number {
    let free = 0;
    for (let slot = start; slot < end; slot++) {
      free = this.#state[slot] === USED ? 0 : free + 1;
      if (free === count) return slot - count + 1;
    }
    return -1;
  }

  #isFixed(): boolean {
    const place = this.#volume.place(this.inode);
    return place !== null && 'offset' in place;
  }

  #countSlots(): number {
    const place = this.#volume.place(this.inode);
    if (place === null) return 0;
    const length = 'offset' in place ? place.length : place.length() * this.#volume.geometry.clusterSize;
    return Math.floor(length / ENTRY);
  }

  #slotOf(offset: number): number {
    const place = this.#volume.place(this.inode);
    if (place !== null && 'offset' in place) return (offset - place.offset) / ENTRY;
    const { geometry } = this.#volume;
    const perCluster = geometry.clusterSize / ENTRY;
    for (let index = 0; ;) {
      const run = place?.locate(index, MAX_SLOTS) ?? null;
      if (run === null) break;
      const start = clusterOffset(geometry, run.cluster);
      if (offset >= start && offset < start + run.count * geometry.clusterSize) {
        return index * perCluster + (offset - start) / ENTRY;
      }
      index += run.count;
    }
    throw new GuestfsError('ENOENT', `byte ${offset} is not of the directory of inode ${this.inode}`);
  }
}
