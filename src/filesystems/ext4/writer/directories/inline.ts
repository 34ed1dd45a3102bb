import { COMPAT_DIR_INDEX } from '../../features.ts';
import { I_BLOCK_SIZE, INODE_INDEX } from '../../layout.ts';
import type { AttributeWriter, WriterParts } from '../contract.ts';
import { createAttributeWriter, inlineRoom } from '../attributes/index.ts';
import {
  copyNames,
  emptyRun,
  fillGap,
  findEntry,
  findGap,
  getU32,
  holdsNames,
  neededBytes,
  putDots,
  setU32,
  type EntryPlace,
  type EntryRun,
  type Matcher,
} from './entries.ts';
import type { Folder, Folders } from './folder.ts';

/**
 * Directories in the inode: 4 bytes with the inode of the parent and 56 bytes of entries in `i_block`, and more
 * entries, a run of their own, in the attribute `system.data`. There are no `.` and `..`.
 *
 * Source: Documentation/filesystems/ext4, "Inline Data" and "Inline Directories".
 */
const PARENT_BYTES = 4;
/** An area in the attribute must be larger than the shortest entry to be of use. */
const LEAST_AREA = 16;

/** What is changed of an inline directory. */
export class InlineFolders {
  readonly #folders: Folders;
  readonly #parts: WriterParts;
  readonly #attributes: AttributeWriter;

  constructor(folders: Folders) {
    this.#folders = folders;
    this.#parts = folders.parts;
    this.#attributes = createAttributeWriter(folders.parts);
  }

  /** Make an inode without content an empty inline directory; false where the filesystem has none or no room. */
  initialise(directory: number, parent: number): boolean {
    const content = new Uint8Array(I_BLOCK_SIZE);
    setU32(content, 0, parent);
    emptyRun(this.#run(directory, content, PARENT_BYTES, I_BLOCK_SIZE));
    return this.#attributes.setInlineData(directory, content);
  }

  #content(folder: Folder): Uint8Array {
    return this.#attributes.inlineData(folder.number) ?? new Uint8Array(I_BLOCK_SIZE);
  }

  #run(directory: number, bytes: Uint8Array, start: number, end: number): EntryRun {
    const { blockSize } = this.#parts.store.geometry;
    return { bytes, start, end, blockSize, directory, typed: this.#folders.typed };
  }

  /** The runs of entries: that in `i_block`, and that in the attribute if there is one. */
  #runs(folder: Folder, content: Uint8Array): EntryRun[] {
    const runs = [this.#run(folder.number, content, PARENT_BYTES, I_BLOCK_SIZE)];
    if (content.length > I_BLOCK_SIZE) {
      runs.push(this.#run(folder.number, content, I_BLOCK_SIZE, content.length));
    }
    return runs;
  }

  /** Put a name into the inode; false where it does not fit. */
  insert(folder: Folder, name: Uint8Array, inode: number, type: number): boolean {
    const needed = neededBytes(name.length);
    let content = this.#content(folder);
    if (this.#fill(folder, content, needed, name, inode, type)) return true;
    const room = inlineRoom(this.#parts, folder.number);
    if (room <= content.length || room < I_BLOCK_SIZE + LEAST_AREA) return false;
    content = this.#widened(folder, content, room);
    return this.#fill(folder, content, needed, name, inode, type);
  }

  #fill(
    folder: Folder,
    content: Uint8Array,
    needed: number,
    name: Uint8Array,
    inode: number,
    type: number,
  ): boolean {
    for (const run of this.#runs(folder, content)) {
      const gap = findGap(run, needed);
      if (gap < 0) continue;
      fillGap(run, gap, inode, name, type);
      return this.#attributes.setInlineData(folder.number, content);
    }
    return false;
  }

  /** The content with its second run made as long as the inode has room for. */
  #widened(folder: Folder, content: Uint8Array, room: number): Uint8Array {
    // Entries are multiples of 4 bytes.
    const wide = new Uint8Array(room & ~3);
    wide.set(content);
    const run = this.#run(folder.number, wide, I_BLOCK_SIZE, wide.length);
    emptyRun(run);
    if (content.length > I_BLOCK_SIZE) {
      copyNames(this.#run(folder.number, content, I_BLOCK_SIZE, content.length), run);
    }
    return wide;
  }

  /** Find an entry; `change` may alter it in place, what it did is then stored. */
  change(folder: Folder, matches: Matcher, change: (run: EntryRun, place: EntryPlace) => void): boolean {
    const content = this.#content(folder);
    const place: EntryPlace = { at: 0, previous: -1 };
    for (const run of this.#runs(folder, content)) {
      if (!findEntry(run, matches, place)) continue;
      change(run, place);
      this.#attributes.setInlineData(folder.number, content);
      return true;
    }
    return false;
  }

  /** Inode of the entry that matches, or 0. */
  find(folder: Folder, matches: Matcher): number {
    const content = this.#content(folder);
    const place: EntryPlace = { at: 0, previous: -1 };
    for (const run of this.#runs(folder, content)) {
      if (findEntry(run, matches, place)) return getU32(content, place.at);
    }
    return 0;
  }

  parentOf(folder: Folder): number {
    return getU32(this.#content(folder), 0);
  }

  setParent(folder: Folder, parent: number): void {
    const content = this.#content(folder);
    setU32(content, 0, parent);
    this.#attributes.setInlineData(folder.number, content);
  }

  isEmpty(folder: Folder): boolean {
    return !this.#runs(folder, this.#content(folder)).some(holdsNames);
  }

  /** Move the entries into a first block; the directory is an ordinary one then. */
  moveOut(folder: Folder): Folder {
    const content = this.#content(folder);
    const parent = getU32(content, 0);
    this.#attributes.clearInlineData(folder.number);
    this.#folders.setSize(folder, 0);
    // Inline directories never have a tree; a stray flag would make one of the new block.
    if (this.#parts.store.geometry.compat & COMPAT_DIR_INDEX) this.#folders.setFlags(folder, 0, INODE_INDEX);
    const moved = this.#folders.open(folder.number);
    const { block } = this.#folders.append(moved);
    const run = this.#folders.leaf(moved, block);
    putDots(run, folder.number, parent);
    for (const names of this.#runs(folder, content)) copyNames(names, run);
    this.#folders.sealLeaf(moved, block);
    return moved;
  }
}
