import type { ViewOf } from '../../../../bytes/layout.ts';
import { CorruptError } from '../../../../errors/index.ts';
import type { WriterParts } from '../contract.ts';
import { fileSizeOf, setFileSizeOf } from '../fields.ts';
import {
  QUOTA_BLOCK_SIZE,
  QUOTA_DEPTH,
  QUOTA_ENTRIES,
  QUOTA_MAGICS,
  QUOTA_ROOT,
  QUOTA_VERSION,
  QuotaBlock,
  QuotaEntry,
  QuotaHeader,
} from './layout.ts';

/** A quota file: its tree, changed in place as metadata. */
export class QuotaFile {
  readonly #parts: WriterParts;
  readonly #inode: number;
  readonly #magic: number;
  #checked = false;

  /** `kind` is 0 for users, 1 for groups, 2 for projects; `inode` that of the file. */
  constructor(parts: WriterParts, kind: 0 | 1 | 2, inode: number) {
    this.#parts = parts;
    this.#inode = inode;
    this.#magic = QUOTA_MAGICS[kind];
  }

  #corrupt(message: string): CorruptError {
    return new CorruptError('quota file', `inode ${this.#inode}: ${message}`);
  }

  #size(): number {
    return fileSizeOf(this.#parts.inodes.read(this.#inode));
  }

  /** A block of the file to be changed, and where in it the quota block begins. */
  #change(number: number): { bytes: Uint8Array; base: number } {
    const { blockSize } = this.#parts.store.geometry;
    const offset = number * QUOTA_BLOCK_SIZE;
    const place =
      offset < this.#size() ? this.#parts.files.map(this.#inode, Math.floor(offset / blockSize)) : 0;
    if (place === 0) throw this.#corrupt(`block ${number} is asked for, which the file has not`);
    const entry = this.#parts.store.change(place);
    if ('role' in entry) entry.role = 'quota';
    return { bytes: entry.bytes, base: offset % blockSize };
  }

  #read(number: number): { bytes: Uint8Array; view: DataView; base: number } {
    const { blockSize } = this.#parts.store.geometry;
    const offset = number * QUOTA_BLOCK_SIZE;
    const place =
      offset < this.#size() ? this.#parts.files.map(this.#inode, Math.floor(offset / blockSize)) : 0;
    if (place === 0) throw this.#corrupt(`block ${number} is asked for, which the file has not`);
    const { bytes, view } = this.#parts.store.read(place);
    return { bytes, view, base: offset % blockSize };
  }

  #check(): void {
    const { bytes, base } = this.#read(0);
    const header = QuotaHeader.view(bytes, base);
    if (header.dqh_magic !== this.#magic || header.dqh_version !== QUOTA_VERSION) {
      throw this.#corrupt(
        `dqh_magic is 0x${header.dqh_magic.toString(16)} and dqh_version ${header.dqh_version}, expected ` +
          `0x${this.#magic.toString(16)} and ${QUOTA_VERSION}`,
      );
    }
    this.#checked = true;
  }

  /** Add to what an identifier uses; an entry is made where there is none. */
  add(id: number, space: number, inodes: number): void {
    if (!this.#checked) this.#check();
    const found = this.#find(id) ?? this.#insert(id);
    const { bytes, base } = this.#change(found.block);
    const entry = QuotaEntry.view(bytes, base + found.at);
    entry.dqb_curspace = Math.max(0, entry.dqb_curspace + space);
    entry.dqb_curinodes = Math.max(0, entry.dqb_curinodes + inodes);
    // An entry that is all zeroes would count as not in use.
    const start = base + found.at;
    if (bytes.subarray(start, start + QuotaEntry.size).every((byte) => byte === 0)) entry.dqb_itime = 1;
  }

  #reference(block: number, id: number, level: number): number {
    const { view, base } = this.#read(block);
    return view.getUint32(base + ((id >>> (8 * (QUOTA_DEPTH - 1 - level))) & 0xff) * 4, true);
  }

  #find(id: number): { block: number; at: number } | undefined {
    let block = QUOTA_ROOT;
    for (let level = 0; level < QUOTA_DEPTH; level++) {
      block = this.#reference(block, id, level);
      if (block === 0) return undefined;
    }
    const { bytes, base } = this.#read(block);
    const empty = (at: number): boolean => isEmpty(bytes, base + at);
    for (let i = 0; i < QUOTA_ENTRIES; i++) {
      const at = QuotaBlock.size + i * QuotaEntry.size;
      // Identifier 0 looks like an entry that is not in use.
      if (QuotaEntry.view(bytes, base + at).dqb_id === id && !(id === 0 && empty(at))) return { block, at };
    }
    throw this.#corrupt(`block ${block} has no entry of ${id}, though the tree leads to it`);
  }

  #insert(id: number): { block: number; at: number } {
    const place = this.#freeEntry();
    const { bytes, base } = this.#change(place.block);
    const entry = QuotaEntry.view(bytes, base + place.at);
    entry.dqb_id = id;
    entry.dqb_itime = id === 0 ? 1 : 0;
    let block = QUOTA_ROOT;
    for (let level = 0; level < QUOTA_DEPTH; level++) {
      let child = this.#reference(block, id, level);
      if (child === 0) {
        child = level === QUOTA_DEPTH - 1 ? place.block : this.#freeBlock();
        const parent = this.#change(block);
        const index = (id >>> (8 * (QUOTA_DEPTH - 1 - level))) & 0xff;
        new DataView(parent.bytes.buffer, parent.bytes.byteOffset).setUint32(
          parent.base + index * 4,
          child,
          true,
        );
      }
      block = child;
    }
    return place;
  }

  #header(): ViewOf<typeof QuotaHeader> {
    const { bytes, base } = this.#change(0);
    return QuotaHeader.view(bytes, base);
  }

  /** A block that is all zeroes: one given back earlier, or a new one at the end. */
  #freeBlock(): number {
    const header = this.#header();
    const free = header.dqi_free_blk;
    if (free !== 0) {
      const { bytes, base } = this.#change(free);
      header.dqi_free_blk = QuotaBlock.view(bytes, base).dqdh_next_free;
      bytes.fill(0, base, base + QUOTA_BLOCK_SIZE);
      return free;
    }
    const number = header.dqi_blocks;
    const { blockSize } = this.#parts.store.geometry;
    const end = (number + 1) * QUOTA_BLOCK_SIZE;
    const entry = this.#parts.files.grow(this.#inode, Math.floor((end - 1) / blockSize));
    if (end > this.#size()) setFileSizeOf(this.#parts.inodes.change(this.#inode), end);
    const base = (number * QUOTA_BLOCK_SIZE) % blockSize;
    entry.bytes.fill(0, base, base + QUOTA_BLOCK_SIZE);
    this.#header().dqi_blocks = number + 1;
    return number;
  }

  /** Room for an entry: in the first block that has some, or in a new one. */
  #freeEntry(): { block: number; at: number } {
    let block = this.#header().dqi_free_entry;
    if (block === 0) {
      block = this.#freeBlock();
      this.#header().dqi_free_entry = block;
    }
    const { bytes, base } = this.#change(block);
    const head = QuotaBlock.view(bytes, base);
    const used = head.dqdh_entries;
    head.dqdh_entries = used + 1;
    if (used + 1 >= QUOTA_ENTRIES) {
      // Full: the next block of the list is the first now.
      const next = head.dqdh_next_free;
      this.#header().dqi_free_entry = next;
      head.dqdh_next_free = 0;
      head.dqdh_prev_free = 0;
      if (next !== 0) {
        const follower = this.#change(next);
        QuotaBlock.view(follower.bytes, follower.base).dqdh_prev_free = 0;
      }
    }
    for (let i = 0; i < QUOTA_ENTRIES; i++) {
      const at = QuotaBlock.size + i * QuotaEntry.size;
      if (isEmpty(bytes, base + at)) return { block, at };
    }
    throw this.#corrupt(`block ${block} says that it has ${used} entries, but it is full`);
  }
}

function isEmpty(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < QuotaEntry.size; i++) if (bytes[at + i] !== 0) return false;
  return true;
}
