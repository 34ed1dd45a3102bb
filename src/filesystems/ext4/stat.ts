import { CorruptError } from '../../errors/index.ts';
import type { Stat } from '../filesystem.ts';
import { INCOMPAT_LARGEDIR, RO_COMPAT_HUGE_FILE } from './features.ts';
import type { InodeView } from './inodes.ts';
import {
  GOOD_OLD_INODE_SIZE,
  INODE_HUGE_FILE,
  INODE_INLINE_DATA,
  Inode,
  S_IFBLK,
  S_IFCHR,
  S_IFMT,
  S_IFREG,
} from './layout.ts';
import type { Geometry } from './superblock.ts';
import { makeDevice } from '../mode.ts';

/** Size of an inode's content in bytes; only regular files (and directories with large_dir) use the high half. */
export function inodeSize(inode: InodeView, geometry: Geometry): number {
  const { view, base } = inode;
  const low = view.getUint32(base + Inode.i_size_lo, true);
  const regular = (view.getUint16(base + Inode.i_mode, true) & S_IFMT) === S_IFREG;
  if (!regular && (geometry.incompat & INCOMPAT_LARGEDIR) === 0) return low;
  const high = view.getUint32(base + Inode.i_size_high, true);
  if (high > 0x1fffff) {
    throw new CorruptError(
      'ext4_inode',
      `i_size_high of inode ${inode.number} is ${high}, expected below 2^21`,
    );
  }
  return high * 0x100000000 + low;
}

/** Allocated space of an inode in sectors of 512 bytes. */
export function inodeSectors(inode: InodeView, geometry: Geometry): number {
  const { view, base } = inode;
  const low = view.getUint32(base + Inode.i_blocks_lo, true);
  if ((geometry.roCompat & RO_COMPAT_HUGE_FILE) === 0) return low;
  const blocks = low + view.getUint16(base + Inode.l_i_blocks_high, true) * 0x100000000;
  const inBlocks = (view.getUint32(base + Inode.i_flags, true) & INODE_HUGE_FILE) !== 0;
  return inBlocks ? blocks * (geometry.blockSize / 512) : blocks;
}

/** Seconds of a time and its extra word: 32 signed bits and, in the extra word, two more above them. */
function seconds(low: number, extra: number): number {
  return low + (extra & 3) * 0x100000000;
}

function nanoseconds(extra: number): number {
  return Math.min(extra >>> 2, 999_999_999);
}

/** The inode as lstat(2) shows it. */
export function readStat(inode: InodeView, geometry: Geometry): Stat {
  const { view, base } = inode;
  const mode = view.getUint16(base + Inode.i_mode, true);
  const flags = view.getUint32(base + Inode.i_flags, true);
  const size = inodeSize(inode, geometry);
  let blocks = inodeSectors(inode, geometry);
  const type = mode & S_IFMT;
  // Linux counts inline content as if it took sectors, so that tools do not take the file for a hole.
  if (flags & INODE_INLINE_DATA && type === S_IFREG) blocks += Math.ceil(size / 512);

  let extra = 0;
  if (geometry.inodeSize > GOOD_OLD_INODE_SIZE) {
    extra = view.getUint16(base + Inode.i_extra_isize, true);
    const room = geometry.inodeSize - GOOD_OLD_INODE_SIZE;
    if (extra > room || extra % 4 !== 0) {
      throw new CorruptError(
        'ext4_inode',
        `i_extra_isize of inode ${inode.number} is ${extra}, expected a multiple of 4 up to ${room}`,
      );
    }
    if (extra === 0) extra = 32;
  }
  const end = GOOD_OLD_INODE_SIZE + extra;
  const ctimeExtra = end >= Inode.i_ctime_extra + 4 ? view.getUint32(base + Inode.i_ctime_extra, true) : 0;
  const mtimeExtra = end >= Inode.i_mtime_extra + 4 ? view.getUint32(base + Inode.i_mtime_extra, true) : 0;
  const atimeExtra = end >= Inode.i_atime_extra + 4 ? view.getUint32(base + Inode.i_atime_extra, true) : 0;
  const stat: Stat = {
    inode: inode.number,
    mode,
    nlink: view.getUint16(base + Inode.i_links_count, true),
    uid: view.getUint16(base + Inode.i_uid, true) + view.getUint16(base + Inode.l_i_uid_high, true) * 0x10000,
    gid: view.getUint16(base + Inode.i_gid, true) + view.getUint16(base + Inode.l_i_gid_high, true) * 0x10000,
    rdev: type === S_IFCHR || type === S_IFBLK ? deviceNumber(view, base + Inode.i_block) : 0,
    size,
    blockSize: geometry.blockSize,
    blocks,
    atime: seconds(view.getInt32(base + Inode.i_atime, true), atimeExtra),
    atimeNsec: nanoseconds(atimeExtra),
    mtime: seconds(view.getInt32(base + Inode.i_mtime, true), mtimeExtra),
    mtimeNsec: nanoseconds(mtimeExtra),
    ctime: seconds(view.getInt32(base + Inode.i_ctime, true), ctimeExtra),
    ctimeNsec: nanoseconds(ctimeExtra),
    btime: undefined,
    btimeNsec: undefined,
  };
  if (end >= Inode.i_crtime_extra + 4) {
    const extraWord = view.getUint32(base + Inode.i_crtime_extra, true);
    stat.btime = seconds(view.getInt32(base + Inode.i_crtime, true), extraWord);
    stat.btimeNsec = nanoseconds(extraWord);
  }
  return stat;
}

/**
 * Device number of a node in the encoding of makedev(3). `i_block[0]` holds the old 8:8 form; where it is 0,
 * `i_block[1]` holds 12 bits of major between the low 8 and the high 12 bits of minor.
 */
function deviceNumber(view: DataView, at: number): number {
  const old = view.getUint32(at, true);
  const word = old !== 0 ? old & 0xffff : view.getUint32(at + 4, true);
  const major = (word >>> 8) & 0xfff;
  const minor = (word & 0xff) | (old !== 0 ? 0 : (word >>> 12) & 0xfff00);
  return makeDevice(major, minor);
}
