import type { Extent } from '../block/device.ts';
import type { DirEntry, FileSystem, Stat, StatFs, Xattr } from '../filesystems/filesystem.ts';
import { DentryCache, Node, nodeOf, pathOf, type Mount } from './dentry.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../filesystems/mode.ts';
import { MountpointDirectories } from './mountpoints.ts';
import { atNode, checkLength, checkName, checkPath, fail, PATH_MAX, withPath } from './path-checks.ts';
import type { FileRef, FileTree, TreeStat } from './tree.ts';
import { MountedTreeWriter } from './tree-writing.ts';

/** What a mount is known by besides its filesystem. */
export interface MountInfo {
  /** Mountable as it was given. */
  mountable: string;
  readonly: boolean;
  /** Mount options as given, split at commas. */
  options: readonly string[];
  /**
   * Device number for st_dev, in the encoding of `makeDevice`; two mounts of one device should have the same. An
   * unused anonymous one (major 0) is taken if absent.
   */
  dev?: number;
}

/** One filesystem of the mount table. */
export interface MountedFileSystem {
  readonly fs: FileSystem;
  /** Canonical absolute guest path. */
  readonly mountpoint: string;
  readonly info: MountInfo;
}

interface MountRecord extends Mount, MountedFileSystem {
  readonly info: MountInfo;
  readonly under: MountRecord | null;
  /** Inode of `under` that it covers. */
  readonly onto: number;
}

/** Links that one path walk may follow, as on Linux. */
const MAX_LINKS = 40;
/** statvfs(3): read-only, and what mount options set; Linux mounts relatime unless told otherwise. */
const ST_RDONLY = 1;
const ST_RELATIME = 4096;
const OPTION_FLAGS: Record<string, number> = {
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  mand: 64,
  noatime: 1024,
  nodiratime: 2048,
};

/**
 * The guest's tree over a table of mounted filesystems. With nothing on `/` the root is an empty directory of
 * memory in which {@link makeMountpoint} makes directories to mount on. It owns no filesystem: `unmount` hands
 * back what was mounted and the caller closes it.
 */
export class MountedTree implements FileTree {
  readonly #base = new MountpointDirectories();
  readonly #bottom: MountRecord;
  readonly #dentries = new DentryCache();
  readonly writer = new MountedTreeWriter({
    dentries: this.#dentries,
    isMountpoint: (fs, inode) => this.#isMountpoint(fs, inode),
  });
  #mounts: MountRecord[] = [];
  #nextAnonymous = 64;

  constructor() {
    const info: MountInfo = { mountable: 'rootfs', readonly: false, options: [], dev: 2 };
    this.#bottom = this.#record(this.#base, info, null, 0, new Node(null, this.#base.root, null, ''));
  }

  /** True once anything is mounted anywhere. */
  get mounted(): boolean {
    return this.#mounts.length > 0;
  }

  /**
   * Mount `fs` on the directory `mountpoint`, over whatever is mounted there already. Throws as {@link resolve}, and
   * ENOTDIR where the path is no directory.
   */
  mount(fs: FileSystem, mountpoint: string, info: MountInfo): void {
    const target = this.#walk(mountpoint, true);
    if (!this.#is(target, S_IFDIR)) {
      throw fail('ENOTDIR', mountpoint, 'cannot mount there, it is not a directory');
    }
    const under = target.mount as MountRecord;
    const root = new Node(null, fs.root, target.parent, target.name);
    const mount = this.#record(fs, info, under, target.inode, root);
    under.covered.set(target.inode, mount);
    this.#mounts.push(mount);
  }

