import { CorruptError } from '../../../../errors/index.ts';
import { INCOMPAT_EXTENTS } from '../../features.ts';
import {
  EXTENT_MAGIC,
  I_BLOCK_SIZE,
  INODE_EXTENTS,
  INODE_INLINE_DATA,
  Inode,
  S_IFDIR,
  S_IFMT,
} from '../../layout.ts';
import { inodeSize } from '../../stat.ts';
import { INDEX_SYSTEM } from '../../xattr.ts';
import type { WriterParts } from '../contract.ts';
import type { AttributeTables } from './tables.ts';

const INCOMPAT_INLINE_DATA = 0x8000;
/** The attribute that continues what is in `i_block`; it is there even if it is empty. */
const DATA = Uint8Array.from('data', (character) => character.charCodeAt(0));
/** Extents that a root in an inode has room for. */
const ROOT_EXTENTS = 4;

/**
 * Content that lies in the inode: 60 bytes in `i_block`, the rest in the attribute `system.data`, which is always in
 * the inode itself.
 *
 * Source: Documentation/filesystems/ext4, "Inline Data".
 */
export class InlineContent {
  readonly #parts: WriterParts;
  readonly #tables: AttributeTables;

  constructor(parts: WriterParts, tables: AttributeTables) {
    this.#parts = parts;
    this.#tables = tables;
  }

  /** Most bytes that the inode can keep with the attributes that it has; 0 where it can keep none. */
  room(number: number): number {
    if ((this.#parts.store.geometry.incompat & INCOMPAT_INLINE_DATA) === 0) return 0;
    const rest = this.#tables.roomInBody(number, INDEX_SYSTEM, DATA);
    return rest < 0 ? 0 : I_BLOCK_SIZE + rest;
  }

  /** Content of an inode that has the flag: `i_size` bytes of a file, all there is of a directory. */
  read(number: number): Uint8Array | undefined {
    const { geometry } = this.#parts.store;
    const inode = this.#parts.inodes.read(number);
    const { view, base } = inode;
    if ((view.getUint32(base + Inode.i_flags, true) & INODE_INLINE_DATA) === 0) return undefined;
    const isDirectory = (view.getUint16(base + Inode.i_mode, true) & S_IFMT) === S_IFDIR;
    const size = inodeSize(inode, geometry);
    const start = inode.bytes.slice(base + Inode.i_block, base + Inode.i_block + I_BLOCK_SIZE);
    const rest = this.#tables.findInBody(number, INDEX_SYSTEM, DATA) ?? new Uint8Array(0);
    const content = new Uint8Array(I_BLOCK_SIZE + rest.length);
    content.set(start);
    content.set(rest, I_BLOCK_SIZE);
    if (isDirectory) return content;
    if (size > content.length) {
      throw new CorruptError(
        'ext4_inode',
        `size of inode ${number} is ${size}, but its inline data has ${content.length} bytes`,
      );
    }
    return content.subarray(0, size);
  }

  /** Keep content in the inode and set `i_size`; false, and nothing changed, where it does not fit. */
  write(number: number, content: Uint8Array): boolean {
    if (content.length > this.room(number)) return false;
    const rest = content.slice(I_BLOCK_SIZE);
    if (!this.#tables.setInBody(number, INDEX_SYSTEM, DATA, rest)) return false;
    const { view, base, bytes } = this.#parts.inodes.change(number);
    bytes.fill(0, base + Inode.i_block, base + Inode.i_block + I_BLOCK_SIZE);
    bytes.set(content.subarray(0, I_BLOCK_SIZE), base + Inode.i_block);
    const flags = view.getUint32(base + Inode.i_flags, true);
    view.setUint32(base + Inode.i_flags, ((flags | INODE_INLINE_DATA) & ~INODE_EXTENTS) >>> 0, true);
    view.setUint32(base + Inode.i_size_lo, content.length, true);
    view.setUint32(base + Inode.i_size_high, 0, true);
    return true;
  }

  /** Take the content out: the inode has an empty map of blocks then. `i_size` stays. */
  clear(number: number): void {
    const { geometry } = this.#parts.store;
    if (this.#tables.findInBody(number, INDEX_SYSTEM, DATA) !== undefined) {
      this.#tables.remove(number, INDEX_SYSTEM, DATA);
    }
    const { view, base, bytes } = this.#parts.inodes.change(number);
    const at = base + Inode.i_block;
    bytes.fill(0, at, at + I_BLOCK_SIZE);
    let flags = view.getUint32(base + Inode.i_flags, true) & ~INODE_INLINE_DATA;
    if (geometry.incompat & INCOMPAT_EXTENTS) {
      flags |= INODE_EXTENTS;
      view.setUint16(at, EXTENT_MAGIC, true);
      view.setUint16(at + 4, ROOT_EXTENTS, true);
    }
    view.setUint32(base + Inode.i_flags, flags >>> 0, true);
  }
}
