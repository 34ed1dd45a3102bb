/** How {@link makeExt} makes a filesystem; what is absent is decided as mke2fs(8) of e2fsprogs 1.47 decides it. */
export interface MakeExtOptions {
  /** `ext2`, `ext3`, `ext4`; `ext4dev` is ext4 marked for testing. Default `ext2`, as mke2fs has it. */
  type?: string;
  /**
   * What the filesystem is for: `floppy`, `small`, `big`, `huge`, `news`, `largefile`, `largefile4`, `hurd`; several
   * by commas. Default by size.
   */
  usage?: string;
  /** Blocks of the filesystem. Default: all of the device. */
  blocksCount?: number;
  /** Bytes: a power of two from 1024 to 65536. */
  blockSize?: number;
  /** Bytes of a cluster; more than a block only with bigalloc. Default with bigalloc: 16 blocks. */
  clusterSize?: number;
  /** Blocks of a group: a multiple of 8 from 256 on. With bigalloc, clusters. */
  blocksPerGroup?: number;
  /** Groups whose tables are packed together with flex_bg: a power of two. Default 16. */
  groupsPerFlex?: number;
  /** One inode is made for so many bytes. */
  bytesPerInode?: number;
  /** Bytes of an inode: a power of two from 128 to the block size. */
  inodeSize?: number;
  /** Inodes to make at least. */
  inodesCount?: number;
  /** Percentage of blocks reserved for root, 0 to 50. Default 5. */
  reservedPercentage?: number;
  /** Bytes of the journal. Default by size. */
  journalSize?: number;
  /** The journal is on a device of its own, which {@link makeExtJournal} made. */
  externalJournal?: ExternalJournal;
  /** Blocks of a RAID chunk and of a full stripe. */
  stride?: number;
  stripeWidth?: number;
  /** Blocks up to which growing is provided for by reserved descriptor blocks. Default 1024 times the size. */
  resizeLimit?: number;
  /** Seconds between updates of the multiple mount protection block. Default 5. */
  mmpInterval?: number;
  /** At most 16 bytes. */
  label?: string;
  /** Directory it says to have been mounted on last; at most 63 bytes. */
  lastMounted?: string;
  /** `Linux`, `GNU` or `hurd`, `masix`, `freebsd`, `lites`, or a number. */
  creatorOs?: string;
  /** Names of features to switch on, or off with `^` before them; `none` first drops the defaults. */
  features?: readonly string[];
  /** Kinds of quota to keep with the feature quota: `user`, `group`, `project`. */
  quotaTypes?: readonly QuotaType[];
  /** Encoding of names with casefold: `utf8` or `utf8-12.1`; `strict` refuses invalid names. */
  encoding?: string;
  strictEncoding?: boolean;
  /** 16 bytes. Default random. */
  uuid?: Uint8Array;
  /** 16 bytes that hashes of names begin with. Default random. */
  hashSeed?: Uint8Array;
  /** Seconds since 1970 for every time in the filesystem. Default: the clock. */
  now?: number;
  /**
   * Leave inode tables that are not known to be zeroes to the first mount, where the features allow it (default
   * true), and the body of the journal as it is (default false).
   */
  lazyInodeTables?: boolean;
  lazyJournal?: boolean;
  /** Discard all of the device first. Default false. */
  discard?: boolean;
  /** Write superblocks and group descriptors only, as `mke2fs -S`: a last attempt to recover what is there. */
  superBlocksOnly?: boolean;
  /** Mark it as made for testing. */
  testing?: boolean;
  /** Go on where the result is unusual: a block size above 4096 or few inodes. */
  force?: boolean;
}

/** Kinds of quota. */
export type QuotaType = 'user' | 'group' | 'project';

/** An external journal as the filesystem names it. */
export interface ExternalJournal {
  /** UUID of the journal device, 16 bytes. */
  uuid: Uint8Array;
  /** Device number that Linux gives it, in its 16-bit or 32-bit form; 0 if not known. */
  deviceNumber: number;
}
