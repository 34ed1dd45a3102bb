import type { BlockDevice, Extent, Identity } from '../block/device.ts';
import type { FileSystemWriter } from './writer.ts';

/** Type of a file as a directory entry gives it. `unknown` where the directory does not say. */
export type FileType =
  'file' | 'directory' | 'symlink' | 'chardev' | 'blockdev' | 'fifo' | 'socket' | 'unknown';

/** One name in a directory. */
export interface DirEntry {
  /** Name, invalid UTF-8 escaped as `bytes/text.ts` does. Never empty, never with `/` or NUL. */
  name: string;
  /** Inode number to give to the other calls of the same FileSystem. */
  inode: number;
  type: FileType;
}

/** What lstat(2) tells about an inode. Times are seconds since 1970 (may be negative) and nanoseconds 0..999999999. */
export interface Stat {
  /** Inode number as the guest's kernel would show it. */
  inode: number;
  /** Type and permission bits as in st_mode. */
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  /** Device number of a device node, in Linux's userspace encoding of `makedev`; 0 for others. */
  rdev: number;
  /** Bytes. */
  size: number;
  /** Preferred I/O size in bytes. */
  blockSize: number;
  /** Allocated space in units of 512 bytes. */
  blocks: number;
  atime: number;
  atimeNsec: number;
  mtime: number;
  mtimeNsec: number;
  ctime: number;
  ctimeNsec: number;
  /** Birth time where the filesystem keeps one. */
  btime?: number;
  btimeNsec?: number;
}

/** An extended attribute with its full name, as in `security.selinux` or `system.posix_acl_access`. */
export interface Xattr {
  name: string;
  value: Uint8Array;
}

/** What statvfs(3) tells; sizes in units of `frsize` bytes. */
export interface StatFs {
  bsize: number;
  frsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  favail: number;
  /** 64 bits that tell filesystems apart; a bigint where they are beyond 2^53. */
  fsid: number | bigint;
  /** ST_* bits of statvfs(3), without ST_RDONLY, which the mount adds. */
  flag: number;
  namemax: number;
}

/**
 * A filesystem seen as inodes. It knows nothing of paths, symbolic links across directories, mounts or globs: all
 * that lives in `vfs/`. Every call is synchronous and bounded by the size of the device; every failure is a
 * GuestfsError that names structure, offset, what was found and what was expected.
 */
export interface FileSystem {
  /** Type as blkid(8) and vfs_type spell it: `ext4`, `vfat`, `iso9660`. */
  readonly type: string;
  /** Inode of the root directory. */
  readonly root: number;
  /** True where names compare without regard to case in at least some directories. */
  readonly caseInsensitive?: boolean;
  /**
   * Inode of `name` in `directory`, or 0 if there is none. Throws ENOTDIR where `directory` is not one. `.` and
   * `..` are resolved by the caller and never asked for.
   */
  lookup(directory: number, name: string): number;
  /** Entries of a directory in the order they are stored, without `.` and `..`. Throws ENOTDIR. */
  readdir(directory: number): Iterable<DirEntry>;
  stat(inode: number): Stat;
  /** Read file content; returns the bytes read, less than asked only at the end of the file. Throws EISDIR. */
  read(inode: number, offset: number, into: Uint8Array): number;
  /** Target of a symbolic link. Throws EINVAL where it is none. */
  readlink(inode: number): string;
  /** All extended attributes, ACLs among them, in the order listxattr(2) gives them. */
  xattrs(inode: number): Xattr[];
  statfs(): StatFs;
  /** Which parts of a file are data and which holes; offsets are within the file. */
  extents?(inode: number, offset: number, length: number): Iterable<Extent>;
  /** Flags of FS_IOC_GETFLAGS, as lsattr(1) shows them; ext2, ext3, ext4 only. */
  flags?(inode: number): number;
  /** FS_IOC_GETVERSION; ext2, ext3, ext4 only. */
  generation?(inode: number): number;
  /**
   * What writes this filesystem; the same object at each call. Nothing is written before the first change: it is
   * then that a journal is replayed onto the device. Absent where the driver only reads. Throws EROFS where this
   * filesystem must not be written (a read-only device, an unknown ro_compat feature, damage), saying why.
   */
  openWriter?(): FileSystemWriter;
  /** Closes the writer if one was opened, releases caches; does not close the device. */
  close(): void;
}

/** How a filesystem is opened. */
export interface OpenFileSystemOptions {
  /** Hears of things that are odd but do not stop the reading, one sentence each. */
  warn?: (message: string) => void;
  /** Mount options as mount(8) takes them after -o, already split at commas. */
  mountOptions?: readonly string[];
}

/** A filesystem type of the registry. */
export interface FileSystemFormat {
  readonly name: string;
  probe(device: BlockDevice): Identity | null;
  open(device: BlockDevice, options: OpenFileSystemOptions): FileSystem;
}
