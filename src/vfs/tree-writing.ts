import { eachInTurn, UnsupportedError, type GuestfsError } from '../errors/index.ts';
import type { FileSystem } from '../filesystems/filesystem.ts';
import { nodeOf, pathOf, type DentryCache, type Mount, type Node } from './dentry.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../filesystems/mode.ts';
import { atNode, checkName, fail } from './path-checks.ts';
import type {
  AttributeChanges,
  FileSystemWriter,
  NewFile,
  Replacement,
  XattrMode,
} from '../filesystems/writer.ts';
import type { FileRef } from './tree.ts';
import type { TreeWriter } from './tree-writer.ts';

/** What the writer has to know of the mount table. */
export interface WritingTable {
  readonly dentries: DentryCache;
  /** Whether anything is mounted on an inode, wherever its filesystem is mounted. */
  isMountpoint(fs: FileSystem, inode: number): boolean;
}

/** Zeroes that are written where a filesystem has no holes. */
const ZEROES = 256 * 1024;
/** Characters of a name that is not too long, whatever its bytes are. */
const SHORT = 85;

/** Changes files of mounted filesystems, and keeps what is remembered of names right. */
export class MountedTreeWriter implements TreeWriter {
  readonly #table: WritingTable;
  /** The writers of those filesystems that were changed. */
  readonly #writers = new Map<FileSystem, FileSystemWriter>();
  #zeroes: Uint8Array | undefined;

  constructor(table: WritingTable) {
    this.#table = table;
  }

  /** A filesystem is mounted nowhere any more: its writer goes with it. */
  forget(fs: FileSystem): void {
    this.#writers.delete(fs);
  }

  create(directory: FileRef, name: string, file: NewFile): FileRef {
    const parent = this.#directory(directory);
    this.#isNew(parent, name);
    const inode = this.#change(parent, name, (writer) => writer.create(parent.inode, name, file));
    return this.#table.dentries.created(parent, name, inode, file.mode).ref;
  }

  link(directory: FileRef, name: string, file: FileRef): void {
    const parent = this.#directory(directory);
    const node = nodeOf(file);
    this.#isNew(parent, name);
    if (node.mount !== parent.mount) throw otherFilesystem(join(parent, name), node);
    const mode = modeOf(node);
    if ((mode & S_IFMT) === S_IFDIR) {
      throw fail('EPERM', join(parent, name), `${pathOf(node)} is a directory, which can have only one name`);
    }
    this.#change(parent, name, (writer) => writer.link(parent.inode, name, node.inode));
    this.#table.dentries.created(parent, name, node.inode, mode);
  }

  unlink(directory: FileRef, name: string): void {
    const parent = this.#directory(directory);
    const node = this.#existing(parent, name);
    if (isDirectory(node)) throw fail('EISDIR', join(parent, name), 'it is a directory');
    this.#remove(parent, name, node, (writer) => writer.unlink(parent.inode, name));
  }

  rmdir(directory: FileRef, name: string): void {
    const parent = this.#directory(directory);
    const node = this.#existing(parent, name);
    if (!isDirectory(node)) throw fail('ENOTDIR', join(parent, name), 'it is not a directory');
    this.#remove(parent, name, node, (writer) => writer.rmdir(parent.inode, name));
  }

  rename(fromDirectory: FileRef, fromName: string, toDirectory: FileRef, toName: string): void {
    const from = this.#directory(fromDirectory);
    const to = this.#directory(toDirectory);
    const node = this.#existing(from, fromName);
    const target = this.#lookup(to, toName);
    const path = join(to, toName);
    if (from.mount !== to.mount) throw otherFilesystem(path, node);
    this.#notMounted(node, join(from, fromName));
    const { mount } = from;
    if (isDirectory(node) && isWithin(to, node)) {
      throw fail('EINVAL', path, `${join(from, fromName)} cannot be moved into itself`);
    }
    if (target !== undefined && isWithin(from, target)) {
      throw fail('ENOTEMPTY', path, `it holds ${join(from, fromName)}`);
    }
    if (target !== undefined) {
      this.#notMounted(target, path);
      if (target.inode === node.inode) {
        // Two names of one file: rename(2) does nothing. Two spellings of one name are renamed.
        if (!mount.fs.caseInsensitive || from.inode !== to.inode || fromName === toName) return;
      } else if (isDirectory(node) && !isDirectory(target)) {
        throw fail('ENOTDIR', path, `it is not a directory, and ${join(from, fromName)} is one`);
      } else if (!isDirectory(node) && isDirectory(target)) {
        throw fail('EISDIR', path, `it is a directory, and ${join(from, fromName)} is not`);
      }
    }
    this.#change(to, toName, (writer) => writer.rename(from.inode, fromName, to.inode, toName));
    const { dentries } = this.#table;
    if (target !== undefined && target.inode !== node.inode) {
      dentries.removed(to, toName, target.inode, isDirectory(target));
    }
    // On filesystems without inodes the number says where the entry is.
    dentries.moved(node, to, toName, mount.fs.lookup(to.inode, toName));
  }

