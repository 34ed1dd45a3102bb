import type { GroupTable } from './groups.ts';
import { INCOMPAT_EXTENTS, INCOMPAT_FLEX_BG } from './features.ts';
import { freeCounts, metadataBlocks, tableBlocks } from './statfs.ts';
import type { Geometry } from './superblock.ts';

/** Blocks beyond its metadata that the last group must have room for. */
const LAST_GROUP_BLOCKS = 50;
/** Of the blocks that shrinking takes away, one in this many is kept for extent trees that have to grow. */
const EXTENT_MARGIN = 500;

/**
 * Bytes to which the filesystem could be shrunk: as many groups as its inodes need, and as many blocks as its data
 * and the metadata of those groups. An estimate like that of `resize2fs -P`, but not the same number: what is in
 * the way of moving blocks only shows when they are moved.
 */
export function minimumBytes(geometry: Geometry, groups: GroupTable): number {
  const { blocksCount, firstDataBlock, blocksPerGroup, inodesPerGroup, clusterRatio, blockSize } = geometry;
  const { clusters: freeClusters, inodes: freeInodes } = freeCounts(geometry, groups);
  const used = Math.max(0, blocksCount - firstDataBlock - freeClusters * clusterRatio);
  const data = Math.max(0, used - metadataBlocks(geometry));
  const usedInodes = Math.max(1, geometry.inodesCount - freeInodes);

  const needed = (count: number): number => data + metadataBlocks({ ...geometry, groupsCount: count });
  let count = Math.min(geometry.groupsCount, Math.ceil(usedInodes / inodesPerGroup));
  let step = 1;
  while (step < geometry.groupsCount) step *= 2;
  // The smallest number of groups whose blocks are enough; more groups always hold more.
  for (; step >= 1; step /= 2) {
    const tried = count + step;
    if (tried <= geometry.groupsCount && needed(tried - 1) > (tried - 1) * blocksPerGroup) count = tried;
  }
  const before = (count - 1) * blocksPerGroup;
  const ownMetadata =
    metadataBlocks({ ...geometry, groupsCount: count }) -
    metadataBlocks({ ...geometry, groupsCount: count - 1 });
  let blocks = Math.max(needed(count), before + ownMetadata + LAST_GROUP_BLOCKS) + firstDataBlock;
  if (geometry.incompat & INCOMPAT_FLEX_BG) {
    // The inode tables of a flexible group lie together in its first group, also those of groups that go.
    const perFlex = 2 ** (geometry.superBlock.s_log_groups_per_flex & 31);
    const extra = Math.min(perFlex - (count % perFlex), geometry.groupsCount - count);
    blocks += extra * tableBlocks(geometry);
  }
  if (geometry.incompat & INCOMPAT_EXTENTS && blocks < blocksCount) {
    blocks += Math.ceil((blocksCount - blocks) / EXTENT_MARGIN);
  }
  return Math.min(blocks, blocksCount) * blockSize;
}
