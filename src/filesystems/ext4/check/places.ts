import { INCOMPAT_META_BG } from '../features.ts';
import { groupFirstBlock, groupHasSuper } from '../groups.ts';
import type { Geometry } from '../superblock.ts';

/** Blocks of group descriptors that a filesystem of so many groups has. */
export function descriptorBlocks(geometry: Geometry): number {
  return Math.ceil((geometry.groupsCount * geometry.descSize) / geometry.blockSize);
}

/** Blocks of descriptors that follow the superblock and its copies, without what is reserved behind them. */
export function leadingDescriptorBlocks(geometry: Geometry): number {
  if ((geometry.incompat & INCOMPAT_META_BG) === 0) return descriptorBlocks(geometry);
  return geometry.superBlock.s_first_meta_bg;
}

/** Blocks of one group's inode table. */
export function inodeTableBlocks(geometry: Geometry): number {
  return Math.ceil((geometry.inodesPerGroup * geometry.inodeSize) / geometry.blockSize);
}

/** 1 where a boot block stands before the superblock though blocks count from 0 (bigalloc with 1 KiB blocks). */
export function bootBlocks(geometry: Geometry, group: number): number {
  return group === 0 && geometry.blockSize === 1024 && geometry.firstDataBlock === 0 ? 1 : 0;
}

/** True if the group holds a copy of a descriptor block of its own meta group. */
export function hasMetaDescriptor(geometry: Geometry, group: number): boolean {
  if ((geometry.incompat & INCOMPAT_META_BG) === 0) return false;
  const perBlock = geometry.blockSize / geometry.descSize;
  if (Math.floor(group / perBlock) < geometry.superBlock.s_first_meta_bg) return false;
  const place = group % perBlock;
  return place === 0 || place === 1 || place === perBlock - 1;
}

/** Blocks at the start of a group for the superblock, descriptors and what is reserved for more of them. */
export function leadBlocks(geometry: Geometry, group: number): number {
  let blocks = bootBlocks(geometry, group);
  if (groupHasSuper(geometry, group)) {
    blocks++;
    const perBlock = geometry.blockSize / geometry.descSize;
    const meta = (geometry.incompat & INCOMPAT_META_BG) !== 0;
    if (!meta) blocks += descriptorBlocks(geometry) + geometry.superBlock.s_reserved_gdt_blocks;
    else if (Math.floor(group / perBlock) < geometry.superBlock.s_first_meta_bg) {
      blocks += leadingDescriptorBlocks(geometry);
    }
  }
  return blocks + (hasMetaDescriptor(geometry, group) ? 1 : 0);
}

/** Blocks of a group; the last one may be smaller. */
export function blocksInGroup(geometry: Geometry, group: number): number {
  return Math.min(geometry.blocksPerGroup, geometry.blocksCount - groupFirstBlock(geometry, group));
}

/** Clusters of a group. */
export function clustersInGroup(geometry: Geometry, group: number): number {
  return Math.ceil(blocksInGroup(geometry, group) / geometry.clusterRatio);
}
