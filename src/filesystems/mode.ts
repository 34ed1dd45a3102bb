import type { FileType } from './filesystem.ts';

/** Mask and values of the type bits of st_mode (stat(2), inode(7)). */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;

/** The file type that the type bits of `mode` say; `unknown` for values that inode(7) does not know. */
export function fileTypeOf(mode: number): FileType {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 'file';
    case S_IFDIR:
      return 'directory';
    case S_IFLNK:
      return 'symlink';
    case S_IFCHR:
      return 'chardev';
    case S_IFBLK:
      return 'blockdev';
    case S_IFIFO:
      return 'fifo';
    case S_IFSOCK:
      return 'socket';
    default:
      return 'unknown';
  }
}

/** Major number of a device in Linux's userspace encoding (makedev(3)). */
export function deviceMajor(rdev: number): number {
  const high = Math.floor(rdev / 0x100000000);
  const low = rdev >>> 0;
  return ((low >>> 8) & 0xfff) + (high >>> 12) * 0x1000;
}

/** Minor number of a device in Linux's userspace encoding (makedev(3)). */
export function deviceMinor(rdev: number): number {
  const high = Math.floor(rdev / 0x100000000);
  const low = rdev >>> 0;
  return (low & 0xff) + ((low >>> 20) << 8) + (high & 0xfff) * 0x100000;
}

/** `8:3` of a device number in Linux's userspace encoding, as the kernel writes it. */
export function deviceNumbers(rdev: number): string {
  return `${deviceMajor(rdev)}:${deviceMinor(rdev)}`;
}

/** A device number in Linux's userspace encoding (makedev(3)). */
export function makeDevice(major: number, minor: number): number {
  const low = ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
  const high = Math.floor(minor / 0x100000) + Math.floor(major / 0x1000) * 0x1000;
  return high * 0x100000000 + low;
}
