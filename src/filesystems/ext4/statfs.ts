import { allocate } from '../../bytes/budget.ts';
import { divideUp } from '../../bytes/round.ts';
import type { StatFs } from '../filesystem.ts';
import * as feature from './features.ts';
import { groupFirstBlock, groupHasSuper, type GroupTable } from './groups.ts';
import type { Orphans } from './orphans.ts';
import type { Geometry } from './superblock.ts';

/** Clusters that ext4 keeps back for itself where there are extents: 2 %, at most 4096. */
const RESERVED_CLUSTERS_CAP = 4096;

/** Blocks that hold no files: what `df` leaves out of the total. */
function overheadBlocks(geometry: Geometry, groups: GroupTable, journalSize: () => number): number {
  const stored = geometry.superBlock.s_overhead_blocks;
  const bigalloc = geometry.clusterRatio > 1;
  // Old versions of mke2fs stored it wrong with bigalloc: Linux computes it anew then.
  if (stored !== 0 && stored * geometry.clusterRatio <= geometry.blocksCount && !bigalloc) return stored;
  const used = bigalloc
    ? metadataClusters(geometry, groups)
    : geometry.firstDataBlock + metadataBlocks(geometry);
  let journal = 0;
  if (geometry.compat & feature.COMPAT_HAS_JOURNAL && geometry.superBlock.s_journal_inum !== 0) {
    journal = divideUp(Math.floor(journalSize() / geometry.blockSize), geometry.clusterRatio);
  }
  return (used + journal) * geometry.clusterRatio;
}

/** Blocks of superblocks, descriptors, bitmaps and inode tables of `groupsCount` groups, as the geometry has them. */
export function metadataBlocks(geometry: Geometry): number {
  let blocks = 0;
  for (let group = 0; group < geometry.groupsCount; group++) {
    blocks += leadingBlocks(geometry, group) + 2 + tableBlocks(geometry);
  }
  return blocks;
}

/** Blocks that the inode table of a group takes. */
export function tableBlocks(geometry: Geometry): number {
  return divideUp(geometry.inodesPerGroup * geometry.inodeSize, geometry.blockSize);
}

/** Blocks that begin a group: superblock, descriptors and those kept for more of them. */
function leadingBlocks(geometry: Geometry, group: number): number {
  const perBlock = geometry.blockSize / geometry.descSize;
  const descBlocks = divideUp(geometry.groupsCount, perBlock);
  const metaBg = (geometry.incompat & feature.INCOMPAT_META_BG) !== 0;
  const firstMeta = metaBg ? geometry.superBlock.s_first_meta_bg : Infinity;
  const hasSuper = groupHasSuper(geometry, group);
  let blocks = hasSuper ? 1 : 0;
  if (Math.floor(group / perBlock) >= firstMeta) {
    const within = group % perBlock;
    if (within === 0 || within === 1 || within === perBlock - 1) blocks++;
  } else if (hasSuper) {
    blocks += Math.min(firstMeta, descBlocks) + geometry.superBlock.s_reserved_gdt_blocks;
  }
  return blocks;
}

/** Clusters with metadata in them, each counted once however many structures share it. */
function metadataClusters(geometry: Geometry, groups: GroupTable): number {
  const { clusterRatio, groupsCount, firstDataBlock } = geometry;
  const table = tableBlocks(geometry);
  const bytes = allocate(groupsCount * 4 * 8, 'the list of metadata clusters of an ext4 filesystem');
  // Each interval is one number, first cluster times 2^20 plus length, so that they sort as numbers.
  const intervals = new Float64Array(bytes.buffer);
  let count = 0;
  const add = (block: number, length: number): void => {
    if (length === 0) return;
    const first = Math.floor((block - firstDataBlock) / clusterRatio);
    const last = Math.floor((block - firstDataBlock + length - 1) / clusterRatio);
    intervals[count++] = first * 0x100000 + Math.min(last - first + 1, 0xfffff);
  };
  for (let number = 0; number < groupsCount; number++) {
    const group = groups.get(number);
    add(groupFirstBlock(geometry, number), leadingBlocks(geometry, number));
    add(group.blockBitmap, 1);
    add(group.inodeBitmap, 1);
    add(group.inodeTable, table);
  }
  const sorted = intervals.subarray(0, count).sort();
  let clusters = 0;
  let end = 0;
  for (const interval of sorted) {
    const first = Math.floor(interval / 0x100000);
    const stop = first + (interval % 0x100000);
    if (stop > end) {
      clusters += stop - Math.max(first, end);
      end = stop;
    }
  }
  return clusters;
}

