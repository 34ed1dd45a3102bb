import { clockMilliseconds } from '../../../bytes/clock.ts';
import { CorruptError } from '../../../errors/index.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { crcOfU32, inodeSeed } from '../checksum.ts';
import { COMPAT_ORPHAN_FILE, RO_COMPAT_ORPHAN_PRESENT } from '../features.ts';
import { INODE_EXTENTS, Inode, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../layout.ts';
import { inodeSectors, inodeSize } from '../stat.ts';
import { H_REFCOUNT, sealAttributeBlock } from './attribute-check.ts';
import { cutIndirect, readMap, walkMap, writeExtentTree } from './block-map.ts';
import { GROUP_INODE_UNINIT } from './descriptors.ts';
import { attributeBlockOf, fixInode, hasMap, setSectors, setSize } from './inode-pass.ts';
import { ClusterSpace } from './space.ts';
import type { CheckState } from './state.ts';
import type { TableInode, Volume } from './volume.ts';

const ORPHAN_TAIL = 8;

/** Numbers of the orphans: those of the list that begins in the superblock, and those of the orphan file. */
function orphanNumbers(volume: Volume): { listed: number[]; inFile: number[] } {
  const { geometry } = volume;
  const listed: number[] = [];
  const seen = new Set<number>();
  for (let number = geometry.superBlock.s_last_orphan; number !== 0;) {
    if (number < geometry.firstInode || number > geometry.inodesCount || seen.has(number)) {
      throw new CorruptError('ext4_inode', `the orphan list goes on with inode ${number}, which cannot be`);
    }
    seen.add(number);
    listed.push(number);
    const { view, base } = volume.readInode(number);
    number = view.getUint32(base + Inode.i_dtime, true);
  }
  const inFile: number[] = [];
  if (geometry.compat & COMPAT_ORPHAN_FILE) {
    for (const block of orphanBlocks(volume)) {
      const { view } = volume.blocks.read(block);
      for (let at = 0; at < geometry.blockSize - ORPHAN_TAIL; at += 4) {
        const number = view.getUint32(at, true);
        if (number === 0) continue;
        if (number < geometry.firstInode || number > geometry.inodesCount) {
          throw new CorruptError('orphan file', `it names inode ${number}, which cannot be`);
        }
        if (!seen.has(number)) inFile.push(number);
        seen.add(number);
      }
    }
  }
  return { listed, inFile };
}

function orphanBlocks(volume: Volume): number[] {
  const number = volume.geometry.superBlock.s_orphan_file_inum;
  if (number === 0 || number > volume.geometry.inodesCount) return [];
  const blocks: number[] = [];
  walkMap(volume, volume.readInode(number), {
    node() {},
    run(_, block, length) {
      for (let i = 0; i < length; i++) blocks.push(block + i);
    },
  });
  return blocks;
}

/** Finish what was begun with the orphans: delete those without links, truncate the others. All of it is staged. */
export function releaseOrphans(state: CheckState): void {
  const { volume } = state;
  let numbers: { listed: number[]; inFile: number[] };
  try {
    numbers = orphanNumbers(volume);
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    state.found('orphan-list', error.message, () => clearLists(volume));
    return;
  }
  const all = [...numbers.listed, ...numbers.inFile];
  const present = (volume.superBlock.s_feature_ro_compat & RO_COMPAT_ORPHAN_PRESENT) !== 0;
  if (all.length === 0 && !present) return;
  const space = new ClusterSpace(volume);
  const listed = new Set(numbers.listed);
  for (const number of all) {
    const { view, base } = volume.readInode(number);
    const deleted = view.getUint16(base + Inode.i_links_count, true) === 0;
    const what = deleted ? 'was deleted while it was open' : 'was being truncated';
    state.found('orphan', `inode ${number} ${what}`, () => {
      if (deleted) deleteOrphan(volume, space, number);
      else truncateOrphan(volume, space, number, listed.has(number));
    });
  }
  if (!state.repair) return;
  space.stage();
  clearLists(volume);
  volume.stageDescriptors();
}

function clearLists(volume: Volume): void {
  const { geometry, superBlock } = volume;
  superBlock.s_last_orphan = 0;
  superBlock.s_feature_ro_compat &= ~RO_COMPAT_ORPHAN_PRESENT;
  if ((geometry.compat & COMPAT_ORPHAN_FILE) === 0) return;
  const end = geometry.blockSize - ORPHAN_TAIL;
  const file = volume.readInode(geometry.superBlock.s_orphan_file_inum);
  const seed = inodeSeed(
    geometry.checksumSeed,
    file.number,
    file.view.getUint32(file.base + Inode.i_generation, true),
  );
  for (const number of orphanBlocks(volume)) {
    if (
      volume.blocks
        .read(number)
        .bytes.subarray(0, end)
        .every((byte) => byte === 0)
    )
      continue;
    const { bytes, view } = volume.blocks.change(number);
    bytes.fill(0, 0, end);
    if (!geometry.checksums) continue;
    const crc = crcOfU32(crcOfU32(seed, number % 0x100000000), Math.floor(number / 0x100000000));
    view.setUint32(end + 4, crc32cRaw(crc, bytes, 0, end), true);
  }
}

function now(): number {
  return Math.floor(clockMilliseconds() / 1000) % 0x100000000;
}

function perCluster(volume: Volume): number {
  return (volume.geometry.blockSize * volume.geometry.clusterRatio) / 512;
}

function mapped(volume: Volume, inode: TableInode): boolean {
  const type = inode.view.getUint16(inode.base + Inode.i_mode, true) & S_IFMT;
  const attributes = attributeBlockOf(volume, inode) === 0 ? 0 : perCluster(volume);
  return hasMap(inode, type, attributes, inodeSectors(inode, volume.geometry));
}

function deleteOrphan(volume: Volume, space: ClusterSpace, number: number): void {
  const inode = volume.readInode(number);
  const mode = inode.view.getUint16(inode.base + Inode.i_mode, true);
  if (mapped(volume, inode)) {
    const { runs, nodes } = readMap(volume, inode);
    for (const node of nodes) freeBlocks(volume, space, node, 1);
    for (const run of runs) freeBlocks(volume, space, run.block, run.length);
  }
  const attributes = attributeBlockOf(volume, inode);
  if (attributes !== 0) {
    const { view } = volume.blocks.change(attributes);
    const references = view.getUint32(H_REFCOUNT, true);
    if (references <= 1) freeBlocks(volume, space, attributes, 1);
    else {
      view.setUint32(H_REFCOUNT, references - 1, true);
      sealAttributeBlock(volume, attributes);
    }
  }
  fixInode(volume, number, (fix) => {
    fix.bytes.fill(0, fix.base + Inode.i_block, fix.base + Inode.i_generation);
    fix.view.setUint32(fix.base + Inode.i_file_acl_lo, 0, true);
    fix.view.setUint16(fix.base + Inode.l_i_file_acl_high, 0, true);
    setSize(fix, 0);
    setSectors(volume, fix, 0);
    fix.view.setUint32(fix.base + Inode.i_dtime, now(), true);
  });
  freeInode(volume, number, (mode & S_IFMT) === S_IFDIR);
}

/** Clear the bit of an inode, and count it as free. */
export function freeInode(volume: Volume, number: number, directory: boolean): void {
  const group = volume.groupOfInode(number);
  const bit = (number - 1) % volume.geometry.inodesPerGroup;
  const bitmap = volume.inodeBitmap(group);
  if ((bitmap[bit >>> 3]! & (1 << (bit & 7))) === 0) return;
  bitmap[bit >>> 3]! &= ~(1 << (bit & 7));
  if ((volume.descriptors.flags(group) & GROUP_INODE_UNINIT) === 0) volume.putBitmap('inode', group, bitmap);
  const { descriptors } = volume;
  descriptors.set(group, 'bg_free_inodes_count', descriptors.get(group, 'bg_free_inodes_count') + 1);
  if (directory) {
    const dirs = descriptors.get(group, 'bg_used_dirs_count');
    descriptors.set(group, 'bg_used_dirs_count', Math.max(0, dirs - 1));
  }
  volume.addFree(0, 1);
}

function freeBlocks(volume: Volume, space: ClusterSpace, block: number, count: number): void {
  const first = space.clusterOf(block);
  space.mark(first, space.clusterOf(block + count - 1) - first + 1, false);
  for (let i = 0; i < Math.min(count, 64); i++) volume.blocks.forget(block + i);
}

function truncateOrphan(volume: Volume, space: ClusterSpace, number: number, listed: boolean): void {
  const inode = volume.changeInode(number);
  const { geometry } = volume;
  const type = inode.view.getUint16(inode.base + Inode.i_mode, true) & S_IFMT;
  if ((type === S_IFREG || type === S_IFDIR || type === S_IFLNK) && mapped(volume, inode)) {
    const size = inodeSize(inode, geometry);
    const { blockSize, clusterRatio } = geometry;
    const keep = Math.ceil(size / blockSize);
    zeroTail(volume, inode, size);
    if (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_EXTENTS) {
      const { runs, nodes } = readMap(volume, inode);
      const rest = Math.ceil(keep / clusterRatio) * clusterRatio;
      const left = runs
        .filter((run) => run.logical < keep)
        .map((run) => ({
          ...run,
          length: Math.min(run.length, keep - run.logical),
        }));
      for (const run of runs) {
        const from = Math.max(0, rest - run.logical);
        if (from < run.length) freeBlocks(volume, space, run.block + from, run.length - from);
      }
      const pool = [...nodes].reverse();
      writeExtentTree(
        volume,
        inode,
        left,
        () => pool.pop() ?? space.blockOf(space.allocate(1, Infinity).cluster),
      );
      for (const node of pool) freeBlocks(volume, space, node, 1);
    } else {
      cutIndirect(volume, inode, keep, (block) => freeBlocks(volume, space, block, 1));
    }
    setSectors(volume, inode, countClusters(volume, inode) * perCluster(volume));
  }
  if (listed) inode.view.setUint32(inode.base + Inode.i_dtime, 0, true);
  volume.sealInode(inode);
}

/** What lies behind the end in the last block must read as zeroes when the file grows again. */
function zeroTail(volume: Volume, inode: TableInode, size: number): void {
  const { blockSize } = volume.geometry;
  const inner = size % blockSize;
  if (inner === 0) return;
  const last = Math.floor(size / blockSize);
  for (const run of readMap(volume, inode).runs) {
    if (run.unwritten || last < run.logical || last >= run.logical + run.length) continue;
    volume.blocks.change(run.block + last - run.logical).bytes.fill(0, inner);
  }
}

/** Clusters that an inode holds, its attribute block included. */
export function countClusters(volume: Volume, inode: TableInode): number {
  const { firstDataBlock, clusterRatio } = volume.geometry;
  let clusters = attributeBlockOf(volume, inode) === 0 ? 0 : 1;
  let before = -1;
  walkMap(volume, inode, {
    node() {
      clusters++;
    },
    run(_, block, length) {
      const first = Math.floor((block - firstDataBlock) / clusterRatio);
      const last = Math.floor((block + length - 1 - firstDataBlock) / clusterRatio);
      clusters += last - first + (first === before ? 0 : 1);
      before = last;
    },
    badChecksum() {},
  });
  return clusters;
}