  /**
   * Take the topmost filesystem off `mountpoint`. Throws EINVAL where nothing is mounted there, EBUSY where another
   * filesystem is mounted below. References into it must not be used any more.
   */
  unmount(mountpoint: string): MountedFileSystem {
    const mount = this.#mountAt(mountpoint);
    if (mount.covered.size > 0) {
      const [above] = mount.covered.values();
      throw fail(
        'EBUSY',
        mountpoint,
        `cannot unmount, ${(above as MountRecord).mountpoint} is mounted below`,
      );
    }
    mount.under?.covered.delete(mount.onto);
    this.#mounts = this.#mounts.filter((other) => other !== mount);
    this.#dentries.clear();
    if (!this.#mounts.some(({ fs }) => fs === mount.fs)) this.writer.forget(mount.fs);
    return mount;
  }

  /** Change whether the filesystem on `mountpoint` is read-only. Throws EINVAL where nothing is mounted there. */
  remount(mountpoint: string, readonly: boolean): void {
    this.#mountAt(mountpoint).info.readonly = readonly;
  }

  /** The mounts in the order they were made. */
  list(): MountedFileSystem[] {
    return [...this.#mounts];
  }

  /** The mount that a file is on, or undefined for a mount point directory of memory. */
  mountOf(file: FileRef): MountedFileSystem | undefined {
    const mount = nodeOf(file).mount as MountRecord;
    return mount === this.#bottom ? undefined : mount;
  }

  /** The filesystem of a file and its inode there, for what only the filesystem itself can answer. */
  locate(file: FileRef): { fs: FileSystem; inode: number } {
    const node = nodeOf(file);
    return { fs: node.mount.fs, inode: node.inode };
  }

  /**
   * Make an empty directory to mount on: in memory, outside of every filesystem, or where something is mounted, in that
   * filesystem. Throws EEXIST, ENOENT, and EROFS where that filesystem is mounted read-only.
   */
  makeMountpoint(path: string): void {
    const { parent, name } = this.#mountpointParent(path, 'make a mount point');
    if (parent.mount !== this.#bottom) {
      this.writer.create(parent.ref, name, { mode: S_IFDIR | 0o755, uid: 0, gid: 0 });
      return;
    }
    withPath(path, () => this.#base.make(parent.inode, name));
    this.#dentries.clear();
  }

  /** What {@link makeMountpoint} made in memory, parents first. */
  memoryDirectories(): string[] {
    return this.#base.paths();
  }

  /** Remove what {@link makeMountpoint} made. Throws ENOENT, ENOTEMPTY, and EBUSY while something is mounted on it. */
  removeMountpoint(path: string): void {
    const { parent, name } = this.#mountpointParent(path, 'remove the mount point');
    if (parent.mount !== this.#bottom) {
      this.writer.rmdir(parent.ref, name);
      return;
    }
    if (this.#bottom.covered.has(this.#base.lookup(parent.inode, name))) {
      throw fail('EBUSY', path, 'a filesystem is mounted on it');
    }
    withPath(path, () => this.#base.remove(parent.inode, name));
    this.#dentries.clear();
  }

  /** Forget which names are which inodes, after a filesystem was changed behind the tree. */
  forgetNames(): void {
    this.#dentries.clear();
  }

  resolve(path: string, options?: { followLast?: boolean }): FileRef {
    return this.#walk(path, options?.followLast ?? true).ref;
  }

  realpath(path: string): string {
    return pathOf(this.#walk(path, true));
  }

  pathOf(file: FileRef): string {
    return pathOf(nodeOf(file));
  }

  *readdir(directory: FileRef): Iterable<DirEntry> {
    const node = nodeOf(directory);
    if (!this.#is(node, S_IFDIR)) throw fail('ENOTDIR', pathOf(node), 'it is not a directory');
    try {
      yield* node.mount.fs.readdir(node.inode);
    } catch (error) {
      throw atNode(error, node);
    }
  }

  child(directory: FileRef, entry: DirEntry): FileRef {
    const parent = nodeOf(directory);
    return cover(new Node(parent.mount, entry.inode, parent, entry.name)).ref;
  }

  lookup(directory: FileRef, name: string): FileRef | undefined {
    const node = nodeOf(directory);
    if (!this.#is(node, S_IFDIR)) throw fail('ENOTDIR', pathOf(node), 'it is not a directory');
    if (name === '.') return directory;
    if (name === '..') return (node.parent ?? node).ref;
    checkName(name, `${pathOf(node)}/${name}`);
    try {
      const child = this.#dentries.lookup(node, name);
      return child === undefined ? undefined : cover(child).ref;
    } catch (error) {
      throw atNode(error, node);
    }
  }

  stat(file: FileRef): TreeStat {
    const node = nodeOf(file);
    const s = this.#stat(node);
    const stat: TreeStat = {
      inode: s.inode,
      mode: s.mode,
      nlink: s.nlink,
      uid: s.uid,
      gid: s.gid,
      rdev: s.rdev,
      size: s.size,
      blockSize: s.blockSize,
      blocks: s.blocks,
      atime: s.atime,
      atimeNsec: s.atimeNsec,
      mtime: s.mtime,
      mtimeNsec: s.mtimeNsec,
      ctime: s.ctime,
      ctimeNsec: s.ctimeNsec,
      dev: node.mount.dev,
    };
    if (s.btime !== undefined) {
      stat.btime = s.btime;
      stat.btimeNsec = s.btimeNsec ?? 0;
    }
    return stat;
  }

  read(file: FileRef, offset: number, into: Uint8Array): number {
    const node = nodeOf(file);
    this.#wantContent(node);
    try {
      return node.mount.fs.read(node.inode, offset, into);
    } catch (error) {
      throw atNode(error, node);
    }
  }

  readlink(link: FileRef): string {
    const node = nodeOf(link);
    if (!this.#is(node, S_IFLNK)) throw fail('EINVAL', pathOf(node), 'it is not a symbolic link');
    try {
      return node.mount.fs.readlink(node.inode);
    } catch (error) {
      throw atNode(error, node);
    }
  }

  xattrs(file: FileRef): Xattr[] {
    const node = nodeOf(file);
    try {
      return node.mount.fs.xattrs(node.inode);
    } catch (error) {
      throw atNode(error, node);
    }
  }

  statvfs(file: FileRef): StatFs {
    const node = nodeOf(file);
    const mount = node.mount as MountRecord;
    try {
      const answer = mount.fs.statfs();
      return { ...answer, flag: answer.flag | mountFlags(mount.info) };
    } catch (error) {
      throw atNode(error, node);
    }
  }

  *extents(file: FileRef, offset: number, length: number): Iterable<Extent> {
    const node = nodeOf(file);
    this.#wantContent(node);
    const end = Math.min(offset + length, this.#stat(node).size);
    if (offset >= end) return;
    try {
      if (node.mount.fs.extents) yield* node.mount.fs.extents(node.inode, offset, end - offset);
      else yield { offset, length: end - offset, kind: 'data' };
    } catch (error) {
      throw atNode(error, node);
    }
  }

  flags(file: FileRef): number {
    const node = nodeOf(file);
    const { fs } = node.mount;
    if (!fs.flags) throw fail('ENOTSUP', pathOf(node), `a ${fs.type} filesystem has no inode flags`);
    try {
      return fs.flags(node.inode);
    } catch (error) {
      throw atNode(error, node);
    }
  }

  generation(file: FileRef): number {
    const node = nodeOf(file);
    const { fs } = node.mount;
    if (!fs.generation)
      throw fail('ENOTSUP', pathOf(node), `a ${fs.type} filesystem has no inode generations`);
    try {
      return fs.generation(node.inode);
    } catch (error) {
      throw atNode(error, node);
    }
  }

  /** path_resolution(7), iterative: what is still to walk is a string, a followed link goes in front of it. */
  #walk(path: string, followLast: boolean): Node {
    checkPath(path);
    const top = cover(this.#bottom.root);
    let node = top;
    let todo = path;
    let links = 0;
    let position = 0;
    for (;;) {
      while (position < todo.length && todo.charCodeAt(position) === 0x2f) position++;
      if (position === todo.length) break;
      let end = todo.indexOf('/', position);
      if (end < 0) end = todo.length;
      const name = todo.slice(position, end);
      position = end;
      if (!this.#is(node, S_IFDIR)) throw fail('ENOTDIR', path, `${pathOf(node)} is not a directory`);
      if (name === '.') continue;
      if (name === '..') {
        node = node.parent ?? node;
        continue;
      }
      checkName(name, path);
      const child = this.#find(node, name, path);
      const last = end === todo.length;
      if ((followLast || !last) && this.#is(child, S_IFLNK)) {
        if (++links > MAX_LINKS)
          throw fail('ELOOP', path, `more than ${MAX_LINKS} symbolic links on the way`);
        const target = this.readlink(child.ref);
        if (target === '') throw fail('ENOENT', path, `the symbolic link ${pathOf(child)} is empty`);
        checkLength(target, PATH_MAX, path, 'the target of a symbolic link on the way');
        todo = target + todo.slice(position);
        position = 0;
        if (target.charCodeAt(0) === 0x2f) node = top;
        continue;
      }
      node = child;
    }
    if (todo.endsWith('/') && !this.#is(node, S_IFDIR)) {
      throw fail('ENOTDIR', path, `${pathOf(node)} is not a directory`);
    }
    return node;
  }

  #find(directory: Node, name: string, path: string): Node {
    let child: Node | undefined;
    try {
      child = this.#dentries.lookup(directory, name);
    } catch (error) {
      throw atNode(error, directory, path);
    }
    if (child === undefined) throw fail('ENOENT', path, 'No such file or directory');
    return cover(child);
  }

  #stat(node: Node): Stat {
    try {
      const stat = node.mount.fs.stat(node.inode);
      node.mode = stat.mode;
      return stat;
    } catch (error) {
      throw atNode(error, node);
    }
  }

  /** Whether a node is of a type. The inode decides: what a directory entry says of it may be a lie. */
  #is(node: Node, type: number): boolean {
    if (node.mode < 0) this.#stat(node);
    return (node.mode & S_IFMT) === type;
  }

  #wantContent(node: Node): void {
    if (this.#is(node, S_IFREG)) return;
    if (this.#is(node, S_IFDIR)) throw fail('EISDIR', pathOf(node), 'Is a directory');
    throw fail('EINVAL', pathOf(node), 'it is not a regular file and has no content here');
  }

  #isMountpoint(fs: FileSystem, inode: number): boolean {
    return this.#mounts.some(({ under, onto }) => onto === inode && under?.fs === fs);
  }

  #mountAt(mountpoint: string): MountRecord {
    const node = this.#walk(mountpoint, true);
    const mount = node.mount as MountRecord;
    if (mount === this.#bottom || mount.root !== node) {
      throw fail('EINVAL', mountpoint, 'nothing is mounted there');
    }
    return mount;
  }

  #mountpointParent(path: string, what: string): { parent: Node; name: string } {
    checkPath(path);
    const trimmed = path.replace(/\/+$/, '');
    const slash = trimmed.lastIndexOf('/');
    const name = trimmed.slice(slash + 1);
    if (name === '' || name === '.' || name === '..') {
      throw fail(what.startsWith('make') ? 'EEXIST' : 'EBUSY', path, `cannot ${what} of this name`);
    }
    checkName(name, path);
    const parent = this.#walk(slash === 0 ? '/' : trimmed.slice(0, slash), true);
    return { parent, name };
  }

  #record(fs: FileSystem, info: MountInfo, under: MountRecord | null, onto: number, root: Node): MountRecord {
    const dev = info.dev ?? this.#nextAnonymous++;
    const mount: MountRecord = {
      fs,
      dev,
      root,
      covered: new Map(),
      // A directory above may be renamed.
      get mountpoint() {
        return pathOf(root);
      },
      info: { ...info },
      under,
      onto,
    };
    root.mount = mount;
    return mount;
  }
}

/** The root of what is mounted on a node, or the node itself. */
function cover(node: Node): Node {
  let top = node;
  while (top.mount.covered.size > 0) {
    const mount = top.mount.covered.get(top.inode);
    if (mount === undefined) break;
    top = mount.root;
  }
  return top;
}

function mountFlags({ readonly, options }: MountInfo): number {
  let flag = readonly ? ST_RDONLY : 0;
  for (const option of options) flag |= OPTION_FLAGS[option] ?? 0;
  const exact = options.includes('noatime') || options.includes('strictatime');
  return exact ? flag : flag | ST_RELATIME;
}
