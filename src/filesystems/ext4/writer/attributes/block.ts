import { crc32cRaw } from '../../../../bytes/crc32c.ts';
import { CorruptError } from '../../../../errors/index.ts';
import { crcOfU32, crcOfZeroes } from '../../checksum.ts';
import { INCOMPAT_64BIT } from '../../features.ts';
import { Inode, XATTR_BLOCK_HEADER_SIZE, XATTR_MAGIC } from '../../layout.ts';
import type { StoredBlock, WriterParts } from '../contract.ts';
import {
  blockHash,
  compareAttributes,
  entryHash,
  inodeEntryHash,
  readTable,
  sameBytes,
  tableBytes,
  writeTable,
  type Attribute,
} from './table.ts';

/** Fields of `struct ext4_xattr_header`. */
const H_REFCOUNT = 4;
const H_BLOCKS = 8;
const H_HASH = 12;
const H_CHECKSUM = 16;
/** Most inodes that share a block. */
const MOST_SHARES = 1024;
/** Blocks remembered as candidates for sharing. */
const CANDIDATES = 1024;
/** The feature that says there may be attribute blocks. */
const COMPAT_EXT_ATTR = 0x8;

/** The attribute blocks of inodes, shared between those that have the same attributes. */
export class BlockTables {
  readonly #parts: WriterParts;
  readonly #valueHash: (inode: number) => number;
  /** Block hash to an inode that has the block: it proves that the block is in use still. */
  readonly #candidates = new Map<number, number>();

  /** `valueHash` gives the hash of a value that has an inode of its own. */
  constructor(parts: WriterParts, valueHash: (inode: number) => number) {
    this.#parts = parts;
    this.#valueHash = valueHash;
  }

  /** Bytes that a table in a block may take, its end mark included. */
  get room(): number {
    return this.#parts.store.geometry.blockSize - XATTR_BLOCK_HEADER_SIZE;
  }

  /** Block of an inode, or 0. */
  blockOf(number: number): number {
    const { view, base } = this.#parts.inodes.read(number);
    const low = view.getUint32(base + Inode.i_file_acl_lo, true);
    if ((this.#parts.store.geometry.incompat & INCOMPAT_64BIT) === 0) return low;
    return low + view.getUint16(base + Inode.l_i_file_acl_high, true) * 0x100000000;
  }

  #setBlock(number: number, block: number): void {
    const { view, base } = this.#parts.inodes.change(number);
    view.setUint32(base + Inode.i_file_acl_lo, block % 0x100000000, true);
    if (this.#parts.store.geometry.incompat & INCOMPAT_64BIT) {
      view.setUint16(base + Inode.l_i_file_acl_high, Math.floor(block / 0x100000000), true);
    }
  }

  read(number: number): Attribute[] {
    const at = this.blockOf(number);
    if (at === 0) return [];
    const owner = `attribute block of inode ${number}`;
    const { bytes } = this.#checked(at, owner);
    return readTable(bytes, XATTR_BLOCK_HEADER_SIZE, bytes.length, owner, true);
  }

  #checked(at: number, owner: string): StoredBlock {
    const block = this.#parts.store.read(at);
    const magic = block.view.getUint32(0, true);
    const count = block.view.getUint32(H_BLOCKS, true);
    const shares = block.view.getUint32(H_REFCOUNT, true);
    const { geometry } = this.#parts.store;
    const offset = at * geometry.blockSize;
    if (magic !== XATTR_MAGIC || count !== 1 || shares === 0) {
      throw new CorruptError(
        'ext4_xattr_header',
        `${owner}: h_magic is 0x${magic.toString(16)}, h_blocks ${count}, h_refcount ${shares};` +
          ` expected 0x${XATTR_MAGIC.toString(16)}, 1, at least 1`,
        { offset },
      );
    }
    const stored = block.view.getUint32(H_CHECKSUM, true);
    if (geometry.checksums && this.#checksum(block) !== stored) {
      throw new CorruptError(
        'ext4_xattr_header',
        `${owner}: h_checksum is 0x${stored.toString(16)}, the contents have 0x${this.#checksum(block).toString(16)}`,
        { offset, checksum: true },
      );
    }
    return block;
  }

  #checksum({ number, bytes }: StoredBlock): number {
    let crc = crcOfU32(this.#parts.store.geometry.checksumSeed, number % 0x100000000);
    crc = crcOfU32(crc, Math.floor(number / 0x100000000));
    crc = crc32cRaw(crc, bytes, 0, H_CHECKSUM);
    return crc32cRaw(crcOfZeroes(crc, 4), bytes, H_CHECKSUM + 4);
  }

