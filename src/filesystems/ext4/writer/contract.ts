import type { Geometry } from '../superblock.ts';
import type { InodeView } from '../inodes.ts';

/** A metadata block in memory, with all changes made so far. Valid until the operation ends. */
export interface StoredBlock {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/**
 * The metadata of a filesystem that is being written. Every change belongs to the running operation; an operation
 * that throws is rolled back whole, one that ends well joins the running transaction, which the journal makes
 * durable. Checksums of what is changed are put right by whoever changes it, except where it is said otherwise.
 */
export interface MetadataStore {
  readonly geometry: Geometry;
  /** The block as it is now. Throws CorruptError for a number outside of the filesystem. */
  read(block: number): StoredBlock;
  /** The block to be changed in place; call it before the first change of an operation. */
  change(block: number): StoredBlock;
  /** A block that was just allocated: all zeroes, nothing is read. */
  create(block: number): StoredBlock;
  /** Time of the running operation, one for all that it changes. */
  now(): { seconds: number; nanoseconds: number };
  /** Set a feature bit of the superblock if it is not set. */
  enableFeature(word: 'compat' | 'incompat' | 'roCompat', bit: number): void;
}

/** Space of the filesystem. Bitmaps, descriptors, superblock counts and their checksums are its business. */
export interface SpaceAllocator {
  /**
   * A run of up to `count` blocks that lie together, as near to `goal` as can be (a whole cluster at least with
   * bigalloc). Throws ENOSPC, EDQUOT. `owner` is the inode it is for: i_blocks and quotas are counted here.
   */
  allocate(owner: number, goal: number, count: number): { block: number; count: number };
  /**
   * Give blocks back. They are not used again before the transaction is durable; metadata blocks are revoked in the
   * journal. `owner`'s i_blocks and quotas are counted here.
   */
  free(owner: number, block: number, count: number, kind: 'data' | 'metadata'): void;
  /**
   * Count clusters (negative: take them away) in `owner`'s i_blocks and quotas without taking or giving any: for blocks
   * that several inodes share. Throws EDQUOT.
   */
  charge(owner: number, clusters: number): void;
  /** Count bytes and inodes in the quotas of `owner` alone: for attribute values that have an inode. Throws EDQUOT. */
  chargeQuota(owner: number, bytes: number, inodes: number): void;
}

/** Inodes. Their checksums are set when the operation ends. */
export interface InodeStore {
  /** The inode as it is now. Throws CorruptError for a number out of range. */
  read(number: number): InodeView;
  /** The inode to be changed in place. The view is valid until the next call of this object. */
  change(number: number): InodeView;
  /** A new inode, zeroed, with a generation, extra size and times set. Throws ENOSPC. Orlov-like for directories. */
  allocate(parent: number, mode: number, uid: number, gid: number): number;
  /** A new inode of the kind that large attribute values live in (ea_inode). */
  allocateAttributeInode(parent: number): number;
  /** The inode's links are gone: free it and all it holds (content, attributes). Sets the links to 0 and i_dtime. */
  free(number: number): void;
}

/** The blocks of files whose content is metadata: directories, link targets, attribute values. */
export interface BlockFile {
  /** Physical block of a logical one, 0 for a hole. */
  map(inode: number, logical: number): number;
  /** Allocate (or find) the block of a logical number, near those of the inode; zeroed where it is new. */
  grow(inode: number, logical: number): StoredBlock;
  /** Give back all blocks from a logical number on. i_size is the caller's. */
  shrink(inode: number, firstLogical: number): void;
}

/** What the parts of the ext4 writer give each other. */
export interface WriterParts {
  readonly store: MetadataStore;
  readonly space: SpaceAllocator;
  readonly inodes: InodeStore;
  readonly files: BlockFile;
}

/** Names in directories: linear, indexed, inline, case-folded; with or without checksums and file types. */
export interface DirectoryWriter {
  /** Inode of a name, or 0; in a directory that ignores case, of any spelling of it. */
  lookup(directory: number, name: string): number;
  /** Fill a new directory's first block (or inline area) with `.` and `..`; sets i_size and i_blocks' consequences. */
  initialise(directory: number, parent: number): void;
  /** Add a name that is not there. `type` is a file type of struct ext4_dir_entry_2. Throws ENOSPC, ENAMETOOLONG. */
  insert(directory: number, name: string, inode: number, type: number): void;
  /** Remove a name. Throws ENOENT. */
  remove(directory: number, name: string): void;
  /** Make a name that is there point to another inode, in one place on disk. Throws ENOENT. */
  replace(directory: number, name: string, inode: number, type: number): void;
  /** Make `..` point elsewhere. */
  setParent(directory: number, parent: number): void;
  /** Inode of `..`. */
  parentOf(directory: number): number;
  isEmpty(directory: number): boolean;
}

/** Extended attributes: in the inode, in a (shared) block, in inodes of their own; and inline data, which is one. */
export interface AttributeWriter {
  /** `name` is the full name. Throws ENOSPC, ERANGE, EEXIST or ENODATA by `mode`, ENOTSUP for a namespace it has not. */
  set(inode: number, name: string, value: Uint8Array, mode: 'any' | 'create' | 'replace'): void;
  remove(inode: number, name: string): void;
  /** Give back what the attributes of an inode hold outside of it: called when the inode is freed. */
  release(inode: number): void;
  /** What of `i_blocks` is not content: the block of attributes and values in inodes of their own. In 512 bytes. */
  sectors(inode: number): number;
  /** Default ACL of a directory for what is made in it; returns the mode to use. Applies access and default ACLs. */
  inherit(directory: number, inode: number, mode: number): number;
  /** A change of mode's group bits goes into the mask of an access ACL. */
  modeChanged(inode: number, mode: number): void;
  /** Content that lies in the inode (inline_data): undefined where the inode has none. */
  inlineData(inode: number): Uint8Array | undefined;
  /** Keep content in the inode; false where it does not fit. */
  setInlineData(inode: number, content: Uint8Array): boolean;
  /** Take content out of the inode: clears the flag and the attribute; the caller has put it into blocks. */
  clearInlineData(inode: number): void;
}
