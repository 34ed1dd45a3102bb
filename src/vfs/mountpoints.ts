import type { DirEntry, FileSystem, Stat, StatFs, Xattr } from '../filesystems/filesystem.ts';
import { GuestfsError } from '../errors/index.ts';

interface Directory {
  inode: number;
  parent: number;
  names: Map<string, number>;
}

const ROOT = 1;
const MAX_DIRECTORIES = 4096;

/**
 * The empty directories below everything: what the tree shows while no filesystem is on `/`, so that several
 * filesystems can be mounted side by side on directories of their own.
 */
export class MountpointDirectories implements FileSystem {
  readonly type = 'rootfs';
  readonly root = ROOT;
  readonly #directories = new Map<number, Directory>([
    [ROOT, { inode: ROOT, parent: ROOT, names: new Map() }],
  ]);
  #nextInode = ROOT + 1;
  readonly #born = Math.floor(Date.now() / 1000);

  /** Make an empty directory; returns its inode. Throws EEXIST. */
  make(parent: number, name: string): number {
    const directory = this.#directory(parent);
    if (directory.names.has(name))
      throw new GuestfsError('EEXIST', `${name}: the mount point exists already`);
    if (this.#directories.size >= MAX_DIRECTORIES) {
      throw new GuestfsError('ENOSPC', `${name}: there are ${MAX_DIRECTORIES} mount points already`);
    }
    const inode = this.#nextInode++;
    this.#directories.set(inode, { inode, parent, names: new Map() });
    directory.names.set(name, inode);
    return inode;
  }

  /** Remove an empty directory. Throws ENOENT, ENOTEMPTY. */
  remove(parent: number, name: string): void {
    const directory = this.#directory(parent);
    const inode = directory.names.get(name);
    if (inode === undefined) throw new GuestfsError('ENOENT', `${name}: there is no such mount point`);
    if (this.#directory(inode).names.size > 0) {
      throw new GuestfsError('ENOTEMPTY', `${name}: the mount point has directories in it`);
    }
    directory.names.delete(name);
    this.#directories.delete(inode);
  }

  /** All directories but the root, parents first. */
  paths(): string[] {
    const below = ({ names }: Directory, prefix: string): string[] =>
      [...names].flatMap(([name, inode]) => {
        const path = `${prefix}/${name}`;
        return [path, ...below(this.#directory(inode), path)];
      });
    return below(this.#directory(ROOT), '');
  }

  lookup(directory: number, name: string): number {
    return this.#directory(directory).names.get(name) ?? 0;
  }

  *readdir(directory: number): Iterable<DirEntry> {
    for (const [name, inode] of this.#directory(directory).names) yield { name, inode, type: 'directory' };
  }

  stat(inode: number): Stat {
    const directory = this.#directory(inode);
    return {
      inode,
      mode: 0o040755,
      nlink: 2 + directory.names.size,
      uid: 0,
      gid: 0,
      rdev: 0,
      size: 0,
      blockSize: 4096,
      blocks: 0,
      atime: this.#born,
      atimeNsec: 0,
      mtime: this.#born,
      mtimeNsec: 0,
      ctime: this.#born,
      ctimeNsec: 0,
    };
  }

  read(): number {
    throw new GuestfsError('EISDIR', 'a mount point is a directory and has no content');
  }

  readlink(): string {
    throw new GuestfsError('EINVAL', 'a mount point is a directory, not a symbolic link');
  }

  xattrs(): Xattr[] {
    return [];
  }

  statfs(): StatFs {
    return {
      bsize: 4096,
      frsize: 4096,
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      favail: 0,
      fsid: 0,
      flag: 0,
      namemax: 255,
    };
  }

  close(): void {}

  #directory(inode: number): Directory {
    const directory = this.#directories.get(inode);
    if (directory === undefined) throw new GuestfsError('ESTALE', 'the mount point was removed');
    return directory;
  }
}
