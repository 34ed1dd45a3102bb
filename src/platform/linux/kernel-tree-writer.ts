import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { eachInTurn, GuestfsError } from '../../errors/index.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import { checkName, fail } from '../../vfs/path-checks.ts';
import type { AttributeChanges, NewFile, Replacement, TreeWriter, XattrMode } from '../../vfs/tree-writer.ts';
import type { FileRef } from '../../vfs/tree.ts';
import { fsPath } from './host-bytes.ts';
import { fromNode, kernelError } from './kernel-error.ts';
import { FileReplacement, writeAll } from './kernel-replacement.ts';
import { join, kernelNode, parentOf, ref, type KernelTree } from './kernel-tree.ts';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const WRITE = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const ZEROES = new Uint8Array(1024 * 1024);

/** What the writer asks of the mounts. */
export interface WritableMounts {
  /** Throws EROFS where no filesystem of the guest is mounted over a path. */
  wantMounted(path: string): void;
  /** Whether the filesystem that a path is on is mounted read-only. */
  isReadonly(path: string): boolean;
  /** Roots of all mounted filesystems, on the host. */
  hostMountpoints(): string[];
}

/** Changes the kernel's files below a folder. */
export class KernelTreeWriter implements TreeWriter {
  readonly #tree: KernelTree;
  readonly #mounts: WritableMounts;
  #writing: { path: string; fd: number; appends: boolean } | undefined;

  constructor(tree: KernelTree, mounts: WritableMounts) {
    this.#tree = tree;
    this.#mounts = mounts;
  }

