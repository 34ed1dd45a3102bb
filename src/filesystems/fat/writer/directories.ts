import { GuestfsError } from '../../../errors/index.ts';
import { clusterOffset, entries } from '../directory.ts';
import { ATTR_ARCHIVE, ATTR_DIRECTORY, ENTRY, Entry } from '../layout.ts';
import { LongNameParser } from '../long-name.ts';
import { folded, shortName } from '../names.ts';
import { SECTOR } from '../sectors.ts';
import type { FatVolume } from '../volume.ts';
import type { FileContent } from './content.ts';
import { encodeEntries, entriesOf, newEntryRest, setFirstCluster } from './new-entry.ts';
import { checkName, storeName, type StoredName } from './new-name.ts';
import { DirectorySlots } from './slots.ts';
import { isDurable, type Transaction } from './transaction.ts';

/** Directories whose free entries are kept in mind. */
const MAX_KNOWN = 64;
const SPACE = 0x20;
const DOT = 0x2e;
/** Bytes of a short entry before its attributes. */
const NAME_LENGTH = Entry.DIR_Attr;

/** Changes what is in directories. */
export class DirectoryChanges {
  readonly #volume: FatVolume;
  readonly #transaction: Transaction;
  readonly #content: FileContent;
  readonly #known = new Map<number, DirectorySlots>();

