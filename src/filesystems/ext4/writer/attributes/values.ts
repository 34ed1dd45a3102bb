import { allocate } from '../../../../bytes/budget.ts';
import { crc32cRaw } from '../../../../bytes/crc32c.ts';
import { CorruptError } from '../../../../errors/index.ts';
import { INODE_EA_INODE, Inode, S_IFMT, S_IFREG } from '../../layout.ts';
import type { WriterParts } from '../contract.ts';

/** Most bytes of a value; the cap of the reader. */
const VALUE_CAP = 16 * 1024 * 1024;

/**
 * Values that have an inode of their own (ea_inode). The fields that such an inode has no use for hold other things:
 * `i_atime` the hash of the value, `i_ctime` and `l_i_version` the high and low half of the count of its users.
 */
export class ValueInodes {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Store a value in a new inode, used once. */
  create(owner: number, value: Uint8Array): number {
    const { inodes, files, store } = this.#parts;
    const { blockSize, checksumSeed } = store.geometry;
    const number = inodes.allocateAttributeInode(owner);
    for (let at = 0, logical = 0; at < value.length; at += blockSize, logical++) {
      files.grow(number, logical).bytes.set(value.subarray(at, at + blockSize));
    }
    const { view, base } = inodes.change(number);
    view.setUint32(base + Inode.i_size_lo, value.length, true);
    view.setUint32(base + Inode.i_size_high, 0, true);
    view.setUint32(base + Inode.i_atime, crc32cRaw(checksumSeed, value), true);
    this.#setUsers(number, 1);
    return number;
  }

  /** Check an inode that an entry names as its value's. */
  #check(number: number): void {
    const { view, base } = this.#parts.inodes.read(number);
    const mode = view.getUint16(base + Inode.i_mode, true);
    const flags = view.getUint32(base + Inode.i_flags, true);
    const size = view.getUint32(base + Inode.i_size_lo, true);
    if ((mode & S_IFMT) !== S_IFREG || (flags & INODE_EA_INODE) === 0 || size > VALUE_CAP) {
      throw new CorruptError(
        'ext4_inode',
        `inode ${number} of an attribute's value has mode 0${mode.toString(8)}, flags 0x${flags.toString(16)}, size ${size};` +
          ` expected a file of up to ${VALUE_CAP} bytes with the flag 0x200000`,
      );
    }
  }

  /** The hash that stands for the value in entries. */
  hash(number: number): number {
    const { view, base } = this.#parts.inodes.read(number);
    return view.getUint32(base + Inode.i_atime, true);
  }

  read(number: number): Uint8Array {
    this.#check(number);
    const { inodes, files, store } = this.#parts;
    const { blockSize } = store.geometry;
    const { view, base } = inodes.read(number);
    const size = view.getUint32(base + Inode.i_size_lo, true);
    const value = allocate(size, `value of an attribute in inode ${number}`, VALUE_CAP);
    for (let at = 0, logical = 0; at < size; at += blockSize, logical++) {
      const place = files.map(number, logical);
      if (place !== 0) value.set(store.read(place).bytes.subarray(0, Math.min(blockSize, size - at)), at);
    }
    return value;
  }

  #users(number: number): number {
    const { view, base } = this.#parts.inodes.read(number);
    return (
      view.getUint32(base + Inode.i_ctime, true) * 0x100000000 +
      view.getUint32(base + Inode.l_i_version, true)
    );
  }

  #setUsers(number: number, count: number): void {
    const { view, base } = this.#parts.inodes.change(number);
    view.setUint32(base + Inode.i_ctime, Math.floor(count / 0x100000000), true);
    view.setUint32(base + Inode.l_i_version, count % 0x100000000, true);
  }

  /** One more entry names the inode. */
  use(number: number): void {
    this.#check(number);
    this.#setUsers(number, this.#users(number) + 1);
  }

  /** One entry less names the inode; with the last one it goes. */
  release(number: number): void {
    this.#check(number);
    const users = this.#users(number);
    if (users > 1) {
      this.#setUsers(number, users - 1);
      return;
    }
    this.#setUsers(number, 0);
    this.#parts.inodes.free(number);
  }
}
