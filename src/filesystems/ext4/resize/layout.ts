import { GuestfsError } from '../../../errors/index.ts';
import { roundUp } from '../../../bytes/round.ts';
import { COMPAT_SPARSE_SUPER2, INCOMPAT_64BIT, INCOMPAT_META_BG } from '../features.ts';
import { SuperBlock } from '../layout.ts';
import type { Geometry } from '../superblock.ts';
import { descriptorBlocks, inodeTableBlocks, leadBlocks } from '../check/places.ts';

/** Blocks beyond its metadata that the last group must have room for. */
const LAST_GROUP_BLOCKS = 50;
const COMPAT_RESIZE_INODE = 0x10;

/** Blocks of descriptors of so many groups. */
function descriptorBlocksOf(geometry: Geometry, groups: number): number {
  return Math.ceil((groups * geometry.descSize) / geometry.blockSize);
}

/** The geometry that a filesystem has at another size; its superblock is a copy that says so. */
export function geometryAt(geometry: Geometry, blocksCount: number): Geometry {
  const { firstDataBlock, blocksPerGroup, inodesPerGroup, blockSize } = geometry;
  const superBlock = SuperBlock.view(geometry.superBlock.bytes.slice());
  const groupsCount = Math.ceil((blocksCount - firstDataBlock) / blocksPerGroup);
  const inodesCount = groupsCount * inodesPerGroup;
  if (inodesCount > 0xffffffff) {
    throw new GuestfsError(
      'EINVAL',
      `${blocksCount} blocks would give ${inodesCount} inodes, expected below 2^32`,
    );
  }
  const wide = (geometry.incompat & INCOMPAT_64BIT) !== 0;
  if (blocksCount > 0xffffffff && !wide) {
    throw new GuestfsError(
      'EINVAL',
      `${blocksCount} blocks need the feature 64bit, which the filesystem has not got`,
    );
  }
  superBlock.s_blocks_count_lo = blocksCount % 0x100000000;
  if (wide) superBlock.s_blocks_count_hi = Math.floor(blocksCount / 0x100000000);
  superBlock.s_inodes_count = inodesCount;
  const reserved = superBlock.s_r_blocks_count_lo + (wide ? superBlock.s_r_blocks_count_hi * 0x100000000 : 0);
  const scaled = Math.floor((reserved / geometry.blocksCount) * blocksCount);
  superBlock.s_r_blocks_count_lo = scaled % 0x100000000;
  if (wide) superBlock.s_r_blocks_count_hi = Math.floor(scaled / 0x100000000);
  superBlock.s_overhead_blocks = 0;

  const before = descriptorBlocks(geometry);
  const after = descriptorBlocksOf(geometry, groupsCount);
  if (superBlock.s_feature_incompat & INCOMPAT_META_BG) {
    superBlock.s_first_meta_bg = Math.min(superBlock.s_first_meta_bg, after);
  } else if (superBlock.s_feature_compat & COMPAT_RESIZE_INODE) {
    const left = superBlock.s_reserved_gdt_blocks + before - after;
    if (left >= 0) superBlock.s_reserved_gdt_blocks = Math.min(left, blockSize / 4);
    else {
      // The reserved blocks do not reach: all are used, and further descriptors lie in the groups they describe.
      superBlock.s_feature_compat &= ~COMPAT_RESIZE_INODE;
      superBlock.s_feature_incompat |= INCOMPAT_META_BG;
      superBlock.s_first_meta_bg = before + superBlock.s_reserved_gdt_blocks;
      superBlock.s_reserved_gdt_blocks = 0;
    }
  } else if (after > before) {
    superBlock.s_feature_incompat |= INCOMPAT_META_BG;
    superBlock.s_first_meta_bg = before;
  }
  if (superBlock.s_feature_compat & COMPAT_SPARSE_SUPER2) {
    const [first = 0, last = 0] = superBlock.s_backup_bgs;
    const oldLast = geometry.groupsCount - 1;
    const newLast = groupsCount - 1;
    let second = last;
    // Two groups have no room for a second copy; there is one again when there are more.
    const had = last !== 0 || (oldLast <= 1 && first !== 0);
    if (had && (last === 0 || last === oldLast || last > newLast)) second = newLast > 1 ? newLast : 0;
    superBlock.s_backup_bgs = [first <= newLast ? first : 0, second === first ? 0 : second];
  }
  return {
    ...geometry,
    superBlock,
    blocksCount,
    groupsCount,
    inodesCount,
    compat: superBlock.s_feature_compat,
    incompat: superBlock.s_feature_incompat,
  };
}

/** Blocks of metadata that a group has where all of its own lies in it. */
export function groupOverhead(geometry: Geometry, group: number): number {
  const blocks = leadBlocks(geometry, group) + 2 + inodeTableBlocks(geometry);
  return roundUp(blocks, geometry.clusterRatio);
}

/** The size nearest to and not above the wanted one that a filesystem may have: a last group that is too small goes. */
export function allowedBlocks(geometry: Geometry, wanted: number): number {
  const { firstDataBlock, blocksPerGroup, clusterRatio } = geometry;
  let blocks = wanted - ((wanted - firstDataBlock) % clusterRatio);
  if (blocks === geometry.blocksCount) return blocks;
  const rest = (blocks - firstDataBlock) % blocksPerGroup;
  if (rest !== 0 && blocks - rest > firstDataBlock) {
    const future = geometryAt(geometry, blocks);
    if (rest < groupOverhead(future, future.groupsCount - 1) + LAST_GROUP_BLOCKS) blocks -= rest;
  }
  return blocks;
}