  /** Close what is kept open. */
  release(): void {
    if (this.#writing !== undefined) closeSync(this.#writing.fd);
    this.#writing = undefined;
  }

  create(directory: FileRef, name: string, file: NewFile): FileRef {
    const path = this.#name(directory, name);
    this.#mounts.wantMounted(kernelNode(directory).path);
    const permissions = file.mode & 0o7777;
    this.#at(path, (host) => {
      switch (file.mode & S_IFMT) {
        case S_IFREG:
          closeSync(openSync(host, NEW_FILE, permissions));
          break;
        case S_IFDIR:
          mkdirSync(host, permissions);
          // mkdir(2) does not set these, and a directory keeps the setgid bit that it inherited.
          if (permissions & 0o6000) chmodSync(host, permissions);
          break;
        case S_IFLNK:
          symlinkSync(fsPath(file.target ?? ''), host);
          break;
        default:
          this.#tree.calls.mknod(this.#tree.host(path), file.mode, file.rdev ?? 0);
      }
      if (file.uid !== 0 || file.gid !== 0) own(host, file.uid, file.gid);
    });
    return ref({ path });
  }

  link(directory: FileRef, name: string, file: FileRef): void {
    const path = this.#name(directory, name);
    const from = kernelNode(file).path;
    if ((Number(this.#tree.stats(from).mode) & S_IFMT) === S_IFDIR) {
      throw fail('EPERM', path, `${from} is a directory, which can have only one name`);
    }
    this.#at(path, (host) => linkSync(fsPath(this.#tree.host(from)), host));
  }

  unlink(directory: FileRef, name: string): void {
    const path = this.#name(directory, name);
    if ((Number(this.#tree.stats(path).mode) & S_IFMT) === S_IFDIR)
      throw fail('EISDIR', path, 'it is a directory');
    this.#gone(path);
    this.#at(path, (host) => unlinkSync(host));
  }

  rmdir(directory: FileRef, name: string): void {
    const path = this.#name(directory, name);
    this.#gone(path);
    this.#at(path, (host) => rmdirSync(host));
  }

  rename(fromDirectory: FileRef, fromName: string, toDirectory: FileRef, toName: string): void {
    const from = this.#name(fromDirectory, fromName);
    const to = this.#name(toDirectory, toName);
    this.#gone(from);
    this.#gone(to);
    try {
      renameSync(fsPath(this.#tree.host(from)), fsPath(this.#tree.host(to)));
    } catch (error) {
      throw fromNode(error, (error as NodeJS.ErrnoException).code === 'ENOENT' ? from : to);
    }
  }

  write(file: FileRef, offset: number, from: Uint8Array): void {
    const { path } = kernelNode(file);
    if (offset < 0) throw fail('EINVAL', path, `the offset ${offset} is negative`);
    const fd = this.#descriptor(path, offset);
    try {
      writeAll(fd, from, offset);
    } catch (error) {
      throw fromNode(error, path);
    }
  }

  truncate(file: FileRef, size: number): void {
    const { path } = kernelNode(file);
    this.#wantRegular(path);
    if (size < 0) throw fail('EINVAL', path, `the size ${size} is negative`);
    this.#at(path, (host) => truncateSync(host, size));
  }

  allocate(file: FileRef, offset: number, length: number): void {
    const { path } = kernelNode(file);
    this.#wantRegular(path);
    if (offset < 0 || length <= 0) throw fail('EINVAL', path, `cannot allocate ${length} bytes at ${offset}`);
    const { size } = this.#tree.stats(path);
    try {
      this.#tree.call(file, (host) => this.#tree.calls.allocate(host, offset, length));
    } catch (error) {
      // The kernel keeps what it found room for, which may be all there was.
      this.#at(path, (host) => truncateSync(host, Number(size)));
      throw error;
    }
  }

  punch(file: FileRef, offset: number, length: number): void {
    const { path } = kernelNode(file);
    this.#wantRegular(path);
    if (offset < 0 || length < 0) throw fail('EINVAL', path, `cannot zero ${length} bytes at ${offset}`);
    const end = Math.min(offset + length, Number(this.#tree.stats(path).size));
    if (end <= offset) return;
    try {
      this.#tree.call(file, (host) => this.#tree.calls.punch(host, offset, end - offset));
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'ENOTSUP') throw error;
      for (let at = offset; at < end; at += ZEROES.length) {
        this.write(file, at, ZEROES.subarray(0, Math.min(ZEROES.length, end - at)));
      }
    }
  }

  replace(file: FileRef, _size?: number): Replacement {
    const { path } = kernelNode(file);
    this.#wantRegular(path);
    this.#gone(path);
    return new FileReplacement(this.#tree, path);
  }

  setAttributes(file: FileRef, { uid, gid, mode, atime, mtime }: AttributeChanges): void {
    const { path } = kernelNode(file);
    const stats = this.#tree.stats(path);
    const type = Number(stats.mode) & S_IFMT;
    // Owners first: the kernel takes setuid and setgid away when they change.
    if (uid !== undefined || gid !== undefined) {
      this.#at(path, (host) => lchownSync(host, uid ?? Number(stats.uid), gid ?? Number(stats.gid)));
    }
    // Linux keeps no permissions of links.
    if (mode !== undefined && type !== S_IFLNK) this.#at(path, (host) => chmodSync(host, mode & 0o7777));
    if (atime !== undefined || mtime !== undefined) {
      this.#tree.call(file, (host) => this.#tree.calls.setTimes(host, { atime, mtime }));
    }
  }

  setXattr(file: FileRef, name: string, value: Uint8Array, mode: XattrMode = 'any'): void {
    this.#tree.call(file, (host) => this.#tree.calls.setXattr(host, name, value, mode));
  }

  removeXattr(file: FileRef, name: string): void {
    this.#tree.call(file, (host) => this.#tree.calls.removeXattr(host, name));
  }

  setFlags(file: FileRef, flags: number): void {
    this.#tree.call(file, (host) => this.#tree.calls.setFlags(host, flags));
  }

  setGeneration(file: FileRef, generation: number): void {
    this.#tree.call(file, (host) => this.#tree.calls.setGeneration(host, generation));
  }

  trim(file: FileRef, start: number, length: number, minimum: number): number {
    // The kernel discards below a filesystem that is mounted read-only too.
    const { path } = kernelNode(file);
    if (this.#mounts.isReadonly(path)) throw kernelError('EROFS', path);
    return this.#tree.call(file, (host) => this.#tree.calls.trim(host, start, length, minimum));
  }

  /** A file of zeroes as large as there is space, which is removed again. */
  zeroFreeSpace(file: FileRef, progress: (done: number, total: number) => void): void {
    const { path } = kernelNode(file);
    const directory = (Number(this.#tree.stats(path).mode) & S_IFMT) === S_IFDIR ? path : parentOf(path);
    const { bfree, frsize } = this.#tree.statvfs(file);
    const total = bfree * frsize;
    const name = join(directory, `.guestfs-zero-${process.pid}`);
    this.#at(name, (host) => {
      const fd = openSync(host, NEW_FILE, 0o600);
      try {
        let done = 0;
        for (;;) {
          let count: number;
          try {
            count = writeSync(fd, ZEROES);
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code === 'ENOSPC') break;
            throw error;
          }
          done += count;
          progress(Math.min(done, total), total);
        }
        fsyncSync(fd);
        progress(total, total);
      } finally {
        closeSync(fd);
        unlinkSync(host);
      }
    });
  }

  /** The kernel has no such thing: one after the other. */
  together<T>(_directory: FileRef, action: () => T): T {
    return action();
  }

  sync(): void {
    // One filesystem that fails must not keep the others' changes from their devices.
    eachInTurn(this.#mounts.hostMountpoints(), (mountpoint) => {
      try {
        this.#tree.calls.sync(mountpoint);
      } catch (error) {
        throw fromNode(error, mountpoint.slice(this.#tree.root.length) || '/');
      }
    });
  }

  #name(directory: FileRef, name: string): string {
    const path = join(kernelNode(directory).path, name);
    checkName(name, path);
    if (name === '.' || name === '..') {
      throw fail('EINVAL', path, '. and .. cannot be made, renamed or removed');
    }
    return path;
  }

  #gone(path: string): void {
    this.#tree.forget(path);
    const writing = this.#writing?.path;
    if (writing === path || writing?.startsWith(`${path}/`)) this.release();
  }

  #wantRegular(path: string): void {
    const type = Number(this.#tree.stats(path).mode) & S_IFMT;
    if (type === S_IFDIR) throw fail('EISDIR', path, 'Is a directory');
    if (type !== S_IFREG) throw fail('EINVAL', path, 'it is not a regular file and has no content here');
  }

  #descriptor(path: string, offset: number): number {
    const kept = this.#writing;
    if (kept?.path === path && !kept.appends) return kept.fd;
    this.release();
    this.#wantRegular(path);
    const host = fsPath(this.#tree.host(path));
    try {
      this.#writing = { path, fd: openSync(host, WRITE), appends: false };
    } catch (error) {
      // A file that only grows (chattr +a) is opened for that alone.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EPERM' || offset !== Number(this.#tree.stats(path).size)) throw fromNode(error, path);
      try {
        this.#writing = { path, fd: openSync(host, WRITE | constants.O_APPEND), appends: true };
      } catch (second) {
        throw fromNode(second, path);
      }
    }
    return this.#writing.fd;
  }

  #at(path: string, act: (host: string | Buffer) => void): void {
    try {
      act(fsPath(this.#tree.host(path)));
    } catch (error) {
      throw fromNode(error, path);
    }
  }
}

/** Give a new file its owner, which filesystems without owners refuse to everyone. */
function own(host: string | Buffer, uid: number, gid: number): void {
  try {
    lchownSync(host, uid, gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}
