import { GuestfsError } from '../../src/errors/index.ts';
import { encodeText } from '../../src/bytes/text.ts';
import type { Extent } from '../../src/block/device.ts';
import type { DirEntry, FileSystem, Stat, StatFs, Xattr } from '../../src/filesystems/filesystem.ts';
import { fileTypeOf, makeDevice } from '../../src/filesystems/mode.ts';
import { MemoryWriter } from './memory-writer.ts';

/** A file of a MemoryFileSystem. */
export interface MemoryInode {
  stat: Stat;
  names?: Map<string, number>;
  content?: Uint8Array;
  target?: string;
  xattrs: Xattr[];
}

/** What a test may say of a file besides its content. */
export type MemoryAttributes = Partial<Omit<Stat, 'inode' | 'size'>> & {
  xattrs?: Record<string, string | Uint8Array>;
};

/** A filesystem of memory to test against: build it with `dir`, `file`, `link`, ... by absolute path. */
export class MemoryFileSystem implements FileSystem {
  readonly type: string = 'memory';
  readonly root = 2;
  readonly caseInsensitive: boolean;
  /** How often `lookup` was called. */
  lookups = 0;
  closed = false;
  /** Bytes that all contents together may have. */
  readonly capacity: number = 2 ** 26;
  /** What writes it; it is there before it was asked for. */
  readonly writer: MemoryWriter;
  readonly #inodes = new Map<number, MemoryInode>();
  #next = 2;

