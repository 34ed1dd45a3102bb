/** A point in time: seconds since 1970 (may be negative) and nanoseconds 0..999999999. */
export interface Timestamp {
  seconds: number;
  nanoseconds: number;
}

/** What a new file is. */
export interface NewFile {
  /** Type and permission bits as in st_mode; the umask has been taken out already. */
  mode: number;
  uid: number;
  gid: number;
  /** Device number of a character or block device, in Linux's userspace encoding of `makedev`. */
  rdev?: number;
  /** Target of a symbolic link, in guest text (`bytes/text.ts`). */
  target?: string;
}

/** What changes of an inode; what is absent stays. ctime becomes the time of the change where it is not given. */
export interface AttributeChanges {
  /** Permission bits (07777); the type stays. */
  mode?: number;
  uid?: number;
  gid?: number;
  atime?: Timestamp;
  mtime?: Timestamp;
  ctime?: Timestamp;
}

/** How an extended attribute is set: in any case, only if it is new (EEXIST), only if it is there (ENODATA). */
export type XattrMode = 'any' | 'create' | 'replace';

/**
 * New content of a file on its way: the file has its old content until `finish`, the new one after it, and after a
 * crash one or the other. Neither call may be followed by another.
 */
export interface Replacement {
  /** Append bytes. Throws ENOSPC, EFBIG; then only `abandon` may follow. */
  write(from: Uint8Array): void;
  /** Append zeroes, as a hole where the filesystem has holes. */
  writeZeroes(length: number): void;
  /** Put the new content in place of the old. mtime and ctime become now. */
  finish(): void;
  /** Give the new content up; the file stays as it was. Never throws. */
  abandon(): void;
}

/**
 * Writes a filesystem, inode by inode; the counterpart of FileSystem, which sees every change at once. Synchronous.
 *
 * Names and types were checked by the caller against the filesystem as it is: `directory` is a directory, a name is
 * neither empty nor `.` or `..` and holds no `/` or NUL. What only the filesystem knows it checks itself: EEXIST,
 * ENOENT, ENOTEMPTY, ENOSPC, EDQUOT, EMLINK, EFBIG, ENAMETOOLONG, EINVAL or EILSEQ for a name that it cannot hold,
 * ENOTSUP for what it has not got (FAT has no owners), EPERM where a file is immutable or append-only.
 *
 * A call that throws has changed nothing that a checker would find, and the writer goes on working; after an I/O
 * error of the device every later call throws EROFS, as Linux's `errors=remount-ro`. Every call sets the times that
 * the Linux call would set.
 */
export interface FileSystemWriter {
  /**
   * Make a file, directory, link or node of a name that is not there. Returns its inode. A directory inherits the
   * setgid bit, and a new file the group of a directory that has it; default ACLs are inherited.
   */
  create(directory: number, name: string, file: NewFile): number;
  /** One more name for what is no directory. Throws EMLINK, EPERM where there are no hard links. */
  link(directory: number, name: string, inode: number): void;
  /** Remove a name of what is no directory; with the last one goes the file. */
  unlink(directory: number, name: string): void;
  /** Remove an empty directory. Throws ENOTEMPTY. */
  rmdir(directory: number, name: string): void;
  /**
   * Move a name. Another file or an empty directory of the new name is replaced in the same step. The caller has
   * checked that types agree and that a directory is not moved into itself.
   */
  rename(fromDirectory: number, fromName: string, toDirectory: number, toName: string): void;
  /** Write into a regular file, which grows if need be; a gap before `offset` reads as zeroes. */
  write(inode: number, offset: number, from: Uint8Array): void;
  /** Set the size of a regular file; what is new reads as zeroes. */
  truncate(inode: number, size: number): void;
  /**
   * Reserve space for a range of a regular file, whose unwritten parts read as zeroes; the file grows unless
   * `keepSize`. Throws ENOTSUP where space cannot be reserved.
   */
  allocate?(inode: number, offset: number, length: number, keepSize?: boolean): void;
  /** Make a range of a regular file read as zeroes and give its blocks back. The size stays. */
  punch?(inode: number, offset: number, length: number): void;
  /** Begin to replace the content of a regular file; `size` is a hint in bytes of how much will come. */
  replace(inode: number, size?: number): Replacement;
  setAttributes(inode: number, changes: AttributeChanges): void;
  /**
   * Set an extended attribute by its full name; ACLs as `system.posix_acl_access` and `_default` in the kernel's
   * binary form. Throws ENOTSUP where there are none, ENOSPC, ERANGE for a name or value that is too long.
   */
  setXattr?(inode: number, name: string, value: Uint8Array, mode?: XattrMode): void;
  /** Throws ENODATA where it is not there. */
  removeXattr?(inode: number, name: string): void;
  /** FS_IOC_SETFLAGS: the user-changeable flags; ext2, ext3, ext4 only. */
  setFlags?(inode: number, flags: number): void;
  /** FS_IOC_SETVERSION; ext2, ext3, ext4 only. */
  setGeneration?(inode: number, generation: number): void;
  /** Discard free space of the device between two offsets, as FITRIM; returns the bytes discarded. */
  trim?(start: number, length: number, minimum: number): number;
  /** Write zeroes into all free space, without filling the filesystem up. */
  zeroFreeSpace?(progress: (done: number, total: number) => void): void;
  /**
   * Do several changes as one, all of them or none, which costs less than one after the other. They must be few and
   * small. `action` may be run a second time after it threw, and must have no other effects.
   */
  together?<T>(action: () => T): T;
  /** All changes are durable when it returns: the device is flushed. Cheap where nothing changed. */
  sync(): void;
  /** `sync`, and mark the filesystem as cleanly unmounted. The device stays open; no other call may follow. */
  close(): void;
}