  #seal(block: StoredBlock): void {
    if (!this.#parts.store.geometry.checksums) return;
    block.view.setUint32(H_CHECKSUM, this.#checksum(block), true);
  }

  /** True if the attributes fit a block. */
  fits(attributes: readonly Attribute[]): boolean {
    return tableBytes(attributes) <= this.room;
  }

  /** Store attributes that fit as those of an inode's block; none give the block back. */
  write(number: number, attributes: readonly Attribute[]): void {
    if (attributes.length === 0) {
      this.release(number);
      return;
    }
    const sorted = attributes.toSorted(compareAttributes);
    const { blockSize } = this.#parts.store.geometry;
    const bytes = new Uint8Array(blockSize);
    const hashes: number[] = [];
    writeTable(bytes, 0, XATTR_BLOCK_HEADER_SIZE, blockSize, sorted, (attribute) => {
      const hash = this.#hashOf(attribute);
      hashes.push(hash);
      return hash;
    });
    const hash = blockHash(hashes);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, XATTR_MAGIC, true);
    view.setUint32(H_REFCOUNT, 1, true);
    view.setUint32(H_BLOCKS, 1, true);
    view.setUint32(H_HASH, hash, true);
    // An inode whose value has an owner's count may be named once only.
    const shareable = hash !== 0 && sorted.every(({ valueInode }) => valueInode === 0);
    this.#store(number, bytes, hash, shareable);
  }

  /** `e_hash` of an attribute whose value has an inode. */
  valueEntryHash(name: Uint8Array, valueInode: number): number {
    return inodeEntryHash(name, this.#valueHash(valueInode));
  }

  #hashOf({ name, value, valueInode, hash }: Attribute): number {
    if (hash !== undefined && hash !== 0) return hash;
    return valueInode === 0 ? entryHash(name, value) : this.valueEntryHash(name, valueInode);
  }

  #store(number: number, bytes: Uint8Array, hash: number, shareable: boolean): void {
    const { store, space } = this.#parts;
    const old = this.blockOf(number);
    if (shareable && this.#share(number, old, bytes, hash)) return;
    let block: StoredBlock;
    if (
      old !== 0 &&
      this.#checked(old, `attribute block of inode ${number}`).view.getUint32(H_REFCOUNT, true) === 1
    ) {
      block = store.change(old);
    } else {
      store.enableFeature('compat', COMPAT_EXT_ATTR);
      if (old !== 0) this.release(number);
      const { block: at } = space.allocate(number, 0, 1);
      block = store.create(at);
      this.#setBlock(number, at);
    }
    block.bytes.set(bytes);
    this.#seal(block);
    if (!shareable) return;
    if (this.#candidates.size >= CANDIDATES) this.#candidates.clear();
    this.#candidates.set(hash, number);
  }

  /** Use a block with the same attributes instead of one of its own; false where none is known. */
  #share(number: number, old: number, bytes: Uint8Array, hash: number): boolean {
    const { store, space, inodes } = this.#parts;
    const other = this.#candidates.get(hash);
    if (other === undefined || other === number) return false;
    const { view, base } = inodes.read(other);
    if (view.getUint16(base + Inode.i_links_count, true) === 0) return false;
    const at = this.blockOf(other);
    if (at === 0 || at === old) return false;
    const found = store.read(at);
    const shares = found.view.getUint32(H_REFCOUNT, true);
    const same =
      found.view.getUint32(0, true) === XATTR_MAGIC &&
      found.view.getUint32(H_HASH, true) === hash &&
      shares < MOST_SHARES &&
      sameBytes(found.bytes.subarray(XATTR_BLOCK_HEADER_SIZE), bytes.subarray(XATTR_BLOCK_HEADER_SIZE));
    if (!same) return false;
    if (old !== 0) this.release(number);
    const block = store.change(at);
    block.view.setUint32(H_REFCOUNT, shares + 1, true);
    this.#seal(block);
    space.charge(number, 1);
    this.#setBlock(number, at);
    return true;
  }

  /** Give an inode's block back: to the allocator, or to the others that share it. */
  release(number: number): void {
    const at = this.blockOf(number);
    if (at === 0) return;
    const { store, space } = this.#parts;
    const shares = this.#checked(at, `attribute block of inode ${number}`).view.getUint32(H_REFCOUNT, true);
    this.#setBlock(number, 0);
    if (shares === 1) {
      space.free(number, at, 1, 'metadata');
      return;
    }
    const block = store.change(at);
    block.view.setUint32(H_REFCOUNT, shares - 1, true);
    this.#seal(block);
    space.charge(number, -1);
  }

  /** True if the inode's block is its alone, or it has none. */
  isOwn(number: number): boolean {
    const at = this.blockOf(number);
    return (
      at === 0 ||
      this.#checked(at, `attribute block of inode ${number}`).view.getUint32(H_REFCOUNT, true) === 1
    );
  }
}
