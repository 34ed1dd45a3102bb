import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
  type BigIntStats,
} from 'node:fs';
import type { Replacement } from '../../vfs/tree-writer.ts';
import { randomBytes } from '../../crypto/random.ts';
import { fsPath } from './host-bytes.ts';
import { CallError } from './kernel-calls.ts';
import { fromNode } from './kernel-error.ts';
import { join, parentOf, type KernelTree } from './kernel-tree.ts';

const NEW_FILE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const WRITE = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const PIECE = 1024 * 1024;
/** Flags that users set: s, u, c, S, d, A, j, t, C, x, P (include/uapi/linux/fs.h). */
const KEPT_FLAGS = 0x2280c0cf;

/** Write all of `from` at an offset. Throws what node:fs throws. */
export function writeAll(fd: number, from: Uint8Array, offset: number): void {
  for (let done = 0; done < from.length;) {
    done += writeSync(fd, from, done, from.length - done, offset + done);
  }
}

/**
 * New content of a file. An empty file is written to as it is; another gets its new content in a file beside it, which
 * then takes its place by rename(2), or, where the file has other names that must stay the same file, is copied over.
 */
export class FileReplacement implements Replacement {
  readonly #tree: KernelTree;
  readonly #path: string;
  readonly #beside: string | undefined;
  readonly #old: BigIntStats;
  readonly #fd: number;
  #size = 0;
  #open = true;

  constructor(tree: KernelTree, path: string) {
    this.#tree = tree;
    this.#path = path;
    this.#old = tree.stats(path);
    this.#beside =
      this.#old.size === 0n
        ? undefined
        : join(parentOf(path), `.guestfs-${Buffer.from(randomBytes(9)).toString('hex')}`);
    try {
      // A file that must not be written is refused before anything is done.
      const target = openSync(this.#host(path), WRITE);
      if (this.#beside === undefined) this.#fd = target;
      else {
        closeSync(target);
        this.#fd = openSync(this.#host(this.#beside), NEW_FILE, 0o600);
      }
    } catch (error) {
      throw fromNode(error, path);
    }
  }

  write(from: Uint8Array): void {
    try {
      writeAll(this.#fd, from, this.#size);
    } catch (error) {
      throw fromNode(error, this.#path);
    }
    this.#size += from.length;
  }

  writeZeroes(length: number): void {
    this.#size += length;
  }

  finish(): void {
    try {
      // Zeroes at the end were only counted.
      ftruncateSync(this.#fd, this.#size);
      if (this.#beside === undefined) {
        this.#close();
        return;
      }
      if (this.#old.nlink > 1n || this.#hasFlags()) this.#copyOver();
      else this.#takePlace(this.#beside);
    } catch (error) {
      this.abandon();
      throw fromNode(error, this.#path);
    }
  }

  abandon(): void {
    if (!this.#open) return;
    try {
      if (this.#beside === undefined) ftruncateSync(this.#fd, 0);
      else unlinkSync(this.#host(this.#beside));
    } catch {
      // The error that led here says more.
    }
    this.#close();
  }

  #host(path: string): string | Buffer {
    return fsPath(this.#tree.host(path));
  }

  #close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }

  #takePlace(beside: string): void {
    const { calls } = this.#tree;
    const from = this.#tree.host(this.#path);
    const to = this.#tree.host(beside);
    attempt(() => fchownSync(this.#fd, Number(this.#old.uid), Number(this.#old.gid)));
    attempt(() => fchmodSync(this.#fd, Number(this.#old.mode) & 0o7777));
    attempt(() => {
      const kept = calls.xattrs(from);
      // A new file has what its directory's default ACL gives it.
      for (const { name } of calls.xattrs(to)) {
        if (!kept.some((xattr) => xattr.name === name)) attempt(() => calls.removeXattr(to, name));
      }
      for (const { name, value } of kept) calls.setXattr(to, name, value, 'any');
    });
    renameSync(this.#host(beside), this.#host(this.#path));
    this.#close();
  }

  /** Whether the file has flags of chattr(1), which belong to this file. */
  #hasFlags(): boolean {
    try {
      return (this.#tree.calls.flags(this.#tree.host(this.#path)) & KEPT_FLAGS) !== 0;
    } catch {
      return false;
    }
  }

  #copyOver(): void {
    const target = openSync(this.#host(this.#path), WRITE | constants.O_TRUNC);
    try {
      const buffer = new Uint8Array(PIECE);
      for (let at = 0; ;) {
        const count = readSync(this.#fd, buffer, 0, buffer.length, at);
        if (count === 0) break;
        writeAll(target, buffer.subarray(0, count), at);
        at += count;
      }
    } finally {
      closeSync(target);
    }
    this.abandon();
  }
}

/** Do what a filesystem without owners or attributes does not have. */
function attempt(change: () => void): void {
  try {
    change();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException | CallError;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
  }
}
