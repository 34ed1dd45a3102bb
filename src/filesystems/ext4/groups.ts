import { crc32cRaw } from '../../bytes/crc32c.ts';
import type { Field } from '../../bytes/layout.ts';
import { CorruptError } from '../../errors/index.ts';
import type { BlockCache } from './block-cache.ts';
import { crc16, crcOfU32, crcOfZeroes } from './checksum.ts';
import * as feature from './features.ts';
import { GroupDesc64 } from './layout.ts';
import type { Geometry } from './superblock.ts';

const f = GroupDesc64.fields;
const CHECKSUM = f.bg_checksum.offset;

/** Where a group's structures are and what is free in it. */
export interface Group {
  number: number;
  blockBitmap: number;
  inodeBitmap: number;
  inodeTable: number;
  /** Free clusters. */
  freeClusters: number;
  freeInodes: number;
}

/** True if the group carries a copy of the superblock and the group descriptors. */
export function groupHasSuper(geometry: Geometry, group: number): boolean {
  if (group === 0) return true;
  if (geometry.compat & feature.COMPAT_SPARSE_SUPER2) {
    return geometry.superBlock.s_backup_bgs.includes(group);
  }
  if (group === 1 || (geometry.roCompat & feature.RO_COMPAT_SPARSE_SUPER) === 0) return true;
  if (group % 2 === 0) return false;
  return isPowerOf(group, 3) || isPowerOf(group, 5) || isPowerOf(group, 7);
}

function isPowerOf(value: number, base: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** First block of a group. */
export function groupFirstBlock(geometry: Geometry, group: number): number {
  return geometry.firstDataBlock + group * geometry.blocksPerGroup;
}

/** The block that holds a group's descriptor: of the copy that follows the superblock in use. */
export function descriptorBlock(geometry: Geometry, group: number): number {
  const perBlock = geometry.blockSize / geometry.descSize;
  const index = Math.floor(group / perBlock);
  const metaBg = (geometry.incompat & feature.INCOMPAT_META_BG) !== 0;
  if (!metaBg || index < geometry.superBlock.s_first_meta_bg) {
    return geometry.superBlockPlace + 1 + index;
  }
  const first = index * perBlock;
  let after = groupHasSuper(geometry, first) ? 1 : 0;
  // Where 1 KiB blocks start at 0 (bigalloc), the superblock is in block 1 of group 0.
  if (index === 0 && geometry.blockSize === 1024 && geometry.firstDataBlock === 0) after++;
  return groupFirstBlock(geometry, first) + after;
}

/** Reads group descriptors as they are asked for: a filesystem of a petabyte has half a gigabyte of them. */
export class GroupTable {
  readonly #geometry: Geometry;
  readonly #blocks: BlockCache;
  readonly #verifies: boolean;

  /** Without `verifies` checksums are not looked at: those that a journal has still to put right. */
  constructor(geometry: Geometry, blocks: BlockCache, verifies = true) {
    this.#geometry = geometry;
    this.#blocks = blocks;
    this.#verifies = verifies;
  }

  /** The descriptor of a group below `groupsCount`; throws CorruptError where checksum or places are wrong. */
  get(number: number): Group {
    const { blockSize, descSize, incompat } = this.#geometry;
    const block = this.#blocks.get(
      descriptorBlock(this.#geometry, number),
      'ext4_group_desc',
      `group ${number}`,
    );
    const base = (number % (blockSize / descSize)) * descSize;
    if (this.#verifies) this.#verify(number, block.bytes, base, block.number * blockSize + base);
    const { view } = block;
    const wide = (incompat & feature.INCOMPAT_64BIT) !== 0 && descSize >= 64;
    const pair = (low: Field<number>, high: Field<number>): number =>
      view.getUint32(base + low.offset, true) +
      (wide ? view.getUint32(base + high.offset, true) * 0x100000000 : 0);
    const halves = (low: Field<number>, high: Field<number>): number =>
      view.getUint16(base + low.offset, true) +
      (wide ? view.getUint16(base + high.offset, true) * 0x10000 : 0);
    const group: Group = {
      number,
      blockBitmap: pair(f.bg_block_bitmap_lo, f.bg_block_bitmap_hi),
      inodeBitmap: pair(f.bg_inode_bitmap_lo, f.bg_inode_bitmap_hi),
      inodeTable: pair(f.bg_inode_table_lo, f.bg_inode_table_hi),
      freeClusters: halves(f.bg_free_blocks_count_lo, f.bg_free_blocks_count_hi),
      freeInodes: halves(f.bg_free_inodes_count_lo, f.bg_free_inodes_count_hi),
    };
    const offset = block.number * blockSize + base;
    this.#checkPlace(group, 'bg_block_bitmap', group.blockBitmap, 1, offset);
    this.#checkPlace(group, 'bg_inode_bitmap', group.inodeBitmap, 1, offset);
    const tableBlocks = Math.ceil((this.#geometry.inodesPerGroup * this.#geometry.inodeSize) / blockSize);
    this.#checkPlace(group, 'bg_inode_table', group.inodeTable, tableBlocks, offset);
    return group;
  }

  #checkPlace(group: Group, field: string, block: number, length: number, offset: number): void {
    const { firstDataBlock, blocksCount } = this.#geometry;
    if (block <= firstDataBlock || block + length > blocksCount) {
      throw new CorruptError(
        'ext4_group_desc',
        `${field} of group ${group.number} is block ${block}, expected ${firstDataBlock + 1} to ${blocksCount - length}`,
        { offset },
      );
    }
  }

  #verify(number: number, bytes: Uint8Array, base: number, offset: number): void {
    const { checksums, roCompat, descSize, checksumSeed, superBlock } = this.#geometry;
    const stored = bytes[base + CHECKSUM]! | (bytes[base + CHECKSUM + 1]! << 8);
    let computed: number;
    if (checksums) {
      let crc = crcOfU32(checksumSeed, number);
      crc = crc32cRaw(crc, bytes, base, base + CHECKSUM);
      crc = crcOfZeroes(crc, 2);
      crc = crc32cRaw(crc, bytes, base + CHECKSUM + 2, base + descSize);
      computed = crc & 0xffff;
    } else if (roCompat & feature.RO_COMPAT_GDT_CSUM) {
      const group = Uint8Array.of(number, number >>> 8, number >>> 16, number >>> 24);
      let crc = crc16(crc16(0xffff, superBlock.s_uuid), group);
      crc = crc16(crc, bytes, base, base + CHECKSUM);
      computed = crc16(crc, bytes, base + CHECKSUM + 2, base + descSize);
    } else {
      return;
    }
    if (computed !== stored) {
      throw new CorruptError(
        'ext4_group_desc',
        `bg_checksum of group ${number} is 0x${stored.toString(16)}, the contents have 0x${computed.toString(16)}`,
        { offset, checksum: true },
      );
    }
  }
}
