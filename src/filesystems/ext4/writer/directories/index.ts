import { GuestfsError } from '../../../../errors/index.ts';
import { INODE_INDEX, INODE_INLINE_DATA } from '../../layout.ts';
import { noKeyDecoder } from '../../fscrypt.ts';
import { DX_ROOT_COUNT, DX_ROOT_VERSION } from '../../htree.ts';
import { indexCountOffset, type WantedName } from '../../directory.ts';
import type { DirectoryWriter, StoredBlock, WriterParts } from '../contract.ts';
import {
  findEntry,
  getU32,
  holdsNames,
  NAME_AT,
  placeOfParent,
  pointEntry,
  putDots,
  removeEntry,
  type EntryPlace,
  type EntryRun,
} from './entries.ts';
import { Folders, type Folder } from './folder.ts';
import { InlineFolders } from './inline.ts';
import { appendAndPut, FreePlaces, insertLinear } from './linear.ts';
import { newName, wantedName } from './names.ts';
import { findLeaf, insertIndexed } from './tree.ts';

/**
 * Names in directories over the parts of a filesystem that is being written. In encrypted directories
 * names are those that are shown without the key: they can be removed; inserting fails with ENOKEY. Times and link counts are the caller's.
 */
export function createDirectoryWriter(parts: WriterParts): DirectoryWriter {
  return new Directories(parts);
}

