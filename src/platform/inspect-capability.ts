import type { FileTree } from '../vfs/tree.ts';

/** One filesystem, opened for looking only, apart from the guest's mounts. */
export interface PrivateTree {
  /** The filesystem's own root is `/`. Valid until {@link close}. */
  readonly tree: FileTree;
  /** Type as vfs_type gives it. */
  readonly type: string;
  /** Releases caches; the device stays open for others. */
  close(): void;
}

/** A further filesystem in a private tree. */
export interface MountBelow {
  mountable: string;
  /** Absolute path in the tree. */
  mountpoint: string;
}

/**
 * Optional capability of a platform: read one filesystem without touching the user's mounts. Inspection looks
 * at every filesystem of the guest this way.
 */
export interface TreeOpener {
  /**
   * Open a mountable read-only, a journal replayed in memory. Throws UnsupportedError naming device and type
   * where the content is recognised but cannot be read here, EINVAL where it is no filesystem, CorruptError where
   * the filesystem is damaged. Those of `below` whose directory is missing, or which cannot be opened, are left out.
   */
  openTree(mountable: string, below?: readonly MountBelow[]): PrivateTree;
}
