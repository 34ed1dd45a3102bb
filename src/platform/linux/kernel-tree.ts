import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type BigIntStats,
} from 'node:fs';
import type { Extent } from '../../block/device.ts';
import { fileExtents } from '../../block/file-extents.ts';
import { decodeText } from '../../bytes/text.ts';
import type { DirEntry, FileType, StatFs, Xattr } from '../../filesystems/filesystem.ts';
import { fileTypeOf, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import { checkLength, checkName, checkPath, fail, PATH_MAX } from '../../vfs/path-checks.ts';
import type { FileRef, FileTree, TreeStat } from '../../vfs/tree.ts';
import { fsPath } from './host-bytes.ts';
import type { KernelCalls } from './kernel-calls.ts';
import { fromNode } from './kernel-error.ts';

/** A file of a {@link KernelTree}: its path, in which no component is a link. */
export interface KernelNode {
  /** Absolute guest path. */
  readonly path: string;
}

/** The node that a reference stands for. */
export function kernelNode(ref: FileRef): KernelNode {
  return ref as unknown as KernelNode;
}

/** Links that one path walk may follow, as on Linux. */
const MAX_LINKS = 40;
/** Descriptors that are kept open for reading. */
const KEPT = 4;
const ESCAPED = /[\uD800-\uDFFF]/;

/**
 * The kernel's files below a folder as a tree of their own. A link is read, not followed by the kernel, so that none
 * leads out of the folder, absolute ones and those of a mounted /proc among them.
 *
 * Whoever runs programs in the guest can exchange a directory for a link between two calls; inside the appliance these
 * are as mighty as the daemon, and what they reach is the appliance.
 */
export class KernelTree implements FileTree {
  /** The folder, without a slash at its end: empty for the root of the machine. */
  readonly root: string;
  readonly calls: KernelCalls;
  readonly #open = new Map<KernelNode, number>();

  constructor(root: string, calls: KernelCalls) {
    this.root = root === '/' ? '' : realRoot(root);
    this.calls = calls;
  }

  /** Where the kernel has a guest path without links. */
  host(path: string): string {
    if (path === '/') return this.root === '' ? '/' : this.root;
    return this.root + path;
  }

  /** Close what is kept open: descriptors keep a filesystem from being unmounted. */
  release(): void {
    if (this.#open.size === 0) return;
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  resolve(path: string, options?: { followLast?: boolean }): FileRef {
    checkPath(path);
    return ref({
      path: this.#plain(path, options?.followLast ?? true) ?? this.#walk(path, options?.followLast ?? true),
    });
  }

  realpath(path: string): string {
    return kernelNode(this.resolve(path)).path;
  }

  pathOf(file: FileRef): string {
    return kernelNode(file).path;
  }

  *readdir(directory: FileRef): Iterable<DirEntry> {
    const { path } = kernelNode(directory);
    let entries;
    try {
      entries = readdirSync(fsPath(this.host(path)), { encoding: 'buffer', withFileTypes: true });
    } catch (error) {
      throw fromNode(error, path);
    }
    for (const entry of entries) {
      yield new Entry(this, path, decodeText(entry.name as unknown as Uint8Array), typeOf(entry));
    }
  }

  child(directory: FileRef, entry: DirEntry): FileRef {
    return ref({ path: join(kernelNode(directory).path, entry.name) });
  }

  lookup(directory: FileRef, name: string): FileRef | undefined {
    const { path } = kernelNode(directory);
    if (name !== '.' && name !== '..') checkName(name, join(path, name));
    if ((Number(this.stats(path).mode) & S_IFMT) !== S_IFDIR)
      throw fail('ENOTDIR', path, 'it is not a directory');
    if (name === '.') return directory;
    // The root is its own parent, which those that climb know it by.
    if (name === '..') return path === '/' ? directory : ref({ path: parentOf(path) });
    const child = join(path, name);
    return this.#exists(child) ? ref({ path: child }) : undefined;
  }

  stat(file: FileRef): TreeStat {
    const s = this.stats(kernelNode(file).path);
    const stat: TreeStat = {
      inode: Number(s.ino),
      mode: Number(s.mode),
      nlink: Number(s.nlink),
      uid: Number(s.uid),
      gid: Number(s.gid),
      rdev: Number(s.rdev),
      size: Number(s.size),
      blockSize: Number(s.blksize),
      blocks: Number(s.blocks),
      atime: seconds(s.atimeNs),
      atimeNsec: nanoseconds(s.atimeNs),
      mtime: seconds(s.mtimeNs),
      mtimeNsec: nanoseconds(s.mtimeNs),
      ctime: seconds(s.ctimeNs),
      ctimeNsec: nanoseconds(s.ctimeNs),
      dev: Number(s.dev),
    };
    if (s.birthtimeNs > 0n) {
      stat.btime = seconds(s.birthtimeNs);
      stat.btimeNsec = nanoseconds(s.birthtimeNs);
    }
    return stat;
  }

  /** lstat(2) of a guest path without links. */
  stats(path: string): BigIntStats {
    try {
      return lstatSync(fsPath(this.host(path)), { bigint: true });
    } catch (error) {
      throw fromNode(error, path);
    }
  }

  read(file: FileRef, offset: number, into: Uint8Array): number {
    const node = kernelNode(file);
    const fd = this.#descriptor(node);
    if (into.length === 0) return 0;
    try {
      return readSync(fd, into, 0, into.length, offset);
    } catch (error) {
      throw fromNode(error, node.path);
    }
  }

  readlink(link: FileRef): string {
    const { path } = kernelNode(link);
    try {
      return decodeText(readlinkSync(fsPath(this.host(path)), { encoding: 'buffer' }));
    } catch (error) {
      throw fromNode(error, path);
    }
  }

  xattrs(file: FileRef): Xattr[] {
    return this.call(file, (path) => this.calls.xattrs(path));
  }

  statvfs(file: FileRef): StatFs {
    return this.call(file, (path) => this.calls.statvfs(path));
  }

  *extents(file: FileRef, offset: number, length: number): Iterable<Extent> {
    const node = kernelNode(file);
    const fd = this.#descriptor(node);
    const end = Math.min(offset + length, Number(this.stats(node.path).size));
    if (offset < end) yield* fileExtents(fd, offset, end - offset);
  }

  flags(file: FileRef): number {
    return this.call(file, (path) => this.calls.flags(path));
  }

  generation(file: FileRef): number {
    return this.call(file, (path) => this.calls.generation(path));
  }

  /** Ask the kernel about the host's path of a file. */
  call<T>(file: FileRef, ask: (path: string) => T): T {
    const { path } = kernelNode(file);
    try {
      return ask(this.host(path));
    } catch (error) {
      throw fromNode(error, path);
    }
  }

  /** The file of a path was exchanged or goes away: what is open of it is another file. */
  forget(path: string): void {
    for (const [node, fd] of this.#open) {
      if (node.path !== path && !node.path.startsWith(`${path}/`)) continue;
      closeSync(fd);
      this.#open.delete(node);
    }
  }

  #exists(path: string): boolean {
    try {
      return lstatSync(fsPath(this.host(path)), { throwIfNoEntry: false }) !== undefined;
    } catch (error) {
      throw fromNode(error, path);
    }
  }

  #descriptor(node: KernelNode): number {
    const kept = this.#open.get(node);
    if (kept !== undefined) return kept;
    const { path } = node;
    const type = Number(this.stats(path).mode) & S_IFMT;
    if (type === S_IFDIR) throw fail('EISDIR', path, 'Is a directory');
    if (type !== S_IFREG) throw fail('EINVAL', path, 'it is not a regular file and has no content here');
    let fd: number;
    try {
      // Whatever comes into its place meanwhile: never wait for a pipe.
      fd = openSync(
        fsPath(this.host(path)),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
    } catch (error) {
      throw fromNode(error, path);
    }
    for (const [oldest, descriptor] of this.#open) {
      if (this.#open.size < KEPT) break;
      closeSync(descriptor);
      this.#open.delete(oldest);
    }
    this.#open.set(node, fd);
    return fd;
  }

  /** The path itself where one question tells that no link is in it, which is what most paths are like. */
  #plain(path: string, followLast: boolean): string | undefined {
    if (path === '/') return '/';
    if (/\/(\.{0,2}(\/|$))/.test(path) || ESCAPED.test(path)) return undefined;
    const followed = followLast ? path : parentOf(path);
    try {
      const host = this.host(followed);
      if (realpathSync.native(host) !== host) return undefined;
      if (!followLast) lstatSync(this.host(path));
      return path;
    } catch {
      // Walking tells which component it was.
      return undefined;
    }
  }

  /** path_resolution(7), iterative: what is still to walk is a string, a followed link goes in front of it. */
  #walk(path: string, followLast: boolean): string {
    let at = '/';
    let directory = true;
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
      if (!directory) throw fail('ENOTDIR', path, `${at} is not a directory`);
      if (name === '.') continue;
      if (name === '..') {
        at = parentOf(at);
        continue;
      }
      checkName(name, path);
      const child = join(at, name);
      const type = this.#typeAt(child, path);
      if (type === S_IFLNK && (followLast || end < todo.length)) {
        if (++links > MAX_LINKS)
          throw fail('ELOOP', path, `more than ${MAX_LINKS} symbolic links on the way`);
        const target = this.readlink(ref({ path: child }));
        if (target === '') throw fail('ENOENT', path, `the symbolic link ${child} is empty`);
        checkLength(target, PATH_MAX, path, 'the target of a symbolic link on the way');
        todo = target + todo.slice(position);
        position = 0;
        if (target.charCodeAt(0) === 0x2f) at = '/';
        continue;
      }
      directory = type === S_IFDIR;
      at = child;
    }
    if (todo.endsWith('/') && !directory) throw fail('ENOTDIR', path, `${at} is not a directory`);
    return at;
  }

  #typeAt(child: string, path: string): number {
    let stats;
    try {
      stats = lstatSync(fsPath(this.host(child)), { throwIfNoEntry: false });
    } catch (error) {
      throw fromNode(error, path);
    }
    if (stats === undefined) throw fail('ENOENT', path, 'No such file or directory');
    return stats.mode & S_IFMT;
  }
}

