import type { AttributeChanges, NewFile, Replacement, XattrMode } from '../filesystems/writer.ts';
import type { FileRef } from './tree.ts';

export type { AttributeChanges, NewFile, Replacement, Timestamp, XattrMode } from '../filesystems/writer.ts';

/**
 * Changes the guest's files: what all writing file actions are written over, beside FileTree. Names are single
 * components, directories are FileRefs; paths are taken apart by `vfs/target.ts`. Modes are final: the umask was taken
 * out by the caller.
 *
 * Every call checks what Linux's VFS checks before it asks a filesystem: EROFS on a read-only mount (the message names
 * the mount, or says why the filesystem refuses), ENOTDIR, EEXIST, ENOENT, EISDIR, ENOTEMPTY, EXDEV across mounts,
 * EBUSY for a mount point, EINVAL for a directory moved into itself, EINVAL for a negative offset.
 */
export interface TreeWriter {
  /** Make what is not there yet and return it. */
  create(directory: FileRef, name: string, file: NewFile): FileRef;
  /** A hard link to `file` (not followed). Throws EPERM for a directory. */
  link(directory: FileRef, name: string, file: FileRef): void;
  /** Remove what is no directory. Throws EISDIR. */
  unlink(directory: FileRef, name: string): void;
  rmdir(directory: FileRef, name: string): void;
  /** rename(2): replaces a file by a file, an empty directory by a directory. */
  rename(fromDirectory: FileRef, fromName: string, toDirectory: FileRef, toName: string): void;
  write(file: FileRef, offset: number, from: Uint8Array): void;
  truncate(file: FileRef, size: number): void;
  /** Reserve space, as fallocate(2). */
  allocate(file: FileRef, offset: number, length: number): void;
  /** Make a range a hole, or zeroes where there are no holes. */
  punch(file: FileRef, offset: number, length: number): void;
  /** Replace the whole content, old or new after a crash; see {@link Replacement}. */
  replace(file: FileRef, size?: number): Replacement;
  setAttributes(file: FileRef, changes: AttributeChanges): void;
  setXattr(file: FileRef, name: string, value: Uint8Array, mode?: XattrMode): void;
  removeXattr(file: FileRef, name: string): void;
  setFlags(file: FileRef, flags: number): void;
  setGeneration(file: FileRef, generation: number): void;
  /** Discard the free space of the filesystem that `file` is on; returns the bytes discarded. */
  trim(file: FileRef, start: number, length: number, minimum: number): number;
  /** Overwrite the free space of the filesystem that `file` is on with zeroes. */
  zeroFreeSpace(file: FileRef, progress: (done: number, total: number) => void): void;
  /**
   * Do a few small changes on the filesystem of `directory`, no name among them that goes, as one where it can do that:
   * all of them or none. `action` may be run a second time after it threw, and must have no other effects.
   */
  together<T>(directory: FileRef, action: () => T): T;
  /** Make everything durable. */
  sync(): void;
}
