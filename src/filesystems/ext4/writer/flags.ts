import { INODE_CASEFOLD, S_IFDIR, S_IFMT, S_IFREG } from '../layout.ts';

/** Bits of `i_flags` that matter when an inode is changed or made; the others are in `../layout.ts`. */
export const INODE_IMMUTABLE = 0x10;
export const INODE_APPEND = 0x20;
export const INODE_NODUMP = 0x40;
export const INODE_NOATIME = 0x80;
export const INODE_DIRSYNC = 0x10000;
export const INODE_TOPDIR = 0x20000;
export const INODE_VERITY = 0x100000;
export const INODE_PROJINHERIT = 0x20000000;

/** Flags that FS_IOC_SETFLAGS may change, as the kernel's documentation of ext4 inode flags has them. */
export const INODE_USER_MODIFIABLE = 0x604bc0ff;

/** secrm, unrm, compr, sync, nodump, noatime, nocompr, journal, notail, dirsync, dax, project, casefold. */
const INHERITED =
  0x1 |
  0x2 |
  0x4 |
  0x8 |
  0x40 |
  0x80 |
  0x400 |
  0x4000 |
  0x8000 |
  0x10000 |
  0x2000000 |
  0x20000000 |
  INODE_CASEFOLD;
const ONLY_DIRECTORIES = INODE_DIRSYNC | INODE_TOPDIR | INODE_CASEFOLD | INODE_PROJINHERIT;

/** Of some flags, those that a file of this mode may have: fewer for files than for directories, few for others. */
export function flagsForMode(mode: number, flags: number): number {
  const type = mode & S_IFMT;
  if (type === S_IFDIR) return flags;
  if (type === S_IFREG) return flags & ~ONLY_DIRECTORIES;
  return flags & (INODE_NODUMP | INODE_NOATIME);
}

/** Flags that a new file gets from its directory. */
export function inheritedFlags(mode: number, parentFlags: number): number {
  return flagsForMode(mode, parentFlags & INHERITED);
}
