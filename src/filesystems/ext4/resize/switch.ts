import { groupFirstBlock } from '../groups.ts';
import { Inode } from '../layout.ts';
import type { Geometry } from '../superblock.ts';
import {
  Descriptors,
  GROUP_BLOCK_UNINIT,
  GROUP_INODE_UNINIT,
  hasGroupChecksums,
} from '../check/descriptors.ts';
import { clustersInGroup, descriptorBlocks, inodeTableBlocks, leadBlocks } from '../check/places.ts';
import { hasResizeInode, RESIZE_INODE, resizeInodeBlock, writeResizeInode } from '../check/resize-inode.ts';
import { ClusterSpace } from '../check/space.ts';
import { padBits, type Volume } from '../check/volume.ts';

/** What the superblock of a volume is when it has its new geometry. */
function adopt(volume: Volume, future: Geometry): void {
  const { superBytes, superBlock } = volume;
  const free = [
    superBlock.s_free_blocks_count_lo,
    superBlock.s_free_blocks_count_hi,
    superBlock.s_free_inodes_count,
  ];
  const state = superBlock.s_state;
  const incompat = superBlock.s_feature_incompat & 0x4;
  const journal = superBytes.slice(0x10c, 0x150);
  superBytes.set(future.superBlock.bytes);
  superBlock.s_free_blocks_count_lo = free[0]!;
  superBlock.s_free_blocks_count_hi = free[1]!;
  superBlock.s_free_inodes_count = free[2]!;
  superBlock.s_state = state;
  superBlock.s_feature_incompat |= incompat;
  superBytes.set(journal, 0x10c);
  volume.geometry = { ...future, superBlock, incompat: superBlock.s_feature_incompat };
}

/** Descriptors for another number of groups; those that stay are copied. */
function resizeDescriptors(volume: Volume, future: Geometry): void {
  const bytes = new Uint8Array(descriptorBlocks(future) * future.blockSize);
  const kept = Math.min(future.groupsCount, volume.geometry.groupsCount) * future.descSize;
  bytes.set(volume.descriptors.bytes.subarray(0, kept));
  const { dirty } = volume.descriptors;
  volume.descriptors = new Descriptors(future, bytes);
  for (const group of dirty) if (group < future.groupsCount) volume.descriptors.dirty.add(group);
}

/** Stage the reserved descriptor blocks' inode as the geometry has it now. */
function updateResizeInode(volume: Volume, space: ClusterSpace, had: boolean): void {
  if (!had) return;
  const inode = volume.readInode(RESIZE_INODE);
  const double = resizeInodeBlock(inode);
  if (hasResizeInode(volume)) {
    if (double !== 0) writeResizeInode(volume, double);
    return;
  }
  if (double !== 0) space.mark(space.clusterOf(double), 1, false);
  const fix = volume.changeInode(RESIZE_INODE);
  fix.bytes.fill(0, fix.base, fix.base + volume.geometry.inodeSize);
  volume.sealInode(fix);
  space.stage();
}

/**
 * Stage the switch to a larger geometry. What lies in the new groups is written to the device at once: nobody sees
 * it before the switch.
 */
export function stageGrowth(volume: Volume, future: Geometry): void {
  const old = volume.geometry;
  const had = hasResizeInode(volume);
  const oldSpace = new ClusterSpace(volume);
  const oldLast = old.groupsCount - 1;
  const oldClusters = clustersInGroup(old, oldLast);
  const lastBitmap = volume.blockBitmap(oldLast);
  for (let group = 0; group < old.groupsCount; group++) freeLead(oldSpace, old, future, group);
  oldSpace.stage();
  const grownBitmap = volume.blocks.changed.get(volume.descriptors.get(oldLast, 'bg_block_bitmap'));
  const bitmap = grownBitmap === undefined ? lastBitmap : grownBitmap.bytes;
  resizeDescriptors(volume, future);
  adopt(volume, future);
  const { descriptors } = volume;
  const newClusters = clustersInGroup(future, oldLast);
  if (newClusters > oldClusters) {
    for (let bit = oldClusters; bit < newClusters; bit++) bitmap[bit >>> 3]! &= ~(1 << (bit & 7));
    volume.putBitmap('block', oldLast, bitmap);
    const free = descriptors.get(oldLast, 'bg_free_blocks_count');
    descriptors.set(oldLast, 'bg_free_blocks_count', free + newClusters - oldClusters);
  }
  for (let group = old.groupsCount; group < future.groupsCount; group++) newGroup(volume, group);
  volume.device.flush();
  // All descriptor blocks that are new get written, also those of meta groups.
  updateResizeInode(volume, new ClusterSpace(volume), had);
  volume.sumFree();
}

/** Give back what leads a group where the new geometry needs less of it. */
function freeLead(space: ClusterSpace, old: Geometry, future: Geometry, group: number): void {
  const before = leadBlocks(old, group);
  const after = leadBlocks(future, group);
  if (after >= before) return;
  const ratio = old.clusterRatio;
  const first = space.clusterOf(groupFirstBlock(old, group));
  const keep = Math.ceil(after / ratio);
  const held = Math.floor(before / ratio);
  if (held > keep) space.mark(first + keep, held - keep, false);
}

