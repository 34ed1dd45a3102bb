import { crc32cRaw } from '../../../bytes/crc32c.ts';
import type { Field } from '../../../bytes/layout.ts';
import { CorruptError } from '../../../errors/index.ts';
import { crc16, crcOfU32, crcOfZeroes } from '../checksum.ts';
import { INCOMPAT_64BIT, RO_COMPAT_GDT_CSUM } from '../features.ts';
import { descriptorBlock } from '../groups.ts';
import { GroupDesc64 } from '../layout.ts';
import type { Geometry } from '../superblock.ts';
import type { BlockEntry, BlockStore } from './store.ts';

const f = GroupDesc64.fields;
const CHECKSUM = f.bg_checksum.offset;

/** Bits of `bg_flags`. */
export const BG_INODE_UNINIT = 0x1;
export const BG_BLOCK_UNINIT = 0x2;
export const BG_INODE_ZEROED = 0x4;

/**
 * `bg_checksum` of the descriptor of `number` at `base` of `bytes`; undefined where the filesystem has none.
 */
export function descriptorChecksum(
  geometry: Geometry,
  number: number,
  bytes: Uint8Array,
  base: number,
): number | undefined {
  const { descSize } = geometry;
  if (geometry.checksums) {
    let crc = crcOfU32(geometry.checksumSeed, number);
    crc = crc32cRaw(crc, bytes, base, base + CHECKSUM);
    crc = crcOfZeroes(crc, 2);
    return crc32cRaw(crc, bytes, base + CHECKSUM + 2, base + descSize) & 0xffff;
  }
  if ((geometry.roCompat & RO_COMPAT_GDT_CSUM) === 0) return undefined;
  const group = Uint8Array.of(number, number >>> 8, number >>> 16, number >>> 24);
  let crc = crc16(crc16(0xffff, geometry.superBlock.s_uuid), group);
  crc = crc16(crc, bytes, base, base + CHECKSUM);
  return crc16(crc, bytes, base + CHECKSUM + 2, base + descSize);
}

/**
 * Group descriptors read and changed in place. There is one of these, aimed at another group by each
 * {@link GroupDescriptors.aim} and {@link GroupDescriptors.change}.
 */
export class GroupDescriptors {
  readonly #store: BlockStore;
  readonly #geometry: Geometry;
  readonly #wide: boolean;
  readonly #perBlock: number;
  readonly #verified: Uint8Array;
  #entry: BlockEntry | undefined;
  #base = 0;
  #number = -1;

  constructor(store: BlockStore, geometry: Geometry) {
    this.#store = store;
    this.#geometry = geometry;
    this.#wide = (geometry.incompat & INCOMPAT_64BIT) !== 0 && geometry.descSize >= 64;
    this.#perBlock = geometry.blockSize / geometry.descSize;
    this.#verified = new Uint8Array(geometry.groupsCount);
  }

  /** Look at a group. Throws CorruptError where its checksum is wrong. */
  aim(number: number): this {
    this.#entry = this.#store.get(
      descriptorBlock(this.#geometry, number),
      'ext4_group_desc',
      `group ${number}`,
    );
    this.#base = (number % this.#perBlock) * this.#geometry.descSize;
    this.#number = number;
    if (this.#verified[number] === 0) {
      this.#verify();
      this.#verified[number] = 1;
    }
    return this;
  }

  /** Look at a group to change it; {@link seal} must follow. */
  change(number: number): this {
    this.aim(number);
    this.#entry = this.#store.change(this.#entry!.number);
    this.#entry.role = 'descriptors';
    return this;
  }

