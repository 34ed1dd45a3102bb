/** The guest's files as one tree: mounts, path walk and links, over any FileSystem. Exported as `guestfs/vfs`. */
export { MountedTree, type MountedFileSystem, type MountInfo } from './mounted-tree.ts';
export type { FileRef, FileTree, TreeStat } from './tree.ts';
export type {
  DirEntry,
  FileSystem,
  FileSystemFormat,
  FileType,
  OpenFileSystemOptions,
  Stat,
  StatFs,
  Xattr,
} from '../filesystems/filesystem.ts';