/** Descriptor, bitmaps and inode table of a group that was not there. */
function newGroup(volume: Volume, group: number): void {
  const { geometry, descriptors, device } = volume;
  const first = groupFirstBlock(geometry, group);
  const lead = leadBlocks(geometry, group);
  const table = inodeTableBlocks(geometry);
  descriptors.set(group, 'bg_block_bitmap', first + lead);
  descriptors.set(group, 'bg_inode_bitmap', first + lead + 1);
  descriptors.set(group, 'bg_inode_table', first + lead + 2);
  const clusters = clustersInGroup(geometry, group);
  const used = Math.ceil((lead + 2 + table) / geometry.clusterRatio);
  descriptors.set(group, 'bg_free_blocks_count', clusters - used);
  descriptors.set(group, 'bg_free_inodes_count', geometry.inodesPerGroup);
  descriptors.dirty.add(group);
  const lazy = hasGroupChecksums(geometry);
  if (lazy) {
    descriptors.set(group, 'bg_itable_unused', geometry.inodesPerGroup);
    descriptors.setFlags(group, GROUP_INODE_UNINIT | GROUP_BLOCK_UNINIT);
  } else {
    device.zero((first + lead + 2) * geometry.blockSize, table * geometry.blockSize);
  }
  if (lazy && group !== geometry.groupsCount - 1) return;
  const blocks = new Uint8Array(geometry.blockSize);
  for (let bit = 0; bit < used; bit++) blocks[bit >>> 3]! |= 1 << (bit & 7);
  padBits(blocks, clusters);
  device.writeAt((first + lead) * geometry.blockSize, blocks);
  descriptors.setFlags(group, descriptors.flags(group) & ~GROUP_BLOCK_UNINIT);
  if (geometry.checksums)
    descriptors.set(group, 'bg_block_bitmap_csum', volume.bitmapChecksum('block', blocks));
  if (lazy) return;
  const inodes = new Uint8Array(geometry.blockSize);
  padBits(inodes, geometry.inodesPerGroup);
  device.writeAt((first + lead + 1) * geometry.blockSize, inodes);
}

/** Mark bitmaps and inode table of a group that stays: they may share clusters with those of one that went. */
function remark(volume: Volume, space: ClusterSpace, group: number, end: number): void {
  const lead = groupFirstBlock(volume.geometry, group);
  for (const { block, count } of volume.groupMetadata(group)) {
    if (block === lead || block + count > end) continue;
    const first = space.clusterOf(block);
    space.mark(first, space.clusterOf(block + count - 1) - first + 1, true);
  }
}

/** Stage the switch to a smaller geometry: nothing but metadata of groups that go lies behind its end any more. */
export function stageShrink(volume: Volume, future: Geometry): void {
  const old = volume.geometry;
  const had = hasResizeInode(volume);
  const space = new ClusterSpace(volume);
  const end = future.blocksCount;
  for (let group = future.groupsCount; group < old.groupsCount; group++) {
    for (const { block, count } of volume.groupMetadata(group)) {
      const kept = Math.min(count, end - block);
      if (kept <= 0) continue;
      const first = space.clusterOf(block);
      space.mark(first, space.clusterOf(block + kept - 1) - first + 1, false);
    }
  }
  for (let group = 0; group < future.groupsCount; group++) {
    freeLead(space, old, future, group);
    if (old.clusterRatio > 1) remark(volume, space, group, end);
    const before = leadBlocks(old, group);
    const after = leadBlocks(future, group);
    if (after > before) {
      const first = space.clusterOf(groupFirstBlock(old, group));
      space.mark(first, Math.ceil(after / old.clusterRatio), true);
    }
  }
  space.stage();
  const last = future.groupsCount - 1;
  const bitmap = volume.blockBitmap(last);
  resizeDescriptors(volume, future);
  adopt(volume, future);
  const clusters = clustersInGroup(future, last);
  padBits(bitmap, clusters);
  let free = 0;
  for (let bit = 0; bit < clusters; bit++) if ((bitmap[bit >>> 3]! & (1 << (bit & 7))) === 0) free++;
  volume.putBitmap('block', last, bitmap);
  volume.descriptors.set(last, 'bg_free_blocks_count', free);
  updateResizeInode(volume, new ClusterSpace(volume), had);
  volume.sumFree();
  // Blocks of what is gone would lie behind the end.
  for (const number of volume.blocks.changed.keys()) if (number >= end) volume.blocks.forget(number);
}

/** Number of the inode that the superblock keeps a copy of the map of: the journal's. */
export function copyJournalMap(volume: Volume): void {
  const { superBlock } = volume;
  if (superBlock.s_journal_inum === 0) return;
  const inode = volume.readInode(superBlock.s_journal_inum);
  const words: number[] = [];
  for (let i = 0; i < 15; i++) words.push(inode.view.getUint32(inode.base + Inode.i_block + i * 4, true));
  words.push(inode.view.getUint32(inode.base + Inode.i_size_high, true));
  words.push(inode.view.getUint32(inode.base + Inode.i_size_lo, true));
  superBlock.s_jnl_blocks = words;
}
