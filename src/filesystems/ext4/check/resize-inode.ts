import { groupFirstBlock, groupHasSuper } from '../groups.ts';
import { Inode } from '../layout.ts';
import type { CheckState } from './state.ts';
import { descriptorBlocks } from './places.ts';
import type { TableInode, Volume } from './volume.ts';

/** Number of the inode that holds the blocks reserved for group descriptors. */
export const RESIZE_INODE = 7;
const COMPAT_RESIZE_INODE = 0x10;
/** Place of the double indirect pointer in `i_block`. */
const DOUBLE_INDIRECT = Inode.i_block + 13 * 4;

/** True if the filesystem keeps blocks for more descriptors. */
export function hasResizeInode(volume: Volume): boolean {
  return (volume.geometry.compat & COMPAT_RESIZE_INODE) !== 0;
}

/** The double indirect block of the resize inode; 0 where there is none. */
export function resizeInodeBlock(inode: TableInode): number {
  return inode.view.getUint32(inode.base + DOUBLE_INDIRECT, true);
}

/** Groups other than the first that have a copy of the superblock. */
function backups(volume: Volume): number[] {
  const groups: number[] = [];
  for (let group = 1; group < volume.geometry.groupsCount; group++) {
    if (groupHasSuper(volume.geometry, group)) groups.push(group);
  }
  return groups;
}

/**
 * What the map of the resize inode must be: in the double indirect block, at the number of each reserved block
 * counted from the first descriptor block, that block; and in each of those, the blocks of the same place in
 * the groups that have copies.
 */
export function* resizeMap(volume: Volume): Iterable<{ slot: number; block: number; copies: number[] }> {
  const { geometry } = volume;
  const used = descriptorBlocks(geometry);
  const groups = backups(volume);
  const first =
    groupFirstBlock(geometry, 0) + 1 + (geometry.blockSize === 1024 && geometry.firstDataBlock === 0 ? 1 : 0);
  const slots = geometry.blockSize / 4;
  for (let i = 0; i < geometry.superBlock.s_reserved_gdt_blocks; i++) {
    const block = first + used + i;
    // Where the superblock is not in the first block of group 0, the copies still count from that of their group.
    const copies = groups.map((group) => block + group * geometry.blocksPerGroup);
    yield { slot: (used + i) % slots, block, copies };
  }
}

/** Compare the resize inode with what it must be. Its reserved blocks belong to the groups. */
export function checkResizeInode(state: CheckState, inode: TableInode): void {
  const { volume } = state;
  if (!hasResizeInode(volume)) return;
  const double = resizeInodeBlock(inode);
  const { firstDataBlock, blocksCount } = volume.geometry;
  if (double === 0 && volume.geometry.superBlock.s_reserved_gdt_blocks === 0) return;
  if (double <= firstDataBlock || double >= blocksCount) {
    state.found('resize-inode', `the resize inode's double indirect block is ${double}`);
    return;
  }
  state.clusters.add(state.clusterOf(double));
  if (!resizeInodeIsRight(volume, double)) {
    state.found('resize-inode', 'the resize inode does not list the reserved descriptor blocks', () =>
      writeResizeInode(volume, double),
    );
  }
}

function resizeInodeIsRight(volume: Volume, double: number): boolean {
  const { view } = volume.blocks.read(double);
  const wanted = new Map<number, number>();
  for (const { slot, block, copies } of resizeMap(volume)) {
    wanted.set(slot, block);
    const pointers = volume.blocks.read(block).view;
    for (let i = 0; i * 4 < pointers.byteLength; i++) {
      if (pointers.getUint32(i * 4, true) !== (copies[i] ?? 0)) return false;
    }
  }
  for (let slot = 0; slot * 4 < view.byteLength; slot++) {
    if (view.getUint32(slot * 4, true) !== (wanted.get(slot) ?? 0)) return false;
  }
  return true;
}

/** Stage the blocks of the resize inode's map and the counts of the inode. */
export function writeResizeInode(volume: Volume, double: number): void {
  const { blockSize, clusterRatio } = volume.geometry;
  const top = volume.blocks.create(double);
  let blocks = 1;
  for (const { slot, block, copies } of resizeMap(volume)) {
    top.view.setUint32(slot * 4, block, true);
    const middle = volume.blocks.create(block);
    copies.forEach((copy, i) => middle.view.setUint32(i * 4, copy, true));
    blocks += 1 + copies.length;
  }
  const inode = volume.changeInode(RESIZE_INODE);
  inode.view.setUint32(inode.base + Inode.i_blocks_lo, (blocks * clusterRatio * blockSize) / 512, true);
  volume.sealInode(inode);
}
