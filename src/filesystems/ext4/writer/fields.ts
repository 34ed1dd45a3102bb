import { GuestfsError } from '../../../errors/index.ts';
import type { Timestamp } from '../../writer.ts';
import type { InodeView } from '../inodes.ts';
import { GOOD_OLD_INODE_SIZE, Inode, S_IFMT, S_IFREG } from '../layout.ts';
import type { Geometry } from '../superblock.ts';
import { writeTime } from './times.ts';

/** Most links of a file. */
export const LINK_MAX = 65000;

/** Type and permission bits. */
export function modeOf({ view, base }: InodeView): number {
  return view.getUint16(base + Inode.i_mode, true);
}

/** `i_flags`. */
export function flagsOf({ view, base }: InodeView): number {
  return view.getUint32(base + Inode.i_flags, true);
}

/** Set `i_flags`. */
export function setFlagsOf({ view, base }: InodeView, flags: number): void {
  view.setUint32(base + Inode.i_flags, flags >>> 0, true);
}

/** `i_links_count`. */
export function linksOf({ view, base }: InodeView): number {
  return view.getUint16(base + Inode.i_links_count, true);
}

/** Set `i_links_count`. */
export function setLinksOf({ view, base }: InodeView, links: number): void {
  view.setUint16(base + Inode.i_links_count, links, true);
}

/** Owner, all 32 bits. */
export function userOf({ view, base }: InodeView): number {
  return view.getUint16(base + Inode.i_uid, true) + view.getUint16(base + Inode.l_i_uid_high, true) * 0x10000;
}

/** Group, all 32 bits. */
export function groupOf({ view, base }: InodeView): number {
  return view.getUint16(base + Inode.i_gid, true) + view.getUint16(base + Inode.l_i_gid_high, true) * 0x10000;
}

/** Set the owner. */
export function setUserOf({ view, base }: InodeView, uid: number): void {
  view.setUint16(base + Inode.i_uid, uid & 0xffff, true);
  view.setUint16(base + Inode.l_i_uid_high, uid >>> 16, true);
}

/** Set the group. */
export function setGroupOf({ view, base }: InodeView, gid: number): void {
  view.setUint16(base + Inode.i_gid, gid & 0xffff, true);
  view.setUint16(base + Inode.l_i_gid_high, gid >>> 16, true);
}

/** Size in bytes of a regular file. */
export function fileSizeOf({ view, base }: InodeView): number {
  return (
    view.getUint32(base + Inode.i_size_lo, true) +
    view.getUint32(base + Inode.i_size_high, true) * 0x100000000
  );
}

/** Set the size in bytes of a regular file. */
export function setFileSizeOf({ view, base }: InodeView, size: number): void {
  view.setUint32(base + Inode.i_size_lo, size % 0x100000000, true);
  view.setUint32(base + Inode.i_size_high, Math.floor(size / 0x100000000), true);
}

/** Set mtime and ctime, as a change of content does. */
export function stampContent(inode: InodeView, now: Timestamp, geometry: Geometry): void {
  writeTime(inode, 'mtime', now, geometry);
  writeTime(inode, 'ctime', now, geometry);
}

/** Throws EINVAL unless an inode is a regular file. */
export function assertRegular(inode: InodeView): void {
  const mode = modeOf(inode);
  if ((mode & S_IFMT) !== S_IFREG) {
    throw new GuestfsError(
      'EINVAL',
      `inode ${inode.number} has no content to be written (mode 0${mode.toString(8)})`,
    );
  }
}

/** Offset in an inode from which on it must reach to have a project, less its old part. */
const PROJECT_EXTRA = Inode.i_projid + 4 - GOOD_OLD_INODE_SIZE;

/** True if an inode has room for a project. */
export function hasProject({ view, base }: InodeView, geometry: Geometry): boolean {
  return (
    geometry.inodeSize > GOOD_OLD_INODE_SIZE &&
    view.getUint16(base + Inode.i_extra_isize, true) >= PROJECT_EXTRA
  );
}

/** Project of an inode; 0 where it has none. */
export function projectOf(inode: InodeView, geometry: Geometry): number {
  return hasProject(inode, geometry) ? inode.view.getUint32(inode.base + Inode.i_projid, true) : 0;
}