/** An entry whose inode number is asked for when somebody wants it: readdir of Node does not tell it. */
class Entry implements DirEntry {
  readonly name: string;
  readonly type: FileType;
  readonly #tree: KernelTree;
  readonly #directory: string;

  constructor(tree: KernelTree, directory: string, name: string, type: FileType) {
    this.#tree = tree;
    this.#directory = directory;
    this.name = name;
    this.type = type;
  }

  get inode(): number {
    return Number(this.#tree.stats(join(this.#directory, this.name)).ino);
  }
}

interface Typed {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
}

function typeOf(entry: Typed): FileType {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  if (entry.isCharacterDevice()) return 'chardev';
  if (entry.isBlockDevice()) return 'blockdev';
  if (entry.isFIFO()) return 'fifo';
  return entry.isSocket() ? 'socket' : fileTypeOf(0);
}

/** A path of a directory and a name in it. */
export function join(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** The directory of a path without links; that of `/` is itself. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The reference to a path without links. */
export function ref(node: KernelNode): FileRef {
  return node as unknown as FileRef;
}

function seconds(time: bigint): number {
  const whole = time / 1_000_000_000n;
  return Number(time % 1_000_000_000n < 0n ? whole - 1n : whole);
}

function nanoseconds(time: bigint): number {
  const rest = time % 1_000_000_000n;
  return Number(rest < 0n ? rest + 1_000_000_000n : rest);
}

/** The folder that the guest is below, without links. Throws what the kernel says where it is not there. */
function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch (error) {
    throw fromNode(error, root);
  }
}
