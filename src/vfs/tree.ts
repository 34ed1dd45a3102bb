import type { DirEntry, Stat, StatFs, Xattr } from '../filesystems/filesystem.ts';
import type { Extent } from '../block/device.ts';
import type { TreeWriter } from './tree-writer.ts';

declare const refBrand: unique symbol;
/** A file found in a tree; opaque, valid until an unmount. */
export interface FileRef {
  readonly [refBrand]: never;
}

/** stat(2) of a file in a tree: the filesystem's answer and the device number of the mount. */
export interface TreeStat extends Stat {
  dev: number;
}

/**
 * The guest's files as one tree: what all file actions are written over. The engine implements it over mounted
 * FileSystems (`vfs/mounted-tree.ts`), the appliance over the kernel's. Paths are absolute guest paths; links are
 * followed inside the tree and never lead out of it.
 *
 * Errors: ENOENT, ENOTDIR, ELOOP (more than 40 links), ENAMETOOLONG, EINVAL (path not absolute, NUL in it), each
 * with `path` set.
 */
export interface FileTree {
  /** Walk a path. The last component is followed if it is a link, unless `followLast` is false. */
  resolve(path: string, options?: { followLast?: boolean }): FileRef;
  /** Canonical path, every component followed. */
  realpath(path: string): string;
  /** Entries of a directory in stored order, without `.` and `..`; the type may be `unknown`. */
  readdir(directory: FileRef): Iterable<DirEntry>;
  /** The file that an entry of `directory` names, not followed; steps onto a filesystem mounted there. */
  child(directory: FileRef, entry: DirEntry): FileRef;
  /**
   * The file `name` of `directory`, not followed, or undefined if there is none; `.` and `..` are the directory
   * and its parent, of the root its own reference. Throws ENOTDIR, ENAMETOOLONG, EINVAL (`/` or NUL in the name).
   */
  lookup(directory: FileRef, name: string): FileRef | undefined;
  /** Absolute guest path by which a file was found, without links for one that {@link resolve} found. */
  pathOf(file: FileRef): string;
  /** Never follows. */
  stat(file: FileRef): TreeStat;
  /** Bytes read, less than asked only at the end. Throws EISDIR on a directory, EINVAL on what has no content. */
  read(file: FileRef, offset: number, into: Uint8Array): number;
  readlink(link: FileRef): string;
  xattrs(file: FileRef): Xattr[];
  statvfs(file: FileRef): StatFs;
  /** Data and holes of a file; one `data` extent where the filesystem cannot tell. */
  extents(file: FileRef, offset: number, length: number): Iterable<Extent>;
  /** FS_IOC_GETFLAGS; ENOTSUP where the filesystem has none. */
  flags(file: FileRef): number;
  /** FS_IOC_GETVERSION; ENOTSUP where the filesystem has none. */
  generation(file: FileRef): number;
  /** What changes files; absent in a tree that is only read. */
  readonly writer?: TreeWriter;
}
