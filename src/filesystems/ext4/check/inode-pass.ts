import { clockMilliseconds } from '../../../bytes/clock.ts';
import { CorruptError } from '../../../errors/index.ts';
import { groupFirstBlock } from '../groups.ts';
import { COMPAT_ORPHAN_FILE, INCOMPAT_64BIT, INCOMPAT_MMP, RO_COMPAT_HUGE_FILE } from '../features.ts';
import {
  GOOD_OLD_INODE_SIZE,
  INODE_EA_INODE,
  INODE_EXTENTS,
  INODE_HUGE_FILE,
  INODE_INLINE_DATA,
  Inode,
  ROOT_INODE,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../layout.ts';
import { inodeSectors, inodeSize } from '../stat.ts';
import { checkAttributes } from './attribute-check.ts';
import { sealExtentNode, walkMap } from './block-map.ts';
import { GROUP_INODE_UNINIT, groupChecksum, hasGroupChecksums } from './descriptors.ts';
import { inodeTableBlocks } from './places.ts';
import { checkResizeInode, RESIZE_INODE } from './resize-inode.ts';
import type { CheckState } from './state.ts';
import type { TableInode, Volume } from './volume.ts';

const CHUNK_BYTES = 256 * 1024;
const BAD_BLOCKS_INODE = 1;
const TYPES = new Set([S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK]);

/** Claim the blocks of the filesystem itself: superblocks, descriptors, bitmaps, inode tables. */
function claimMetadata(state: CheckState): void {
  const { volume } = state;
  const { geometry } = volume;
  for (let group = 0; group < geometry.groupsCount; group++) {
    if (hasGroupChecksums(geometry)) {
      const base = group * geometry.descSize;
      const computed = groupChecksum(geometry, group, volume.descriptors.bytes, base);
      if (computed !== volume.descriptors.checksum(group)) {
        state.wholeTables.add(group);
        state.found('group-checksum', `descriptor of group ${group} has a wrong checksum`, () => {
          const flags = volume.descriptors.flags(group);
          volume.descriptors.setFlags(group, flags & ~3);
          volume.descriptors.dirty.add(group);
        });
      }
    }
    const claimed = new Set<number>();
    for (const { block, count } of volume.groupMetadata(group)) {
      if (block !== groupFirstBlock(geometry, group)) {
        volume.checkBlock(block, count, 'ext4_group_desc', `group ${group}`);
      }
      for (let i = 0; i < count; i += 1) {
        const cluster = state.clusterOf(block + i);
        if (claimed.has(cluster)) continue;
        claimed.add(cluster);
        state.clusters.add(cluster);
      }
    }
  }
  const mmp = geometry.superBlock.s_mmp_block;
  if (geometry.incompat & INCOMPAT_MMP && mmp !== 0) state.clusters.add(state.clusterOf(mmp));
}

function systemInodes(state: CheckState): void {
  const { superBlock, compat } = state.volume.geometry;
  for (const number of [
    superBlock.s_journal_inum,
    superBlock.s_usr_quota_inum,
    superBlock.s_grp_quota_inum,
    superBlock.s_prj_quota_inum,
    compat & COMPAT_ORPHAN_FILE ? superBlock.s_orphan_file_inum : 0,
  ]) {
    if (number !== 0) state.system.add(number);
  }
}

/** Read every inode that is in use: what it claims, and whether its numbers agree with that. */
export function checkInodes(state: CheckState): void {
  const { volume } = state;
  const { geometry } = volume;
  claimMetadata(state);
  systemInodes(state);
  const tableBlocks = inodeTableBlocks(geometry);
  const perChunk = Math.max(1, CHUNK_BYTES / geometry.blockSize);
  const chunk = new Uint8Array(perChunk * geometry.blockSize);
  const view = new DataView(chunk.buffer);
  const checked = hasGroupChecksums(geometry);
  for (let number = 1; number < geometry.firstInode; number++) state.inodes.add(number);
  for (let group = 0; group < geometry.groupsCount; group++) {
    let used = geometry.inodesPerGroup;
    if (checked && !state.wholeTables.has(group)) {
      const uninit = volume.descriptors.flags(group) & GROUP_INODE_UNINIT;
      used = uninit ? 0 : Math.max(0, used - volume.descriptors.get(group, 'bg_itable_unused'));
    }
    const table = volume.descriptors.get(group, 'bg_inode_table');
    const blocks = Math.min(tableBlocks, Math.ceil((used * geometry.inodeSize) / geometry.blockSize));
    for (let from = 0; from < blocks; from += perChunk) {
      const count = Math.min(perChunk, blocks - from);
      volume.blocks.readRun(table + from, count, chunk);
      const first = (from * geometry.blockSize) / geometry.inodeSize;
      const inodes = Math.min((count * geometry.blockSize) / geometry.inodeSize, used - first);
      for (let i = 0; i < inodes; i++) {
        const base = i * geometry.inodeSize;
        const number = group * geometry.inodesPerGroup + first + i + 1;
        const mode = view.getUint16(base + Inode.i_mode, true);
        const links = view.getUint16(base + Inode.i_links_count, true);
        if (mode === 0 && links === 0 && number >= geometry.firstInode) continue;
        checkInode(state, { number, bytes: chunk, view, base });
      }
    }
  }
  if (!state.isDirectory.has(ROOT_INODE)) {
    state.found('root', 'the root directory (inode 2) is not there');
    state.broken.add(ROOT_INODE);
  }
}

/** Change an inode in the staged table. */
export function fixInode(volume: Volume, number: number, change: (inode: TableInode) => void): void {
  const inode = volume.changeInode(number);
  change(inode);
  volume.sealInode(inode);
}

function checkInode(state: CheckState, inode: TableInode): void {
  const { volume } = state;
  const { geometry } = volume;
  const { number, view, base } = inode;
  const mode = view.getUint16(base + Inode.i_mode, true);
  const links = view.getUint16(base + Inode.i_links_count, true);
  const reserved = number < geometry.firstInode;
  if (links === 0 && !reserved) {
    if (view.getUint32(base + Inode.i_dtime, true) === 0) {
      state.found('deleted-dtime', `inode ${number} is deleted and has no deletion time`, () =>
        fixInode(volume, number, (fix) =>
          fix.view.setUint32(
            fix.base + Inode.i_dtime,
            Math.floor(clockMilliseconds() / 1000) % 0x100000000,
            true,
          ),
        ),
      );
    }
    return;
  }
  if (reserved && mode === 0 && links === 0 && number !== BAD_BLOCKS_INODE && number !== RESIZE_INODE) return;
  if (geometry.checksums && !(reserved && links === 0)) {
    const { computed, stored } = volume.inodeChecksum(inode);
    if (computed !== stored) {
      const text = `inode ${number} has checksum 0x${stored.toString(16)}, its contents have 0x${computed.toString(16)}`;
      state.found('inode-checksum', text, () => fixInode(volume, number, () => {}));
    }
  }
  state.inodes.add(number);
  if (number === RESIZE_INODE) {
    checkResizeInode(state, inode);
    return;
  }
  state.links[number] = links;
  if (reserved && number !== ROOT_INODE) state.system.add(number);
  if (!reserved || number === ROOT_INODE) {
    if (view.getUint32(base + Inode.i_dtime, true) !== 0) {
      state.found('used-dtime', `inode ${number} is in use and has a deletion time`, () =>
        fixInode(volume, number, (fix) => fix.view.setUint32(fix.base + Inode.i_dtime, 0, true)),
      );
    }
    if (!TYPES.has(mode & S_IFMT)) {
      state.broken.add(number);
      state.found('inode-mode', `inode ${number} has mode 0${mode.toString(8)}, which is of no type`);
      return;
    }
  }
  const extra =
    geometry.inodeSize > GOOD_OLD_INODE_SIZE ? view.getUint16(base + Inode.i_extra_isize, true) : 0;
  if (extra > geometry.inodeSize - GOOD_OLD_INODE_SIZE || extra % 4 !== 0) {
    state.found('inode-extra-size', `inode ${number} has i_extra_isize ${extra}`);
  }
  const isDirectory = (mode & S_IFMT) === S_IFDIR;
  if (isDirectory) {
    state.directories.push(number);
    state.isDirectory.add(number);
  }
  try {
    checkContent(state, inode, mode & S_IFMT);
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    state.broken.add(number);
    state.found('block-map', error.message);
  }
}

/** True if an inode of this type has a block map. */
export function hasMap(inode: TableInode, type: number, attributeSectors: number, sectors: number): boolean {
  const flags = inode.view.getUint32(inode.base + Inode.i_flags, true);
  if (flags & INODE_INLINE_DATA) return false;
  if (type === S_IFREG || type === S_IFDIR || type === 0) return true;
  if (type !== S_IFLNK) return false;
  if (flags & INODE_EXTENTS) return true;
  return sectors > attributeSectors;
}

/** Block of attributes of an inode; 0 if there is none. */
export function attributeBlockOf(volume: Volume, { view, base }: TableInode): number {
  const high =
    volume.geometry.incompat & INCOMPAT_64BIT ? view.getUint16(base + Inode.l_i_file_acl_high, true) : 0;
  return view.getUint32(base + Inode.i_file_acl_lo, true) + high * 0x100000000;
}

function checkContent(state: CheckState, inode: TableInode, type: number): void {
  const { volume } = state;
  const { geometry } = volume;
  const { number } = inode;
  const perCluster = (geometry.blockSize * geometry.clusterRatio) / 512;
  let clusters = 0;
  let lastCluster = -1;
  let duplicate = -1;
  const claim = (block: number, count: number): void => {
    const first = state.clusterOf(block);
    const last = state.clusterOf(block + count - 1);
    for (let cluster = first; cluster <= last; cluster++) {
      // A cluster may hold several runs of one file.
      if (cluster === lastCluster) continue;
      lastCluster = cluster;
      clusters++;
      if (!state.clusters.add(cluster) && duplicate < 0) duplicate = cluster;
    }
  };
  const attributes = attributeBlockOf(volume, inode);
  if (attributes !== 0) {
    volume.checkBlock(attributes, 1, 'ext4_inode', `i_file_acl of inode ${number}`);
    clusters++;
  }
  const valueClusters = checkAttributes(state, inode, attributes);
  const sectors = inodeSectors(inode, geometry);
  let lastWritten = -1;
  let lastBlock = -1;
  const isBadBlocks = number === BAD_BLOCKS_INODE;
  if (hasMap(inode, type, attributes === 0 ? 0 : perCluster, sectors)) {
    const seed = volume.seedOf(inode);
    walkMap(volume, inode, {
      node(block) {
        clusters++;
        if (!state.clusters.add(state.clusterOf(block)) && duplicate < 0) duplicate = state.clusterOf(block);
      },
      run(logical, block, length, unwritten) {
        claim(block, length);
        lastBlock = logical + length - 1;
        if (!unwritten) lastWritten = lastBlock;
        if (isBadBlocks) lastCluster = -1;
      },
      badChecksum(block) {
        state.found('extent-checksum', `extent node ${block} of inode ${number} has a wrong checksum`, () =>
          sealExtentNode(volume, seed, block),
        );
      },
    });
  }
  if (duplicate >= 0 && !isBadBlocks) {
    const block = duplicate * geometry.clusterRatio + geometry.firstDataBlock;
    state.broken.add(number);
    state.found('duplicate-block', `inode ${number} holds block ${block}, which something else holds too`);
  }
  if (!isBadBlocks)
    checkCounts(state, inode, type, {
      clusters: clusters + valueClusters,
      sectors,
      lastWritten,
      lastBlock,
    });
}

interface Extent {
  clusters: number;
  sectors: number;
  lastWritten: number;
  lastBlock: number;
}

function checkCounts(state: CheckState, inode: TableInode, type: number, extent: Extent): void {
  const { volume } = state;
  const { geometry } = volume;
  const { number, view, base } = inode;
  const flags = view.getUint32(base + Inode.i_flags, true);
  const expected = (extent.clusters * geometry.clusterRatio * geometry.blockSize) / 512;
  if (extent.sectors !== expected) {
    const text = `inode ${number} counts ${extent.sectors} sectors in i_blocks, it has ${expected}`;
    state.found('i_blocks', text, () => fixInode(volume, number, (fix) => setSectors(volume, fix, expected)));
  }
  const size = inodeSize(inode, geometry);
  const { blockSize } = geometry;
  if (type === S_IFDIR && !(flags & INODE_INLINE_DATA)) {
    const right = (extent.lastBlock + 1) * blockSize;
    if (size !== right) {
      state.found('i_size', `directory ${number} has size ${size}, its blocks have ${right}`, () =>
        fixInode(volume, number, (fix) => setSize(fix, right)),
      );
    }
  } else if (type === S_IFREG && !(flags & INODE_EA_INODE) && extent.lastWritten >= 0) {
    if (size < extent.lastWritten * blockSize) {
      const right = (extent.lastWritten + 1) * blockSize;
      state.found('i_size', `file ${number} has size ${size}, its blocks go on to ${right}`, () =>
        fixInode(volume, number, (fix) => setSize(fix, right)),
      );
    }
  }
}

/** Set i_size. */
export function setSize({ view, base }: TableInode, size: number): void {
  view.setUint32(base + Inode.i_size_lo, size % 0x100000000, true);
  view.setUint32(base + Inode.i_size_high, Math.floor(size / 0x100000000), true);
}

/** Set i_blocks, in sectors of 512 bytes. */
export function setSectors(volume: Volume, { view, base }: TableInode, sectors: number): void {
  const { roCompat, blockSize } = volume.geometry;
  const flags = view.getUint32(base + Inode.i_flags, true);
  const inBlocks = (roCompat & RO_COMPAT_HUGE_FILE) !== 0 && (flags & INODE_HUGE_FILE) !== 0;
  const value = inBlocks ? sectors / (blockSize / 512) : sectors;
  view.setUint32(base + Inode.i_blocks_lo, value % 0x100000000, true);
  if (roCompat & RO_COMPAT_HUGE_FILE) {
    view.setUint16(base + Inode.l_i_blocks_high, Math.floor(value / 0x100000000), true);
  }
}