  write(file: FileRef, offset: number, from: Uint8Array): void {
    const node = regular(file);
    if (offset < 0) throw fail('EINVAL', pathOf(node), `the offset ${offset} is negative`);
    this.#at(node, (writer) => writer.write(node.inode, offset, from));
  }

  truncate(file: FileRef, size: number): void {
    const node = regular(file);
    if (size < 0) throw fail('EINVAL', pathOf(node), `the size ${size} is negative`);
    this.#at(node, (writer) => writer.truncate(node.inode, size));
  }

  allocate(file: FileRef, offset: number, length: number): void {
    const node = regular(file);
    if (offset < 0 || length <= 0) {
      throw fail('EINVAL', pathOf(node), `cannot allocate ${length} bytes at ${offset}`);
    }
    this.#at(node, (writer) => {
      if (writer.allocate === undefined) throw lacks(node, 'cannot reserve space for a file');
      writer.allocate(node.inode, offset, length);
    });
  }

  punch(file: FileRef, offset: number, length: number): void {
    const node = regular(file);
    if (offset < 0 || length < 0) {
      throw fail('EINVAL', pathOf(node), `cannot zero ${length} bytes at ${offset}`);
    }
    this.#at(node, (writer) => {
      if (writer.punch !== undefined) {
        writer.punch(node.inode, offset, length);
        return;
      }
      const end = Math.min(offset + length, node.mount.fs.stat(node.inode).size);
      const zeroes = (this.#zeroes ??= new Uint8Array(ZEROES));
      for (let at = offset; at < end; at += ZEROES) {
        writer.write(node.inode, at, zeroes.subarray(0, Math.min(ZEROES, end - at)));
      }
    });
  }

  replace(file: FileRef, size?: number): Replacement {
    const node = regular(file);
    return this.#at(node, (writer) => writer.replace(node.inode, size));
  }

  setAttributes(file: FileRef, changes: AttributeChanges): void {
    const node = nodeOf(file);
    this.#at(node, (writer) => writer.setAttributes(node.inode, changes));
  }

  setXattr(file: FileRef, name: string, value: Uint8Array, mode: XattrMode = 'any'): void {
    const node = nodeOf(file);
    this.#at(node, (writer) => {
      if (writer.setXattr === undefined) throw lacks(node, 'has no extended attributes');
      writer.setXattr(node.inode, name, value, mode);
    });
  }

  removeXattr(file: FileRef, name: string): void {
    const node = nodeOf(file);
    this.#at(node, (writer) => {
      if (writer.removeXattr === undefined) throw lacks(node, 'has no extended attributes');
      writer.removeXattr(node.inode, name);
    });
  }

  setFlags(file: FileRef, flags: number): void {
    const node = nodeOf(file);
    this.#at(node, (writer) => {
      if (writer.setFlags === undefined) throw lacks(node, 'has no inode flags');
      writer.setFlags(node.inode, flags);
    });
  }

  setGeneration(file: FileRef, generation: number): void {
    const node = nodeOf(file);
    this.#at(node, (writer) => {
      if (writer.setGeneration === undefined) throw lacks(node, 'has no inode generations');
      writer.setGeneration(node.inode, generation);
    });
  }

  trim(file: FileRef, start: number, length: number, minimum: number): number {
    const node = nodeOf(file);
    return this.#at(node, (writer) => {
      if (writer.trim === undefined) throw lacks(node, 'cannot discard its free space');
      return writer.trim(start, length, minimum);
    });
  }

  zeroFreeSpace(file: FileRef, progress: (done: number, total: number) => void): void {
    const node = nodeOf(file);
    this.#at(node, (writer) => {
      if (writer.zeroFreeSpace === undefined) throw lacks(node, 'cannot zero its free space');
      writer.zeroFreeSpace(progress);
    });
  }

  together<T>(directory: FileRef, action: () => T): T {
    const node = nodeOf(directory);
    const writer = this.#writerOf(node.mount, node);
    if (writer.together === undefined) return action();
    return writer.together(() => {
      try {
        return action();
      } catch (error) {
        // Names that it made are gone again.
        this.#table.dentries.clear();
        throw error;
      }
    });
  }

  sync(): void {
    // One filesystem that fails must not keep the others' changes from their devices.
    eachInTurn(this.#writers.values(), (writer) => writer.sync());
  }

  #directory(ref: FileRef): Node {
    const node = nodeOf(ref);
    if (!isDirectory(node)) throw fail('ENOTDIR', pathOf(node), 'it is not a directory');
    return node;
  }

  #lookup(parent: Node, name: string): Node | undefined {
    if (name === '' || name.length > SHORT || /[/\0]/.test(name)) checkName(name, join(parent, name));
    if (name === '.' || name === '..') {
      throw fail('EINVAL', join(parent, name), '. and .. cannot be made, renamed or removed');
    }
    try {
      return this.#table.dentries.lookup(parent, name);
    } catch (error) {
      throw atNode(error, parent, join(parent, name));
    }
  }

  #isNew(parent: Node, name: string): void {
    if (this.#lookup(parent, name) !== undefined)
      throw fail('EEXIST', join(parent, name), 'it exists already');
  }

  #existing(parent: Node, name: string): Node {
    const node = this.#lookup(parent, name);
    if (node === undefined) throw fail('ENOENT', join(parent, name), 'No such file or directory');
    return node;
  }

  #notMounted({ mount, inode }: Node, path: string): void {
    if (this.#table.isMountpoint(mount.fs, inode)) {
      throw fail('EBUSY', path, 'a filesystem is mounted on it');
    }
  }

  #remove(parent: Node, name: string, node: Node, act: (writer: FileSystemWriter) => void): void {
    if (this.#table.isMountpoint(parent.mount.fs, node.inode)) this.#notMounted(node, join(parent, name));
    this.#change(parent, name, act);
    this.#table.dentries.removed(parent, name, node.inode, isDirectory(node));
  }

  #at<T>(node: Node, act: (writer: FileSystemWriter) => T): T {
    const writer = this.#writerOf(node.mount, node);
    try {
      return act(writer);
    } catch (error) {
      throw atNode(error, node);
    }
  }

  /** Change a name of a directory. */
  #change<T>(parent: Node, name: string, act: (writer: FileSystemWriter) => T): T {
    const writer = this.#writerOf(parent.mount, parent, name);
    try {
      return act(writer);
    } catch (error) {
      throw atNode(error, parent, join(parent, name));
    }
  }

  /** The writer of a mount; the others are what is to be changed, for messages. */
  #writerOf(mount: Mount, node: Node, name?: string): FileSystemWriter {
    const { fs } = mount;
    if (mount.info.readonly) {
      throw fail(
        'EROFS',
        place(node, name),
        `the filesystem on ${pathOf(mount.root)} is mounted read-only; mount it with mount, or remount it with rw`,
      );
    }
    const known = this.#writers.get(fs);
    if (known !== undefined) return known;
    if (fs.openWriter === undefined) throw cannotWrite(fs, place(node, name));
    try {
      const writer = fs.openWriter();
      this.#writers.set(fs, writer);
      return writer;
    } catch (error) {
      throw atNode(error, node, place(node, name));
    }
  }
}

