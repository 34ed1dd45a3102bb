import type { BlockDevice } from '../../../block/device.ts';
import { allocate } from '../../../bytes/budget.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';
import { inodeSeed } from '../checksum.ts';
import { INCOMPAT_64BIT, INCOMPAT_META_BG } from '../features.ts';
import { descriptorBlock, groupFirstBlock, groupHasSuper } from '../groups.ts';
import { GOOD_OLD_INODE_SIZE, Inode, SUPERBLOCK_OFFSET, SuperBlock, type SuperBlockView } from '../layout.ts';
import { readGeometry, type Geometry } from '../superblock.ts';
import { Descriptors, GROUP_BLOCK_UNINIT, GROUP_INODE_UNINIT, hasGroupChecksums } from './descriptors.ts';
import {
  blocksInGroup,
  clustersInGroup,
  descriptorBlocks,
  hasMetaDescriptor,
  inodeTableBlocks,
  leadBlocks,
  leadingDescriptorBlocks,
} from './places.ts';
import { StagedBlocks } from './staged.ts';
import { sealSuperBlock } from './superblock-write.ts';

/** Groups that are worked on: their descriptors are in memory. 128 TiB with blocks of 4 KiB. */
const GROUPS_CAP = 2 ** 20;

/** An inode in the block of the table that holds it. */
export interface TableInode {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly base: number;
}

/** A filesystem that is checked or resized: superblock, descriptors, bitmaps and inodes, changes staged in memory. */
export class Volume {
  readonly device: BlockDevice;
  readonly blocks: StagedBlocks;
  geometry: Geometry;
  readonly superBytes: Uint8Array;
  readonly superBlock: SuperBlockView;
  descriptors: Descriptors;

  constructor(device: BlockDevice, geometry: Geometry) {
    if (geometry.groupsCount > GROUPS_CAP) {
      throw new UnsupportedError(
        `the filesystem has ${geometry.groupsCount} groups, at most ${GROUPS_CAP} are checked or resized here`,
      );
    }
    this.device = device;
    this.superBytes = geometry.superBlock.bytes.slice();
    this.superBlock = SuperBlock.view(this.superBytes);
    this.geometry = { ...geometry, superBlock: this.superBlock };
    this.blocks = new StagedBlocks(device, geometry.blockSize);
    this.descriptors = this.#loadDescriptors();
    const primary = Math.floor(SUPERBLOCK_OFFSET / geometry.blockSize);
    if (geometry.superBlockPlace !== primary) {
      // Read from a copy, to be written where the primary ones belong.
      this.geometry = { ...this.geometry, superBlockPlace: primary };
      for (let group = 0; group < geometry.groupsCount; group++) this.descriptors.dirty.add(group);
    }
  }