/** Groups from which on the superblock's own counts are believed, if the filesystem was unmounted: 8 TiB of 4 KiB. */
const MANY_GROUPS = 65536;
/** Bit of `s_state`: unmounted cleanly. */
const STATE_CLEAN = 0x1;

/**
 * Free clusters and inodes. The group descriptors are right at any time; the superblock's sums only after an unmount,
 * but a petabyte has half a gigabyte of descriptors.
 */
export function freeCounts(geometry: Geometry, groups: GroupTable): { clusters: number; inodes: number } {
  const { superBlock, groupsCount, incompat } = geometry;
  const clean = superBlock.s_state & STATE_CLEAN && (incompat & feature.INCOMPAT_RECOVER) === 0;
  if (groupsCount >= MANY_GROUPS && clean) {
    const high = incompat & feature.INCOMPAT_64BIT ? superBlock.s_free_blocks_count_hi : 0;
    return {
      clusters: Math.floor((high * 0x100000000 + superBlock.s_free_blocks_count_lo) / geometry.clusterRatio),
      inodes: superBlock.s_free_inodes_count,
    };
  }
  let clusters = 0;
  let inodes = 0;
  for (let number = 0; number < groupsCount; number++) {
    const group = groups.get(number);
    clusters += group.freeClusters;
    inodes += group.freeInodes;
  }
  return { clusters, inodes };
}

/** What statvfs(3) gives for the mounted filesystem. Reads the group descriptors. */
export function readStatFs(
  geometry: Geometry,
  groups: GroupTable,
  mountOptions: readonly string[],
  orphans: Orphans,
  journalSize: () => number,
): StatFs {
  const { superBlock, clusterRatio, blocksCount } = geometry;
  const wide = (geometry.incompat & feature.INCOMPAT_64BIT) !== 0;
  const unused = freeCounts(geometry, groups);
  const freeClusters = unused.clusters + orphans.freedClusters;
  const freeInodes = unused.inodes + orphans.freedInodes;
  const free = freeClusters * clusterRatio;
  const root = superBlock.s_r_blocks_count_lo + (wide ? superBlock.s_r_blocks_count_hi * 0x100000000 : 0);
  let own = 0;
  if (geometry.incompat & feature.INCOMPAT_EXTENTS) {
    own =
      Math.min(Math.floor(Math.floor(blocksCount / clusterRatio) / 50), RESERVED_CLUSTERS_CAP) * clusterRatio;
  }
  const minix = mountOptions.lastIndexOf('minixdf') > mountOptions.lastIndexOf('bsddf');
  const uuid = superBlock.s_uuid;
  const id = new DataView(uuid.buffer, uuid.byteOffset, 16);
  const low = (id.getUint32(0, true) ^ id.getUint32(8, true)) >>> 0;
  const high = (id.getUint32(4, true) ^ id.getUint32(12, true)) >>> 0;
  return {
    bsize: geometry.blockSize,
    frsize: geometry.blockSize,
    blocks: minix ? blocksCount : blocksCount - overheadBlocks(geometry, groups, journalSize),
    bfree: free,
    bavail: Math.max(0, free - root - own),
    files: geometry.inodesCount,
    ffree: freeInodes,
    favail: freeInodes,
    fsid: (BigInt(high) << 32n) | BigInt(low),
    flag: 0,
    namemax: 255,
  };
}