class Directories implements DirectoryWriter {
  readonly #parts: WriterParts;
  readonly #folders: Folders;
  readonly #inline: InlineFolders;
  readonly #places = new FreePlaces();
  readonly #place: EntryPlace = { at: 0, previous: -1 };
  /** Directory and block in which a name was found last: the next one is often there too. */
  #recent = { directory: 0, logical: 0 };

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#folders = new Folders(parts);
    this.#inline = new InlineFolders(this.#folders);
  }

  initialise(directory: number, parent: number): void {
    if (this.#inline.initialise(directory, parent)) return;
    const folder = this.#folders.open(directory);
    const { block } = this.#folders.append(folder);
    putDots(this.#folders.leaf(folder, block), directory, parent);
    this.#folders.sealLeaf(folder, block);
  }

  insert(directory: number, name: string, inode: number, type: number): void {
    const folders = this.#folders;
    let folder = folders.open(directory);
    folders.refuseEncrypted(folder, `adding the name ${name}`);
    const bytes = newName(this.#parts.store.geometry, folder.flags, name);
    folders.countChange(folder);
    if (folder.flags & INODE_INLINE_DATA) {
      if (this.#inline.insert(folder, bytes, inode, type)) return;
      folder = this.#inline.moveOut(folder);
    }
    if (folders.isIndexed(folder)) {
      if (insertIndexed(folders, folder, bytes, inode, type)) return;
      // As a linear directory it takes one new block, and the inode, which has flag and size in one sector.
      folders.setFlags(folder, 0, INODE_INDEX);
      appendAndPut(folders, this.#places, folder, bytes, inode, type);
      return;
    }
    // Without the feature the flag means nothing, and a linear insertion breaks what tree there was.
    if (folder.flags & INODE_INDEX) folders.setFlags(folder, 0, INODE_INDEX);
    insertLinear(folders, this.#places, folder, bytes, inode, type);
  }

  remove(directory: number, name: string): void {
    const head = ({ at, previous }: EntryPlace): number => (previous < 0 ? at : previous);
    this.#changeEntry(directory, name, 'removing', head, (run, place) => removeEntry(run, place));
  }

  replace(directory: number, name: string, inode: number, type: number): void {
    this.#folders.refuseEncrypted(this.#folders.open(directory), `giving ${name} another file`);
    const head = ({ at }: EntryPlace): number => at;
    this.#changeEntry(directory, name, 'replacing', head, (run, place) =>
      pointEntry(run, place.at, inode, type),
    );
  }

  /** `headOf` tells the offset of the entry of which `change` will change what stands before its name. */
  #changeEntry(
    directory: number,
    name: string,
    action: string,
    headOf: (place: EntryPlace) => number,
    change: (run: EntryRun, place: EntryPlace) => void,
  ): void {
    const folders = this.#folders;
    const folder = folders.open(directory);
    const wanted = this.#wanted(folder, name);
    if (wanted !== undefined) {
      const matches = wanted.matches.bind(wanted);
      if (folder.flags & INODE_INLINE_DATA) {
        if (this.#inline.change(folder, matches, change)) {
          folders.countChange(folder);
          return;
        }
      } else {
        const logical = this.#find(folder, wanted);
        if (logical !== undefined) {
          const block = folders.change(folder, logical);
          const run = this.#entriesOf(folder, block);
          if (run !== undefined && findEntry(run, matches, this.#place)) {
            const head = headOf(this.#place);
            if (this.#isRoot(folder, block)) {
              change(run, this.#place);
              this.#seal(folder, block);
            } else {
              folders.patchLeaf(block, head, head + NAME_AT, () => change(run, this.#place));
            }
            this.#places.freed(folder, logical);
            folders.countChange(folder);
            return;
          }
        }
      }
    }
    throw new GuestfsError('ENOENT', `${action} ${name} in directory ${directory}: there is no such name`);
  }

  lookup(directory: number, name: string): number {
    const folder = this.#folders.open(directory);
    const wanted = this.#wanted(folder, name);
    if (wanted === undefined) return 0;
    if (folder.flags & INODE_INLINE_DATA) return this.#inline.find(folder, wanted.matches.bind(wanted));
    const logical = this.#find(folder, wanted);
    if (logical === undefined || !this.#holds(folder, logical, wanted)) return 0;
    return getU32(this.#folders.read(folder, logical).bytes, this.#place.at);
  }

  #wanted(folder: Folder, name: string): WantedName | undefined {
    return wantedName(folder.flags, name, () => {
      const { geometry } = this.#parts.store;
      const inline = folder.flags & INODE_INLINE_DATA ? new Uint8Array(0) : undefined;
      let version = geometry.superBlock.s_def_hash_version;
      if (inline === undefined && folder.flags & INODE_INDEX) {
        const { bytes } = this.#folders.read(folder, 0);
        const isRoot = indexCountOffset(bytes, 0, geometry.blockSize) === DX_ROOT_COUNT;
        if (isRoot) version = bytes[DX_ROOT_VERSION]!;
      }
      return noKeyDecoder(geometry, { flags: folder.flags, size: folder.size, inline }, version);
    });
  }

  /** Block that holds a name, or undefined. */
  #find(folder: Folder, wanted: WantedName): number | undefined {
    const holds = (logical: number): boolean => this.#holds(folder, logical, wanted);
    if (this.#folders.isIndexed(folder)) return findLeaf(this.#folders, folder, wanted, holds);
    const { directory, logical: recent } = this.#recent;
    const first = directory === folder.number && recent < folder.blocks ? recent : 0;
    for (let i = 0; i < folder.blocks; i++) {
      const logical = (first + i) % folder.blocks;
      if (!holds(logical)) continue;
      this.#recent = { directory: folder.number, logical };
      return logical;
    }
    return undefined;
  }

  #holds(folder: Folder, logical: number, wanted: WantedName): boolean {
    const run = this.#entriesOf(folder, this.#folders.read(folder, logical));
    return run !== undefined && findEntry(run, wanted.matches.bind(wanted), this.#place);
  }

  #entriesOf(folder: Folder, block: StoredBlock): EntryRun | undefined {
    return this.#folders.entries(folder, block);
  }

  /** Set the checksum of a block, whichever kind it is. */
  #seal(folder: Folder, block: StoredBlock): void {
    if (this.#isRoot(folder, block)) this.#folders.sealIndex(folder, block, DX_ROOT_COUNT);
    else this.#folders.sealLeaf(folder, block);
  }

  /** True if a block is the root of the directory's hash tree, whose checksum is elsewhere. */
  #isRoot(folder: Folder, block: StoredBlock): boolean {
    const { blockSize } = this.#parts.store.geometry;
    return (
      (folder.flags & INODE_INDEX) !== 0 && indexCountOffset(block.bytes, 0, blockSize) === DX_ROOT_COUNT
    );
  }

  setParent(directory: number, parent: number): void {
    const DIRECTORY = 2;
    const folder = this.#folders.open(directory);
    this.#folders.countChange(folder);
    if (folder.flags & INODE_INLINE_DATA) {
      this.#inline.setParent(folder, parent);
      return;
    }
    const block = this.#folders.change(folder, 0);
    const run = this.#entriesOf(folder, block) ?? this.#folders.leaf(folder, block);
    pointEntry(run, placeOfParent(run), parent, DIRECTORY);
    this.#seal(folder, block);
  }

  parentOf(directory: number): number {
    const folder = this.#folders.open(directory);
    if (folder.flags & INODE_INLINE_DATA) return this.#inline.parentOf(folder);
    const block = this.#folders.read(folder, 0);
    const run = this.#entriesOf(folder, block) ?? this.#folders.leaf(folder, block);
    return getU32(run.bytes, placeOfParent(run));
  }

  isEmpty(directory: number): boolean {
    const folder = this.#folders.open(directory);
    if (folder.flags & INODE_INLINE_DATA) return this.#inline.isEmpty(folder);
    for (let logical = 0; logical < folder.blocks; logical++) {
      const run = this.#entriesOf(folder, this.#folders.read(folder, logical));
      if (run !== undefined && holdsNames(run)) return false;
    }
    return true;
  }
}
