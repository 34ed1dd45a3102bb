import type { StatFs } from '../filesystem.ts';
import * as feature from './features.ts';
import { groupHasSuper, type GroupTable } from './groups.ts';
import type { Geometry } from './superblock.ts';

/** Clusters that ext4 keeps back for itself where there are extents: 2 %, at most 4096. */
const RESERVED_CLUSTERS_CAP = 4096;

/** Blocks that hold no files: what `df` leaves out of the total. */
export function overheadBlocks(geometry: Geometry, journalSize: () => number): number {
  const stored = geometry.superBlock.s_overhead_blocks;
  const bigalloc = geometry.clusterRatio > 1;
  // Old versions of mke2fs stored it wrong with bigalloc: Linux computes it anew then.
  if (stored !== 0 && stored * geometry.clusterRatio <= geometry.blocksCount && !bigalloc) return stored;
  const { groupsCount, clusterRatio } = geometry;
  let clusters = Math.floor(geometry.firstDataBlock / clusterRatio);
  const descBlocks = Math.ceil((groupsCount * geometry.descSize) / geometry.blockSize);
  const perBlock = geometry.blockSize / geometry.descSize;
  const tableBlocks = Math.ceil((geometry.inodesPerGroup * geometry.inodeSize) / geometry.blockSize);
  const metaBg = (geometry.incompat & feature.INCOMPAT_META_BG) !== 0;
  const firstMeta = metaBg ? geometry.superBlock.s_first_meta_bg : Infinity;
  let blocks = 0;
  for (let group = 0; group < groupsCount; group++) {
    const hasSuper = groupHasSuper(geometry, group);
    if (hasSuper) blocks++;
    if (Math.floor(group / perBlock) >= firstMeta) {
      const within = group % perBlock;
      if (within === 0 || within === 1 || within === perBlock - 1) blocks++;
    } else if (hasSuper) {
      blocks +=
        (metaBg ? Math.min(firstMeta, descBlocks) : descBlocks) + geometry.superBlock.s_reserved_gdt_blocks;
    }
    blocks += 2 + tableBlocks;
  }
  clusters += Math.ceil(blocks / clusterRatio);
  if (geometry.compat & feature.COMPAT_HAS_JOURNAL && geometry.superBlock.s_journal_inum !== 0) {
    clusters += Math.ceil(Math.floor(journalSize() / geometry.blockSize) / clusterRatio);
  }
  return clusters * clusterRatio;
}

/** What statvfs(3) gives for the mounted filesystem. Reads every group descriptor. */
export function readStatFs(
  geometry: Geometry,
  groups: GroupTable,
  mountOptions: readonly string[],
  journalSize: () => number,
): StatFs {
  const { superBlock, clusterRatio, blocksCount } = geometry;
  const wide = (geometry.incompat & feature.INCOMPAT_64BIT) !== 0;
  let freeClusters = 0;
  let freeInodes = 0;
  for (let number = 0; number < geometry.groupsCount; number++) {
    const group = groups.get(number);
    freeClusters += group.freeClusters;
    freeInodes += group.freeInodes;
  }
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
    blocks: minix ? blocksCount : blocksCount - overheadBlocks(geometry, journalSize),
    bfree: free,
    bavail: Math.max(0, free - root - own),
    files: geometry.inodesCount,
    ffree: freeInodes,
    favail: freeInodes,
    fsid: high * 0x100000000 + low,
    flag: 0,
    namemax: 255,
  };
}