/** st_mode of a node. */
function modeOf(node: Node): number {
  if (node.mode >= 0) return node.mode;
  try {
    return (node.mode = node.mount.fs.stat(node.inode).mode);
  } catch (error) {
    throw atNode(error, node);
  }
}

function isDirectory(node: Node): boolean {
  return (modeOf(node) & S_IFMT) === S_IFDIR;
}

/** A node that has content. Throws EISDIR, EINVAL. */
function regular(ref: FileRef): Node {
  const node = nodeOf(ref);
  const type = modeOf(node) & S_IFMT;
  if (type === S_IFREG) return node;
  if (type === S_IFDIR) throw fail('EISDIR', pathOf(node), 'Is a directory');
  throw fail('EINVAL', pathOf(node), 'it is not a regular file and has no content here');
}

/** Whether `node` is `ancestor` or below it, on one filesystem. */
function isWithin(node: Node, ancestor: Node): boolean {
  for (let at: Node | null = node; at !== null && at.mount === ancestor.mount; at = at.parent) {
    if (at.inode === ancestor.inode) return true;
  }
  return false;
}

function join(directory: Node, name: string): string {
  const path = pathOf(directory);
  return path === '/' ? `/${name}` : `${path}/${name}`;
}

function place(node: Node, name: string | undefined): string {
  return name === undefined ? pathOf(node) : join(node, name);
}

function otherFilesystem(path: string, node: Node): GuestfsError {
  return fail('EXDEV', path, `it is on another filesystem than ${pathOf(node)}`);
}

function lacks(node: Node, what: string): UnsupportedError {
  const path = pathOf(node);
  return new UnsupportedError(`${path}: a ${node.mount.fs.type} filesystem ${what}`, { path });
}

function cannotWrite(fs: FileSystem, path: string): GuestfsError {
  switch (fs.type) {
    case 'rootfs':
      return fail(
        'EROFS',
        path,
        'no filesystem is mounted there; mkmountpoint makes directories to mount on',
      );
    case 'iso9660':
    case 'udf':
    case 'squashfs':
      return fail('EROFS', path, `a ${fs.type} filesystem is never written`);
    default:
      return new UnsupportedError(
        `${path}: the engine reads ${fs.type} filesystems but does not write them; the appliance backend can`,
        { path },
      );
  }
}
