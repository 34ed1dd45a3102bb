import { INCOMPAT_EXTENTS } from '../features.ts';
import type { Volume } from '../check/volume.ts';
import { allowedBlocks, geometryAt, groupOverhead } from './layout.ts';

/** Of the blocks that have to move, one in this many is kept for extent trees that have to grow. */
const EXTENT_MARGIN = 256;
/** Blocks beyond its metadata that the last group must have room for. */
const LAST_GROUP_BLOCKS = 50;

/** Blocks of a group's own kind that lie below `end` but go with it, and all of those. */
function ownBlocks(volume: Volume, group: number, end: number): { all: number; below: number } {
  let all = 0;
  let below = 0;
  for (const { block, count } of volume.groupMetadata(group)) {
    all += count;
    below += Math.max(0, Math.min(count, end - block));
  }
  return { all, below };
}

/**
 * Blocks that the filesystem has at least: as many groups as its inodes need, as many blocks as its files, the
 * metadata of the groups that stay, and what only goes with the last step, as the tables of groups that go. The same
 * number is what a resize to the minimum makes.
 */
export function minimumBlocks(volume: Volume): number {
  const { geometry, descriptors } = volume;
  const { groupsCount, blocksPerGroup, firstDataBlock, inodesPerGroup, clusterRatio } = geometry;
  let used = 0;
  let metadata = 0;
  let inodes = 0;
  for (let group = 0; group < groupsCount; group++) {
    const size = Math.min(blocksPerGroup, geometry.blocksCount - firstDataBlock - group * blocksPerGroup);
    used += Math.max(0, size - descriptors.get(group, 'bg_free_blocks_count') * clusterRatio);
    inodes += inodesPerGroup - descriptors.get(group, 'bg_free_inodes_count');
    metadata += ownBlocks(volume, group, Infinity).all;
  }
  const files = Math.max(0, used - metadata);
  const leastGroups = Math.max(1, Math.ceil(inodes / inodesPerGroup));
  const extents = (geometry.incompat & INCOMPAT_EXTENTS) !== 0;
  const needed = (groups: number): number => {
    const full = Math.min(geometry.blocksCount, firstDataBlock + groups * blocksPerGroup);
    const future = full === geometry.blocksCount ? geometry : geometryAt(geometry, full);
    let blocks = firstDataBlock + files;
    for (let group = 0; group < groups; group++) {
      // Tables that lie elsewhere stay there, if that is below the end.
      blocks += Math.max(groupOverhead(future, group), 0);
    }
    for (let group = groups; group < groupsCount; group++) blocks += ownBlocks(volume, group, full).below;
    if (extents && blocks < geometry.blocksCount) {
      blocks += Math.ceil(Math.min(files, geometry.blocksCount - blocks) / EXTENT_MARGIN) + 2;
    }
    return Math.ceil(blocks / clusterRatio) * clusterRatio;
  };
  let low = leastGroups;
  let high = groupsCount;
  const fits = (groups: number): boolean => needed(groups) <= firstDataBlock + groups * blocksPerGroup;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (fits(middle)) high = middle;
    else low = middle + 1;
  }
  if (!fits(low)) return geometry.blocksCount;
  const future = geometryAt(geometry, Math.min(geometry.blocksCount, firstDataBlock + low * blocksPerGroup));
  const last = firstDataBlock + (low - 1) * blocksPerGroup;
  let blocks = Math.max(needed(low), last + groupOverhead(future, low - 1) + LAST_GROUP_BLOCKS);
  blocks = Math.min(
    geometry.blocksCount,
    Math.ceil((blocks - firstDataBlock) / clusterRatio) * clusterRatio + firstDataBlock,
  );
  const allowed = allowedBlocks(geometry, blocks);
  return allowed < blocks ? Math.min(geometry.blocksCount, blocks + LAST_GROUP_BLOCKS) : blocks;
}
