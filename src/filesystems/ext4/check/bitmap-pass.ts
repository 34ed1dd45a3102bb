import { GROUP_BLOCK_UNINIT, GROUP_INODE_UNINIT, hasGroupChecksums } from './descriptors.ts';
import { clustersInGroup } from './places.ts';
import type { CheckState } from './state.ts';
import { padBits } from './volume.ts';

/** First bit in which two bitmaps differ, and how many do. */
function difference(found: Uint8Array, right: Uint8Array, bits: number): { first: number; count: number } {
  let first = -1;
  let count = 0;
  for (let i = 0; i * 8 < bits; i++) {
    let differing = found[i]! ^ right[i]!;
    for (let bit = 0; differing !== 0; bit++, differing >>>= 1) {
      if ((differing & 1) === 0) continue;
      if (first < 0) first = i * 8 + bit;
      count++;
    }
  }
  return { first, count };
}

/** Compare bitmaps, group counts and the superblock's sums with what was found in use. */
export function checkBitmaps(state: CheckState): void {
  const { volume } = state;
  const { geometry, descriptors } = volume;
  const perGroup = geometry.blocksPerGroup / geometry.clusterRatio;
  const dirs = new Uint32Array(geometry.groupsCount);
  for (const directory of state.directories) dirs[volume.groupOfInode(directory)]!++;
  let freeClusters = 0;
  let freeInodes = 0;
  for (let group = 0; group < geometry.groupsCount; group++) {
    const clusters = clustersInGroup(geometry, group);
    const blocks = state.clusters.copy(group * perGroup, clusters, geometry.blockSize);
    padBits(blocks.bitmap, clusters);
    compare(state, 'block', group, blocks.bitmap, geometry.blockSize * 8);
    const first = group * geometry.inodesPerGroup + 1;
    const inodes = state.inodes.copy(first, geometry.inodesPerGroup, geometry.blockSize);
    padBits(inodes.bitmap, geometry.inodesPerGroup);
    compare(state, 'inode', group, inodes.bitmap, geometry.inodesPerGroup);
    freeClusters += clusters - blocks.set;
    freeInodes += geometry.inodesPerGroup - inodes.set;
    count(state, group, 'bg_free_blocks_count', clusters - blocks.set);
    count(state, group, 'bg_free_inodes_count', geometry.inodesPerGroup - inodes.set);
    count(state, group, 'bg_used_dirs_count', dirs[group]!);
    if (!hasGroupChecksums(geometry)) continue;
    let unused = geometry.inodesPerGroup;
    while (unused > 0 && (inodes.bitmap[(unused - 1) >>> 3]! & (1 << ((unused - 1) & 7))) === 0) unused--;
    const most = geometry.inodesPerGroup - unused;
    const stored = descriptors.get(group, 'bg_itable_unused');
    if (stored > most) {
      state.found(
        'itable-unused',
        `group ${group} counts ${stored} unused inodes at its end, there are ${most}`,
        () => descriptors.set(group, 'bg_itable_unused', most),
      );
    }
  }
  const free = freeClusters * geometry.clusterRatio;
  const view = volume.superBlock;
  const wide = geometry.incompat & 0x80 ? view.s_free_blocks_count_hi * 0x100000000 : 0;
  const counted = view.s_free_blocks_count_lo + wide;
  if (counted !== free) {
    state.found('free-blocks', `the superblock counts ${counted} free blocks, there are ${free}`, () =>
      volume.setFree(free, volume.superBlock.s_free_inodes_count),
    );
  }
  if (view.s_free_inodes_count !== freeInodes) {
    const text = `the superblock counts ${view.s_free_inodes_count} free inodes, there are ${freeInodes}`;
    state.found('free-inodes', text, () => {
      volume.superBlock.s_free_inodes_count = freeInodes;
    });
  }
}

function compare(
  state: CheckState,
  kind: 'block' | 'inode',
  group: number,
  right: Uint8Array,
  bits: number,
): void {
  const { volume } = state;
  const { geometry, descriptors } = volume;
  const uninit = kind === 'block' ? GROUP_BLOCK_UNINIT : GROUP_INODE_UNINIT;
  const found = kind === 'block' ? volume.blockBitmap(group) : volume.inodeBitmap(group);
  const { first, count: wrong } = difference(found, right, bits);
  if (wrong > 0) {
    const text = `${wrong} bits of the ${kind} bitmap of group ${group} are wrong, the first is ${first}`;
    state.found(`${kind}-bitmap`, text, () => volume.putBitmap(kind, group, right));
    return;
  }
  const isUninit = hasGroupChecksums(geometry) && (descriptors.flags(group) & uninit) !== 0;
  if (!geometry.checksums || isUninit) return;
  const name = kind === 'block' ? 'bg_block_bitmap_csum' : 'bg_inode_bitmap_csum';
  const computed = volume.bitmapChecksum(kind, found);
  if (descriptors.get(group, name) !== computed) {
    state.found(`${kind}-bitmap-checksum`, `the ${kind} bitmap of group ${group} has a wrong checksum`, () =>
      descriptors.set(group, name, computed),
    );
  }
}

function count(
  state: CheckState,
  group: number,
  name: 'bg_free_blocks_count' | 'bg_free_inodes_count' | 'bg_used_dirs_count',
  right: number,
): void {
  const { descriptors } = state.volume;
  const stored = descriptors.get(group, name);
  if (stored === right) return;
  state.found('group-count', `${name} of group ${group} is ${stored}, expected ${right}`, () =>
    descriptors.set(group, name, right),
  );
}