  constructor(volume: FatVolume, transaction: Transaction, content: FileContent) {
    this.#volume = volume;
    this.#transaction = transaction;
    this.#content = content;
    transaction.onRelease = () => {
      for (const slots of this.#known.values()) slots.release();
    };
  }

  create(directory: number, rawName: string, isDirectory: boolean): number {
    const name = this.#newName(directory, rawName);
    if (this.#volume.lookup(directory, name) !== 0) {
      throw new GuestfsError('EEXIST', `${name} exists already in its directory`);
    }
    const stored = this.#store(directory, name);
    const slots = this.slotsOf(directory);
    const slot = this.room(slots, entriesOf(stored));
    const now = this.#content.now();
    let first = 0;
    if (isDirectory) {
      first = this.#transaction.allocate(1).first;
      this.#initialise(first, newEntryRest(ATTR_DIRECTORY, first, now), directory);
    }
    const rest = newEntryRest(isDirectory ? ATTR_DIRECTORY : ATTR_ARCHIVE, first, now);
    const inode = this.#insert(slots, slot, stored, rest);
    this.#volume.directoryChanged(directory, false);
    if (isDirectory) this.#volume.directoryChanged(inode, true);
    this.#content.touch(directory);
    return inode;
  }

  /** Returns the inode that is no more. */
  unlink(directory: number, name: string): number {
    const inode = this.#find(directory, name);
    const { isDirectory, first } = this.#volume.file(inode);
    if (isDirectory) throw new GuestfsError('EISDIR', `${name} is a directory`);
    // Damage is found before anything has changed.
    if (first !== 0) this.#transaction.countChain(first);
    this.#remove(directory, inode, false);
    if (first !== 0) this.#transaction.free(first, 'file');
    this.#content.touch(directory);
    return inode;
  }

  rmdir(directory: number, name: string): void {
    const inode = this.#find(directory, name);
    const { isDirectory, first } = this.#volume.file(inode);
    if (!isDirectory) throw new GuestfsError('ENOTDIR', `${name} is not a directory`);
    this.#checkEmpty(inode, name);
    if (first !== 0) this.#transaction.countChain(first);
    this.#remove(directory, inode, false);
    if (first !== 0) this.#transaction.free(first, 'directory');
    this.#gone(inode);
    this.#volume.directoryChanged(directory, false);
    this.#content.touch(directory);
  }

  /** Returns the inode before and after: it is the place of the entry. */
  rename(
    fromDirectory: number,
    fromName: string,
    toDirectory: number,
    toName: string,
  ): { from: number; to: number } {
    const from = this.#find(fromDirectory, fromName);
    const { isDirectory, first } = this.#volume.file(from);
    const name = this.#newName(toDirectory, toName);
    const target = this.#volume.lookup(toDirectory, name);
    const rest = this.#rest(from);
    let to: number;
    if (target === from) {
      if (this.#nameOf(fromDirectory, from).name === name) return { from, to: from };
      to = this.#respell(fromDirectory, from, name, rest);
    } else if (target !== 0) {
      to = target;
      this.#overwrite(target, toName, isDirectory, rest);
      this.#remove(fromDirectory, from, this.#needsHolding(fromDirectory, from, [target * ENTRY]));
    } else {
      const stored = this.#store(toDirectory, name);
      const slots = this.slotsOf(toDirectory);
      const slot = this.room(slots, entriesOf(stored));
      to = this.#insert(slots, slot, stored, rest);
      const offsets = slots.entriesOf(to * ENTRY);
      this.#remove(fromDirectory, from, this.#needsHolding(fromDirectory, from, offsets));
    }
    if (isDirectory) this.#moved(from, to, first, fromDirectory, toDirectory);
    this.#content.touch(fromDirectory);
    if (toDirectory !== fromDirectory) this.#content.touch(toDirectory);
    return { from, to };
  }

  #find(directory: number, name: string): number {
    const inode = this.#volume.lookup(directory, name);
    if (inode === 0) throw new GuestfsError('ENOENT', `${name} is not in its directory`);
    return inode;
  }

  /** A name that may be made now: what the device still has of that name must go first, lest there be two. */
  #newName(directory: number, rawName: string): string {
    const name = checkName(rawName);
    if (this.#transaction.wasRemoved(directory, folded(name))) this.#transaction.commit();
    return name;
  }

  #store(directory: number, name: string): StoredName {
    const { options } = this.#volume;
    const names = this.#volume.namesOf(directory);
    const isTaken = (compared: string): boolean =>
      names.has(compared) || this.#transaction.wasRemoved(directory, compared);
    try {
      return storeName(name, options, isTaken);
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'EEXIST' || !this.#transaction.hasRemoved) {
        throw error;
      }
      this.#transaction.commit();
      return storeName(name, options, (compared) => names.has(compared));
    }
  }

  /** Forget what is known of free entries: an operation that failed may have taken some. */
  forget(): void {
    this.#known.clear();
  }

  /** Which entries of a directory are free. */
  slotsOf(directory: number): DirectorySlots {
    let slots = this.#known.get(directory);
    if (slots === undefined) {
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      slots = new DirectorySlots(this.#volume, directory, this.#transaction.held);
    }
    this.#known.delete(directory);
    this.#known.set(directory, slots);
    return slots;
  }

  /** First of so many free entries; the directory grows where there are none. */
  room(slots: DirectorySlots, count: number): number {
    for (;;) {
      const slot = slots.find(count);
      if (slot >= 0) return slot;
      slots.checkGrowth();
      this.#grow(slots);
    }
  }

  #grow(slots: DirectorySlots): void {
    const { geometry, chains } = this.#volume;
    const { first } = this.#volume.file(slots.inode);
    const chain = chains.get(first);
    const tail = chain.locate(chain.length() - 1, 1)!.cluster;
    const { first: added } = this.#transaction.allocate(1, tail + 1);
    this.#writeNew(added, new Uint8Array(geometry.clusterSize));
    this.#transaction.link(tail, added, 'directory');
    chain.extended(added);
    slots.grown();
  }

  /** Write the first cluster of a new directory, which nothing refers to yet. */
  #initialise(cluster: number, rest: Uint8Array, parent: number): void {
    const bytes = new Uint8Array(this.#volume.geometry.clusterSize);
    for (let dots = 1; dots <= 2; dots++) {
      const at = (dots - 1) * ENTRY;
      bytes.fill(SPACE, at, at + NAME_LENGTH);
      bytes.fill(DOT, at, at + dots);
      bytes.set(rest, at + NAME_LENGTH);
    }
    setFirstCluster(new DataView(bytes.buffer), ENTRY, this.#parentCluster(parent));
    this.#writeNew(cluster, bytes);
  }

  /** Write a cluster that was just allocated, and give it back where that fails. */
  #writeNew(cluster: number, bytes: Uint8Array): void {
    const { geometry, device } = this.#volume;
    try {
      device.writeAt(clusterOffset(geometry, cluster), bytes);
    } catch (error) {
      this.#transaction.allocator.release(cluster);
      throw error;
    }
    this.#forgetCluster(cluster);
  }

  /** What `..` names: the root is 0 there. */
  #parentCluster(parent: number): number {
    return parent === this.#volume.root ? 0 : this.#volume.file(parent).first;
  }

  #forgetCluster(cluster: number): void {
    const { geometry, entries: reader } = this.#volume;
    const start = clusterOffset(geometry, cluster);
    for (let at = 0; at < geometry.clusterSize; at += SECTOR) reader.forget(start + at);
  }

  #insert(slots: DirectorySlots, slot: number, stored: StoredName, rest: Uint8Array): number {
    const { names, options } = this.#volume;
    const inode = slots.take(slot, encodeEntries(stored, rest)) / ENTRY;
    this.#volume.changed(inode);
    names.add(slots.inode, folded(stored.name), inode);
    names.add(slots.inode, folded(shortName(stored.short, 0, stored.flags, options)), inode);
    return inode;
  }

  /** Remove the entries of a file; `held` where the device must keep them until the commit has written the rest. */
  #remove(directory: number, inode: number, held: boolean): void {
    const slots = this.slotsOf(directory);
    const { name, alias } = this.#nameOf(directory, inode);
    const offset = inode * ENTRY;
    const offsets = slots.entriesOf(offset);
    for (const at of offsets) {
      slots.clear(at, held);
      if (held) this.#transaction.hold(at);
    }
    this.#volume.changed(inode);
    const durable = isDurable(this.#volume, offset);
    for (const text of [name, alias]) {
      this.#volume.names.remove(directory, folded(text), inode);
      if (durable) this.#transaction.removed(directory, folded(text));
    }
  }

  /** Names of an entry, as the reader compares them. */
  #nameOf(directory: number, inode: number): { name: string; alias: string } {
    const { entries: reader, options } = this.#volume;
    const parser = new LongNameParser();
    let long: string | undefined;
    for (const offset of this.slotsOf(directory).entriesOf(inode * ENTRY)) {
      const { bytes, at } = reader.aim(offset);
      long = parser.take(bytes, at);
    }
    const { bytes, at } = reader.aim(inode * ENTRY);
    const alias = shortName(bytes, at, bytes[at + Entry.DIR_NTRes]!, options);
    return { name: long === undefined || long === '' ? alias : long, alias };
  }

  /** The short entry from its attributes on. */
  #rest(inode: number): Uint8Array {
    const { bytes, at } = this.#volume.entries.aim(inode * ENTRY);
    return bytes.slice(at + NAME_LENGTH, at + ENTRY);
  }

  /**
   * True unless all entries of a file and those that take their place are in one sector, which is written as a whole.
   * What the device does not have yet need not be kept on it.
   */
  #needsHolding(directory: number, inode: number, added: readonly number[]): boolean {
    const sectors = new Set<number>();
    for (const at of added) sectors.add(Math.floor(at / SECTOR));
    for (const at of this.slotsOf(directory).entriesOf(inode * ENTRY)) sectors.add(Math.floor(at / SECTOR));
    return sectors.size > 1;
  }

  /** The entry of `target` takes over what that of another file says; its name stays. */
  #overwrite(target: number, name: string, isDirectory: boolean, rest: Uint8Array): void {
    const replaced = this.#volume.file(target);
    const { first } = replaced;
    if (replaced.isDirectory !== isDirectory) {
      throw new GuestfsError(isDirectory ? 'ENOTDIR' : 'EISDIR', `${name} is of another type`);
    }
    if (isDirectory) this.#checkEmpty(target, name);
    if (first !== 0) this.#transaction.free(first, isDirectory ? 'directory' : 'file');
    if (isDirectory) this.#gone(target);
    const { bytes, at } = this.#content.change(target);
    const flags = bytes[at + Entry.DIR_NTRes]!;
    bytes.set(rest, at + NAME_LENGTH);
    bytes[at + Entry.DIR_NTRes] = flags;
  }

  /** Spell a name in other letters, which compares equal. */
  #respell(directory: number, inode: number, name: string, rest: Uint8Array): number {
    const names = this.#volume.namesOf(directory);
    const stored = storeName(name, this.#volume.options, (other) => {
      const owner = names.get(other);
      return owner !== undefined && owner !== inode;
    });
    const slots = this.slotsOf(directory);
    const old = slots.entriesOf(inode * ENTRY);
    const added = encodeEntries(stored, rest);
    const count = added.length / ENTRY;
    if (count > old.length) {
      const to = this.#insert(slots, this.room(slots, count), stored, rest);
      const offsets = slots.entriesOf(to * ENTRY);
      this.#remove(directory, inode, this.#needsHolding(directory, inode, offsets));
      this.#volume.names.add(directory, folded(name), to);
      return to;
    }
    const { name: oldName, alias } = this.#nameOf(directory, inode);
    this.#volume.names.remove(directory, folded(oldName), inode);
    this.#volume.names.remove(directory, folded(alias), inode);
    for (const [i, offset] of old.entries()) {
      const part = i - (old.length - count);
      if (part < 0) {
        slots.clear(offset, false);
        continue;
      }
      const sector = this.#volume.sectors.change(offset);
      sector.set(added.subarray(part * ENTRY, (part + 1) * ENTRY), offset % SECTOR);
      this.#volume.entries.forget(offset);
    }
    this.#volume.changed(inode);
    this.#volume.names.add(directory, folded(name), inode);
    this.#volume.names.add(
      directory,
      folded(shortName(stored.short, 0, stored.flags, this.#volume.options)),
      inode,
    );
    return inode;
  }

  #checkEmpty(inode: number, name: string): void {
    for (const entry of entries(this.#volume.context, this.#volume.place(inode))) {
      throw new GuestfsError('ENOTEMPTY', `the directory ${name} is not empty: ${entry.name} is in it`);
    }
  }

  /** A directory has another inode, and perhaps another parent. */
  #moved(from: number, to: number, first: number, fromDirectory: number, toDirectory: number): void {
    const slots = this.#known.get(from);
    this.#known.delete(from);
    this.#transaction.directoryMoved(from, to);
    this.#volume.directoryChanged(from, true);
    this.#volume.directoryChanged(to, true);
    this.#volume.directoryChanged(fromDirectory, false);
    this.#volume.directoryChanged(toDirectory, false);
    if (slots !== undefined) {
      slots.inode = to;
      this.#known.set(to, slots);
    }
    if (fromDirectory === toDirectory || first === 0) return;
    const offset = clusterOffset(this.#volume.geometry, first) + ENTRY;
    const sector = this.#volume.sectors.change(offset);
    this.#volume.entries.forget(offset);
    if (sector[offset % SECTOR] !== DOT || sector[(offset % SECTOR) + 1] !== DOT) return;
    const view = new DataView(sector.buffer, sector.byteOffset, sector.length);
    setFirstCluster(view, offset % SECTOR, this.#parentCluster(toDirectory));
  }

  #gone(inode: number): void {
    this.#known.delete(inode);
    this.#volume.directoryChanged(inode, true);
  }
}