  #loadDescriptors(): Descriptors {
    const { geometry, blocks } = this;
    const count = descriptorBlocks(geometry);
    const bytes = allocate(count * geometry.blockSize, 'the group descriptors of an ext4 filesystem');
    const perBlock = geometry.blockSize / geometry.descSize;
    for (let i = 0; i < count; i++) {
      blocks.readRun(descriptorBlock(geometry, i * perBlock), 1, bytes.subarray(i * geometry.blockSize));
    }
    return new Descriptors(geometry, bytes);
  }

  /** Take the superblock's numbers anew after they were changed. */
  refreshGeometry(): void {
    sealSuperBlock(this.superBytes);
    this.geometry = {
      ...readGeometry(this.superBlock, this.device, SUPERBLOCK_OFFSET),
      superBlockPlace: this.geometry.superBlockPlace,
    };
  }

  groupOfBlock(block: number): number {
    return Math.floor((block - this.geometry.firstDataBlock) / this.geometry.blocksPerGroup);
  }

  groupOfInode(inode: number): number {
    return Math.floor((inode - 1) / this.geometry.inodesPerGroup);
  }

  /** Throws CorruptError unless a block may hold what a map or an inode points to. */
  checkBlock(block: number, count: number, structure: string, owner: string): void {
    const { firstDataBlock, blocksCount } = this.geometry;
    if (!(block > firstDataBlock && block + count <= blocksCount)) {
      throw new CorruptError(
        structure,
        `${owner} points to ${count} blocks at ${block}, expected ${firstDataBlock + 1} to ${blocksCount - 1}`,
      );
    }
  }

  inodeBlock(number: number): number {
    const { inodesPerGroup, inodeSize, blockSize } = this.geometry;
    const table = this.descriptors.get(this.groupOfInode(number), 'bg_inode_table');
    return table + Math.floor((((number - 1) % inodesPerGroup) * inodeSize) / blockSize);
  }

  #inode(number: number, change: boolean): TableInode {
    const { inodesPerGroup, inodeSize, blockSize } = this.geometry;
    const place = this.inodeBlock(number);
    const block = change ? this.blocks.change(place) : this.blocks.read(place);
    const base = (((number - 1) % inodesPerGroup) * inodeSize) % blockSize;
    return { number, bytes: block.bytes, view: block.view, base };
  }

  readInode(number: number): TableInode {
    return this.#inode(number, false);
  }

  /** The inode to be changed in place; {@link sealInode} it afterwards. */
  changeInode(number: number): TableInode {
    return this.#inode(number, true);
  }

  /** Bytes of the inode's own part with checksum fields blanked, as a checksum. */
  inodeChecksum(inode: TableInode): { computed: number; stored: number } {
    const { inodeSize, checksumSeed } = this.geometry;
    const { base } = inode;
    const copy = inode.bytes.slice(base, base + inodeSize);
    const view = new DataView(copy.buffer);
    const wide = inodeSize > GOOD_OLD_INODE_SIZE && view.getUint16(Inode.i_extra_isize, true) >= 4;
    let stored = view.getUint16(Inode.l_i_checksum_lo, true);
    view.setUint16(Inode.l_i_checksum_lo, 0, true);
    if (wide) {
      stored += view.getUint16(Inode.i_checksum_hi, true) * 0x10000;
      view.setUint16(Inode.i_checksum_hi, 0, true);
    }
    const seed = inodeSeed(checksumSeed, inode.number, view.getUint32(Inode.i_generation, true));
    const crc = crc32cRaw(seed, copy);
    return { computed: wide ? crc : crc & 0xffff, stored };
  }

  sealInode(inode: TableInode): void {
    const { checksums, inodeSize } = this.geometry;
    if (!checksums) return;
    const { computed } = this.inodeChecksum(inode);
    inode.view.setUint16(inode.base + Inode.l_i_checksum_lo, computed & 0xffff, true);
    if (
      inodeSize > GOOD_OLD_INODE_SIZE &&
      inode.view.getUint16(inode.base + Inode.i_extra_isize, true) >= 4
    ) {
      inode.view.setUint16(inode.base + Inode.i_checksum_hi, computed >>> 16, true);
    }
  }

  /** Seed of the checksums of an inode's extent nodes and directory blocks. */
  seedOf(inode: TableInode): number {
    const generation = inode.view.getUint32(inode.base + Inode.i_generation, true);
    return inodeSeed(this.geometry.checksumSeed, inode.number, generation);
  }

  /** Every run of blocks that the group metadata of a group takes: leading blocks, bitmaps, inode table. */
  groupMetadata(group: number): { block: number; count: number }[] {
    const d = this.descriptors;
    const runs = [
      { block: d.get(group, 'bg_block_bitmap'), count: 1 },
      { block: d.get(group, 'bg_inode_bitmap'), count: 1 },
      { block: d.get(group, 'bg_inode_table'), count: inodeTableBlocks(this.geometry) },
    ];
    const lead = leadBlocks(this.geometry, group);
    if (lead > 0) runs.push({ block: groupFirstBlock(this.geometry, group), count: lead });
    return runs;
  }

  /** A group's block bitmap as it counts, a copy: worked out where the group is uninitialised. */
  blockBitmap(group: number): Uint8Array {
    const { geometry } = this;
    if ((this.descriptors.flags(group) & GROUP_BLOCK_UNINIT) === 0 || !hasGroupChecksums(geometry)) {
      return this.blocks.read(this.descriptors.get(group, 'bg_block_bitmap')).bytes.slice();
    }
    const bitmap = new Uint8Array(geometry.blockSize);
    const first = groupFirstBlock(geometry, group);
    const size = blocksInGroup(geometry, group);
    // Tables of other groups of the flexible group may lie here too.
    const flex = 2 ** (geometry.superBlock.s_log_groups_per_flex & 31);
    const from = Math.floor(group / flex) * flex;
    for (let other = from; other < Math.min(geometry.groupsCount, from + flex); other++) {
      for (const { block, count } of this.groupMetadata(other)) {
        const start = Math.max(block, first);
        const end = Math.min(block + count, first + size);
        for (let at = start; at < end; at++) {
          const bit = Math.floor((at - first) / geometry.clusterRatio);
          bitmap[bit >>> 3]! |= 1 << (bit & 7);
        }
      }
    }
    padBits(bitmap, clustersInGroup(geometry, group));
    return bitmap;
  }

  inodeBitmap(group: number): Uint8Array {
    const { geometry } = this;
    if ((this.descriptors.flags(group) & GROUP_INODE_UNINIT) === 0 || !hasGroupChecksums(geometry)) {
      return this.blocks.read(this.descriptors.get(group, 'bg_inode_bitmap')).bytes.slice();
    }
    const bitmap = new Uint8Array(geometry.blockSize);
    padBits(bitmap, geometry.inodesPerGroup);
    return bitmap;
  }

  bitmapChecksum(kind: 'block' | 'inode', bitmap: Uint8Array): number {
    const { geometry } = this;
    const bits = kind === 'inode' ? geometry.inodesPerGroup : geometry.blocksPerGroup / geometry.clusterRatio;
    const crc = crc32cRaw(geometry.checksumSeed, bitmap, 0, bits >>> 3);
    return (geometry.incompat & INCOMPAT_64BIT) !== 0 && geometry.descSize >= 64 ? crc : crc & 0xffff;
  }

  /** Stage a bitmap and its checksum in the descriptor. */
  putBitmap(kind: 'block' | 'inode', group: number, bitmap: Uint8Array): void {
    const place = this.descriptors.get(group, kind === 'block' ? 'bg_block_bitmap' : 'bg_inode_bitmap');
    const block = this.blocks.changed.get(place) ?? this.blocks.create(place);
    if (block.bytes !== bitmap) block.bytes.set(bitmap);
    if (this.geometry.checksums) {
      const name = kind === 'block' ? 'bg_block_bitmap_csum' : 'bg_inode_bitmap_csum';
      this.descriptors.set(group, name, this.bitmapChecksum(kind, bitmap));
    }
    const uninit = kind === 'block' ? GROUP_BLOCK_UNINIT : GROUP_INODE_UNINIT;
    this.descriptors.setFlags(group, this.descriptors.flags(group) & ~uninit);
  }

  /** Add to the superblock's counts of what is free. */
  addFree(clusters: number, inodes: number): void {
    const view = this.superBlock;
    const wide = (this.geometry.incompat & INCOMPAT_64BIT) !== 0;
    const before = view.s_free_blocks_count_lo + (wide ? view.s_free_blocks_count_hi * 0x100000000 : 0);
    this.setFree(before + clusters * this.geometry.clusterRatio, view.s_free_inodes_count + inodes);
  }

  /** Set the superblock's counts of what is free. */
  setFree(blocks: number, inodes: number): void {
    const view = this.superBlock;
    view.s_free_blocks_count_lo = blocks % 0x100000000;
    if (this.geometry.incompat & INCOMPAT_64BIT) {
      view.s_free_blocks_count_hi = Math.floor(blocks / 0x100000000);
    }
    view.s_free_inodes_count = inodes;
  }

  /** Set the superblock's counts of what is free to the sums of the groups' counts. */
  sumFree(): void {
    let clusters = 0;
    let inodes = 0;
    for (let group = 0; group < this.geometry.groupsCount; group++) {
      clusters += this.descriptors.get(group, 'bg_free_blocks_count');
      inodes += this.descriptors.get(group, 'bg_free_inodes_count');
    }
    this.setFree(clusters * this.geometry.clusterRatio, inodes);
  }

  /** Stage the changed descriptors. */
  stageDescriptors(): void {
    const { geometry, descriptors, blocks } = this;
    const perBlock = geometry.blockSize / geometry.descSize;
    const places = new Set<number>();
    for (const group of descriptors.dirty) {
      if (group >= geometry.groupsCount) continue;
      descriptors.seal(geometry, group);
      places.add(Math.floor(group / perBlock));
    }
    descriptors.dirty.clear();
    for (const index of places) {
      const block = blocks.change(descriptorBlock(geometry, index * perBlock));
      const from = index * geometry.blockSize;
      block.bytes.set(descriptors.bytes.subarray(from, from + geometry.blockSize));
    }
  }

  /** Write the copies of the superblock and of the descriptors. They are no part of any transaction. */
  writeBackups(): void {
    const { geometry, device, descriptors } = this;
    const perBlock = geometry.blockSize / geometry.descSize;
    const copy = new Uint8Array(SuperBlock.size);
    for (let group = 1; group < geometry.groupsCount; group++) {
      const offset = groupFirstBlock(geometry, group) * geometry.blockSize;
      const index = Math.floor(group / perBlock);
      const place = group % perBlock;
      const isMeta = hasMetaDescriptor(geometry, group);
      const hasSuper = groupHasSuper(geometry, group);
      if (hasSuper) {
        copy.set(this.superBytes);
        SuperBlock.view(copy).s_block_group_nr = group & 0xffff;
        sealSuperBlock(copy);
        device.writeAt(offset, copy);
        const metaBg = (geometry.incompat & INCOMPAT_META_BG) !== 0;
        const lead = leadingDescriptorBlocks(geometry);
        if (!metaBg || index < geometry.superBlock.s_first_meta_bg) {
          device.writeAt(
            offset + geometry.blockSize,
            descriptors.bytes.subarray(0, lead * geometry.blockSize),
          );
        }
      }
      if (isMeta && place !== 0) {
        const from = index * geometry.blockSize;
        device.writeAt(
          offset + (hasSuper ? geometry.blockSize : 0),
          descriptors.bytes.subarray(from, from + geometry.blockSize),
        );
      }
    }
  }
}

/** Set the bits from `count` to the end. */
export function padBits(bitmap: Uint8Array, count: number): void {
  let bit = count;
  for (; bit & 7 && bit < bitmap.length * 8; bit++) bitmap[bit >>> 3]! |= 1 << (bit & 7);
  bitmap.fill(0xff, bit >>> 3);
}
