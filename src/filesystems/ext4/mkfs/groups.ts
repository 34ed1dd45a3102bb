import { GuestfsError } from '../../../errors/index.ts';
import { hasSuperBlock, type Plan } from './plan.ts';
import { UsedSpace } from './used-space.ts';

/** Flags of a group descriptor. */
export const INODE_UNINIT = 0x1;
export const BLOCK_UNINIT = 0x2;
export const ITABLE_ZEROED = 0x4;

/** Where the tables of all groups are and which blocks are taken. Numbers of blocks need doubles. */
export interface Groups {
  readonly space: UsedSpace;
  readonly blockBitmap: Float64Array;
  readonly inodeBitmap: Float64Array;
  readonly inodeTable: Float64Array;
  readonly flags: Uint8Array;
  /** True if descriptors carry checksums, so that groups can be left uninitialised. */
  readonly lazy: boolean;
}

/** First block of a group. */
export function groupStart(plan: Plan, group: number): number {
  return plan.firstDataBlock + group * plan.blocksPerGroup;
}

/** First block after a group. */
export function groupEnd(plan: Plan, group: number): number {
  return Math.min(groupStart(plan, group + 1), plan.blocksCount);
}

/** Group that a block is in. */
export function groupOf(plan: Plan, block: number): number {
  return Math.floor((block - plan.firstDataBlock) / plan.blocksPerGroup);
}

/** Block of the superblock (or of its copy) of a group. */
export function superBlockOf(plan: Plan, group: number): number {
  // With 1 KiB blocks that start at 0 (bigalloc), byte 1024 is in block 1.
  return (
    groupStart(plan, group) + (group === 0 && plan.blockSize === 1024 && plan.firstDataBlock === 0 ? 1 : 0)
  );
}

/** Runs of descriptor blocks of one group: where they begin, which part of all descriptor blocks they hold. */
export interface DescriptorCopy {
  block: number;
  /** First descriptor block, counted from that of group 0, and how many. */
  first: number;
  count: number;
}

/** The descriptor blocks in a group, or undefined. */
export function descriptorsOf(plan: Plan, group: number): DescriptorCopy | undefined {
  const after = superBlockOf(plan, group) + (hasSuperBlock(plan, group) ? 1 : 0);
  if (!plan.features.has('meta_bg')) {
    return hasSuperBlock(plan, group) ? { block: after, first: 0, count: plan.descBlocks } : undefined;
  }
  const perBlock = plan.blockSize / plan.descSize;
  const place = group % perBlock;
  if (place > 1 && place !== perBlock - 1) return undefined;
  return { block: after, first: Math.floor(group / perBlock), count: 1 };
}

function reserveSuperBlocks(plan: Plan, space: UsedSpace): void {
  if (superBlockOf(plan, 0) > groupStart(plan, 0)) space.add(0, 1);
  for (let group = 0; group < plan.groupsCount; group++) {
    if (hasSuperBlock(plan, group)) {
      space.add(superBlockOf(plan, group), 1);
      if (!plan.features.has('meta_bg') && plan.reservedGdtBlocks > 0) {
        space.add(superBlockOf(plan, group) + 1 + plan.descBlocks, plan.reservedGdtBlocks);
      }
    }
    const copy = descriptorsOf(plan, group);
    if (copy !== undefined) space.add(copy.block, copy.count);
  }
}

/** Give every group its bitmaps and inode table: packed together with flex_bg, else each in its own group. */
export function placeGroups(plan: Plan): Groups {
  const lazy = plan.features.has('metadata_csum') || plan.features.has('uninit_bg');
  const groups: Groups = {
    space: new UsedSpace(),
    blockBitmap: new Float64Array(plan.groupsCount),
    inodeBitmap: new Float64Array(plan.groupsCount),
    inodeTable: new Float64Array(plan.groupsCount),
    flags: new Uint8Array(plan.groupsCount),
    lazy,
  };
  if (lazy) {
    groups.flags.fill(INODE_UNINIT | BLOCK_UNINIT);
    // The bitmap of the last group must say which of its bits stand for nothing.
    groups.flags[plan.groupsCount - 1] = INODE_UNINIT;
    // All inodes that a new filesystem has are in group 0.
    groups.flags[0]! &= ~INODE_UNINIT;
  }
  reserveSuperBlocks(plan, groups.space);
  for (let first = 0; first < plan.groupsCount; first += plan.groupsPerFlex) {
    const count = Math.min(plan.groupsPerFlex, plan.groupsCount - first);
    place(plan, groups, groups.blockBitmap, first, count, 1);
    // Beside a single group there is room for the bitmaps of those that resizing may add.
    const spare =
      count === 1 && plan.groupsPerFlex > 1 ? groups.blockBitmap[first]! : Number.NEGATIVE_INFINITY;
    place(plan, groups, groups.inodeBitmap, first, count, 1, spare + plan.groupsPerFlex);
    place(
      plan,
      groups,
      groups.inodeTable,
      first,
      count,
      plan.inodeTableBlocks,
      spare + 2 * plan.groupsPerFlex,
    );
  }
  if (plan.clusterRatio > 1) groups.space.roundToClusters(plan.clusterRatio);
  return groups;
}

/** Place one structure of `count` groups, one after the other as far as there is room, at `wanted` if that is free. */
function place(
  plan: Plan,
  groups: Groups,
  places: Float64Array,
  first: number,
  count: number,
  size: number,
  wanted = -1,
): void {
  const start = groupStart(plan, first);
  const end = groupEnd(plan, first + count - 1);
  const { space } = groups;
  let next = wanted > start ? wanted : -1;
  for (let group = first; group < first + count; group++) {
    if (next < 0 || next + size > end || !space.isFree(next, size)) {
      const all = Math.min((first + count - group) * size, Math.floor(plan.blocksPerGroup / 4));
      next = all > size ? space.fit(start, end, all) : -1;
      if (next < 0) next = space.fit(start, end, size);
      if (next < 0) next = space.fit(plan.firstDataBlock, plan.blocksCount, size);
      if (next < 0) {
        throw new GuestfsError(
          'ENOSPC',
          `no ${size} blocks that lie together are left for the tables of group ${group}`,
        );
      }
    }
    places[group] = next;
    take(plan, groups, next, size, plan.groupsPerFlex > 1 || groupOf(plan, next) !== group);
    next += size;
  }
}

/** Take blocks; a group that holds more than what every reader expects in it needs a bitmap. */
export function take(plan: Plan, groups: Groups, block: number, count: number, marks = true): void {
  groups.space.add(block, count);
  if (!marks) return;
  for (let group = groupOf(plan, block); group <= groupOf(plan, block + count - 1); group++) {
    groups.flags[group]! &= ~BLOCK_UNINIT;
  }
}

/** Free clusters of a group. */
export function freeClusters(plan: Plan, groups: Groups, group: number): number {
  const start = groupStart(plan, group);
  const end = groupEnd(plan, group);
  return Math.ceil((end - start) / plan.clusterRatio) - usedClusters(plan, groups, start, end);
}

/** Taken clusters of a range that begins at a cluster's edge. */
export function usedClusters(plan: Plan, groups: Groups, start: number, end: number): number {
  let used = 0;
  groups.space.runs(start, end, (from, to) => {
    used += Math.ceil((to - from) / plan.clusterRatio);
  });
  return used;
}