  /** Set the checksum of the group that was changed. */
  seal(): void {
    const { bytes } = this.#entry!;
    const sum = descriptorChecksum(this.#geometry, this.#number, bytes, this.#base);
    if (sum === undefined) return;
    bytes[this.#base + CHECKSUM] = sum & 0xff;
    bytes[this.#base + CHECKSUM + 1] = sum >>> 8;
  }

  #verify(): void {
    const { bytes, number } = this.#entry!;
    const sum = descriptorChecksum(this.#geometry, this.#number, bytes, this.#base);
    const stored = bytes[this.#base + CHECKSUM]! | (bytes[this.#base + CHECKSUM + 1]! << 8);
    const offset = number * this.#geometry.blockSize + this.#base;
    if (sum !== undefined && sum !== stored) {
      throw new CorruptError(
        'ext4_group_desc',
        `bg_checksum of group ${this.#number} is 0x${stored.toString(16)}, the contents have 0x${sum.toString(16)}`,
        { offset, checksum: true },
      );
    }
    const { firstDataBlock, blocksCount, inodesPerGroup, inodeSize, blockSize } = this.#geometry;
    const table = Math.ceil((inodesPerGroup * inodeSize) / blockSize);
    for (const [field, block, length] of [
      ['bg_block_bitmap', this.blockBitmap, 1],
      ['bg_inode_bitmap', this.inodeBitmap, 1],
      ['bg_inode_table', this.inodeTable, table],
    ] as const) {
      if (block <= firstDataBlock || block + length > blocksCount) {
        throw new CorruptError(
          'ext4_group_desc',
          `${field} of group ${this.#number} is block ${block}, expected ${firstDataBlock + 1} to ${blocksCount - length}`,
          { offset },
        );
      }
    }
  }

  #pair(low: Field<number>, high: Field<number>): number {
    const { view } = this.#entry!;
    const value = view.getUint32(this.#base + low.offset, true);
    return this.#wide ? value + view.getUint32(this.#base + high.offset, true) * 0x100000000 : value;
  }

  #halves(low: Field<number>, high: Field<number>): number {
    const { view } = this.#entry!;
    const value = view.getUint16(this.#base + low.offset, true);
    return this.#wide ? value + view.getUint16(this.#base + high.offset, true) * 0x10000 : value;
  }

  #setHalves(low: Field<number>, high: Field<number>, value: number): void {
    const { view } = this.#entry!;
    view.setUint16(this.#base + low.offset, value & 0xffff, true);
    if (this.#wide) view.setUint16(this.#base + high.offset, value >>> 16, true);
  }

  get blockBitmap(): number {
    return this.#pair(f.bg_block_bitmap_lo, f.bg_block_bitmap_hi);
  }

  get inodeBitmap(): number {
    return this.#pair(f.bg_inode_bitmap_lo, f.bg_inode_bitmap_hi);
  }

  get inodeTable(): number {
    return this.#pair(f.bg_inode_table_lo, f.bg_inode_table_hi);
  }

  /** Free clusters. */
  get freeClusters(): number {
    return this.#halves(f.bg_free_blocks_count_lo, f.bg_free_blocks_count_hi);
  }

  set freeClusters(value: number) {
    this.#setHalves(f.bg_free_blocks_count_lo, f.bg_free_blocks_count_hi, value);
  }

  get freeInodes(): number {
    return this.#halves(f.bg_free_inodes_count_lo, f.bg_free_inodes_count_hi);
  }

  set freeInodes(value: number) {
    this.#setHalves(f.bg_free_inodes_count_lo, f.bg_free_inodes_count_hi, value);
  }

  get usedDirectories(): number {
    return this.#halves(f.bg_used_dirs_count_lo, f.bg_used_dirs_count_hi);
  }

  set usedDirectories(value: number) {
    this.#setHalves(f.bg_used_dirs_count_lo, f.bg_used_dirs_count_hi, value);
  }

  /** Inodes at the end of the table that were never used. */
  get unusedTable(): number {
    return this.#halves(f.bg_itable_unused_lo, f.bg_itable_unused_hi);
  }

  set unusedTable(value: number) {
    this.#setHalves(f.bg_itable_unused_lo, f.bg_itable_unused_hi, value);
  }

  get flags(): number {
    return this.#entry!.view.getUint16(this.#base + f.bg_flags.offset, true);
  }

  set flags(value: number) {
    this.#entry!.view.setUint16(this.#base + f.bg_flags.offset, value, true);
  }

  get blockBitmapChecksum(): number {
    return this.#halves(f.bg_block_bitmap_csum_lo, f.bg_block_bitmap_csum_hi);
  }

  set blockBitmapChecksum(value: number) {
    this.#setHalves(f.bg_block_bitmap_csum_lo, f.bg_block_bitmap_csum_hi, value);
  }

  get inodeBitmapChecksum(): number {
    return this.#halves(f.bg_inode_bitmap_csum_lo, f.bg_inode_bitmap_csum_hi);
  }

  set inodeBitmapChecksum(value: number) {
    this.#setHalves(f.bg_inode_bitmap_csum_lo, f.bg_inode_bitmap_csum_hi, value);
  }

  /** True where bitmap checksums have 32 bits, not 16. */
  get wide(): boolean {
    return this.#wide;
  }
}