  constructor(options: { caseInsensitive?: boolean; capacity?: number } = {}) {
    this.capacity = options.capacity ?? this.capacity;
    this.caseInsensitive = options.caseInsensitive ?? false;
    this.#make(0o040755, {}).names = new Map();
    this.writer = new MemoryWriter({
      make: (mode) => this.#make(mode, {}),
      inode: (number) => this.#inode(number),
      drop: (number) => void this.#inodes.delete(number),
      capacity: this.capacity,
      used: () => [...this.#inodes.values()].reduce((sum, { content }) => sum + (content?.length ?? 0), 0),
    });
  }

  openWriter(): MemoryWriter {
    return this.writer;
  }

  /** Make a directory and those above it; one that exists is only given the attributes. */
  dir(path: string, attributes: MemoryAttributes = {}): this {
    let at = this.root;
    const names = path.split('/').filter((name) => name !== '');
    for (const [i, name] of names.entries()) {
      const parent = this.#inode(at);
      const known = parent.names?.get(name);
      if (known !== undefined) {
        at = known;
        continue;
      }
      const made = this.#make(0o040000 | 0o755, i === names.length - 1 ? attributes : {}, 0o040000);
      made.names = new Map();
      made.stat.nlink = 2;
      parent.names?.set(name, made.stat.inode);
      parent.stat.nlink++;
      at = made.stat.inode;
    }
    return this;
  }

  file(path: string, content: string | Uint8Array = '', attributes: MemoryAttributes = {}): this {
    const made = this.#make(0o100644, attributes, 0o100000);
    made.content = typeof content === 'string' ? encodeText(content) : content;
    made.stat.size = made.content.length;
    made.stat.blocks = attributes.blocks ?? Math.ceil(made.content.length / 4096) * 8;
    this.#enter(path, made);
    return this;
  }

  symlink(path: string, target: string, attributes: MemoryAttributes = {}): this {
    const made = this.#make(0o120777, attributes, 0o120000);
    made.target = target;
    made.stat.size = encodeText(target).length;
    this.#enter(path, made);
    return this;
  }

  /** A device node, fifo or socket: `mode` with its type bits. */
  node(path: string, mode: number, major = 0, minor = 0, attributes: MemoryAttributes = {}): this {
    const made = this.#make(mode, attributes, mode & 0o170000);
    made.stat.rdev = makeDevice(major, minor);
    this.#enter(path, made);
    return this;
  }

  /** A second name of a file; of a directory too, as only a damaged filesystem has it. */
  hardlink(path: string, existing: string): this {
    const inode = this.#inode(this.#find(existing));
    inode.stat.nlink++;
    this.#enter(path, inode);
    return this;
  }

  /** Change an inode's stat, to lie in a test. */
  alter(path: string, change: Partial<Stat>): this {
    Object.assign(this.#inode(this.#find(path)).stat, change);
    return this;
  }

  lookup(directory: number, name: string): number {
    this.lookups++;
    const { names } = this.#directory(directory);
    const exact = names.get(name);
    if (exact !== undefined || !this.caseInsensitive) return exact ?? 0;
    for (const [other, inode] of names) if (other.toLowerCase() === name.toLowerCase()) return inode;
    return 0;
  }

  *readdir(directory: number): Iterable<DirEntry> {
    for (const [name, inode] of this.#directory(directory).names) {
      yield { name, inode, type: fileTypeOf(this.#inode(inode).stat.mode) };
    }
  }

  stat(inode: number): Stat {
    return { ...this.#inode(inode).stat };
  }

  read(inode: number, offset: number, into: Uint8Array): number {
    const { content, names } = this.#inode(inode);
    if (names) throw new GuestfsError('EISDIR', 'it is a directory');
    const part = (content ?? new Uint8Array()).subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }

  readlink(inode: number): string {
    const { target } = this.#inode(inode);
    if (target === undefined) throw new GuestfsError('EINVAL', 'it is no symbolic link');
    return target;
  }

  xattrs(inode: number): Xattr[] {
    return this.#inode(inode).xattrs;
  }

  statfs(): StatFs {
    return {
      bsize: 4096,
      frsize: 4096,
      blocks: 1000,
      bfree: 400,
      bavail: 350,
      files: 500,
      ffree: 500 - this.#inodes.size,
      favail: 500 - this.#inodes.size,
      fsid: 7,
      flag: 0,
      namemax: 255,
    };
  }

  *extents(inode: number, offset: number, length: number): Iterable<Extent> {
    const content = this.#inode(inode).content ?? new Uint8Array();
    for (let at = offset; at < offset + length;) {
      const end = Math.min(offset + length, (Math.floor(at / 4096) + 1) * 4096);
      const kind = content.subarray(at, end).every((byte) => byte === 0) ? 'hole' : 'data';
      yield { offset: at, length: end - at, kind };
      at = end;
    }
  }

  flags(inode: number): number {
    return this.#inode(inode).stat.inode === this.root ? 0 : 0x80000;
  }

  generation(inode: number): number {
    return this.#inode(inode).stat.inode * 3;
  }

  close(): void {
    this.closed = true;
  }

  #make(mode: number, attributes: MemoryAttributes, type = mode & 0o170000): MemoryInode {
    const { xattrs = {}, ...rest } = attributes;
    const inode = this.#next++;
    const made: MemoryInode = {
      stat: {
        inode,
        mode,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        size: type === 0o040000 ? 4096 : 0,
        blockSize: 4096,
        blocks: type === 0o040000 ? 8 : 0,
        atime: 1_600_000_000,
        atimeNsec: 1,
        mtime: 1_600_000_001,
        mtimeNsec: 2,
        ctime: 1_600_000_002,
        ctimeNsec: 3,
        ...rest,
      },
      xattrs: Object.entries(xattrs).map(([name, value]) => ({
        name,
        value: typeof value === 'string' ? encodeText(value) : value,
      })),
    };
    if (attributes.mode !== undefined) made.stat.mode = type | (attributes.mode & 0o7777);
    this.#inodes.set(inode, made);
    return made;
  }

  #enter(path: string, inode: MemoryInode): void {
    const slash = path.lastIndexOf('/');
    const folder = path.slice(0, slash);
    this.dir(folder);
    this.#inode(this.#find(folder)).names?.set(path.slice(slash + 1), inode.stat.inode);
  }

  #find(path: string): number {
    let at = this.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next = this.#directory(at).names.get(name);
      if (next === undefined) throw new GuestfsError('ENOENT', `${path}: not in the memory filesystem`);
      at = next;
    }
    return at;
  }

  #directory(inode: number): MemoryInode & { names: Map<string, number> } {
    const found = this.#inode(inode);
    if (!found.names) throw new GuestfsError('ENOTDIR', `inode ${inode} is not a directory`);
    return found as MemoryInode & { names: Map<string, number> };
  }

  #inode(inode: number): MemoryInode {
    const found = this.#inodes.get(inode);
    if (!found) throw new GuestfsError('EUCLEAN', `inode ${inode} does not exist`);
    return found;
  }
}
