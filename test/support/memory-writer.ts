import { encodeText } from '../../src/bytes/text.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import type {
  AttributeChanges,
  FileSystemWriter,
  NewFile,
  Replacement,
  XattrMode,
} from '../../src/filesystems/writer.ts';
import type { MemoryInode } from './memory-fs.ts';

/** What the writer of a MemoryFileSystem works on. */
export interface MemoryStore {
  make(mode: number): MemoryInode;
  inode(number: number): MemoryInode;
  drop(number: number): void;
  /** Bytes that all contents together may have. */
  readonly capacity: number;
  used(): number;
}

const NOW = 1_700_000_000;

/** Writes a MemoryFileSystem. It checks what its contract says that callers check already. */
export class MemoryWriter implements FileSystemWriter {
  readonly #store: MemoryStore;
  /** Calls in order, for tests that look. */
  readonly calls: string[] = [];

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  create(directory: number, name: string, file: NewFile): number {
    this.calls.push(`create ${name}`);
    const names = this.#names(directory);
    if (names.has(name)) throw new GuestfsError('EEXIST', `${name} exists already`);
    const made = this.#store.make(file.mode);
    Object.assign(made.stat, { uid: file.uid, gid: file.gid, rdev: file.rdev ?? 0, mtime: NOW, ctime: NOW });
    switch (file.mode & 0o170000) {
      case 0o040000:
        made.names = new Map();
        made.stat.nlink = 2;
        this.#store.inode(directory).stat.nlink++;
        break;
      case 0o120000:
        made.target = file.target ?? '';
        made.stat.size = encodeText(made.target).length;
        break;
      case 0o100000:
        made.content = new Uint8Array(0);
    }
    names.set(name, made.stat.inode);
    return made.stat.inode;
  }

  link(directory: number, name: string, inode: number): void {
    this.calls.push(`link ${name}`);
    const names = this.#names(directory);
    if (names.has(name)) throw new GuestfsError('EEXIST', `${name} exists already`);
    names.set(name, inode);
    this.#store.inode(inode).stat.nlink++;
  }

  unlink(directory: number, name: string): void {
    this.calls.push(`unlink ${name}`);
    const file = this.#named(directory, name);
    if (file.names) throw new Error(`unlink of the directory ${name}`);
    this.#names(directory).delete(name);
    if (--file.stat.nlink === 0) this.#store.drop(file.stat.inode);
  }

  rmdir(directory: number, name: string): void {
    this.calls.push(`rmdir ${name}`);
    const file = this.#named(directory, name);
    if (!file.names) throw new Error(`rmdir of ${name}, which is no directory`);
    if (file.names.size > 0) throw new GuestfsError('ENOTEMPTY', `${name} is not empty`);
    this.#names(directory).delete(name);
    this.#store.inode(directory).stat.nlink--;
    this.#store.drop(file.stat.inode);
  }

  rename(fromDirectory: number, fromName: string, toDirectory: number, toName: string): void {
    this.calls.push(`rename ${fromName} ${toName}`);
    const file = this.#named(fromDirectory, fromName);
    const target = this.#names(toDirectory).get(toName);
    if (target !== undefined && target !== file.stat.inode) {
      if (file.names) this.rmdir(toDirectory, toName);
      else this.unlink(toDirectory, toName);
    }
    this.#names(fromDirectory).delete(fromName);
    this.#names(toDirectory).set(toName, file.stat.inode);
  }

  write(inode: number, offset: number, from: Uint8Array): void {
    const file = this.#file(inode);
    this.#room(Math.max(0, offset + from.length - file.content.length));
    const content = new Uint8Array(Math.max(file.content.length, offset + from.length));
    content.set(file.content);
    content.set(from, offset);
    this.#set(file, content);
  }

  truncate(inode: number, size: number): void {
    const file = this.#file(inode);
    const content = new Uint8Array(size);
    content.set(file.content.subarray(0, size));
    this.#set(file, content);
  }

  allocate(inode: number, offset: number, length: number): void {
    const file = this.#file(inode);
    if (offset + length > file.content.length) this.truncate(inode, offset + length);
  }

  punch(inode: number, offset: number, length: number): void {
    this.#file(inode).content.fill(0, offset, offset + length);
  }

  replace(inode: number): Replacement {
    const parts: Uint8Array[] = [];
    let length = 0;
    let over = false;
    const add = (part: Uint8Array): void => {
      if (over) throw new Error('the replacement was finished or abandoned already');
      this.#room(length + part.length);
      parts.push(part);
      length += part.length;
    };
    return {
      write: (from) => add(Uint8Array.from(from)),
      writeZeroes: (count) => add(new Uint8Array(count)),
      finish: () => {
        add(new Uint8Array(0));
        over = true;
        this.#set(this.#file(inode), Buffer.concat(parts));
      },
      abandon: () => {
        over = true;
      },
    };
  }

  setAttributes(inode: number, { mode, uid, gid, atime, mtime, ctime }: AttributeChanges): void {
    const { stat } = this.#store.inode(inode);
    if (mode !== undefined) stat.mode = (stat.mode & 0o170000) | mode;
    if (uid !== undefined) stat.uid = uid;
    if (gid !== undefined) stat.gid = gid;
    if (atime) Object.assign(stat, { atime: atime.seconds, atimeNsec: atime.nanoseconds });
    if (mtime) Object.assign(stat, { mtime: mtime.seconds, mtimeNsec: mtime.nanoseconds });
    Object.assign(stat, { ctime: ctime?.seconds ?? NOW, ctimeNsec: ctime?.nanoseconds ?? 0 });
  }

  setXattr(inode: number, name: string, value: Uint8Array, mode?: XattrMode): void {
    const { xattrs } = this.#store.inode(inode);
    const at = xattrs.findIndex((xattr) => xattr.name === name);
    if (mode === 'create' && at >= 0) throw new GuestfsError('EEXIST', `${name} is there already`);
    if (mode === 'replace' && at < 0) throw new GuestfsError('ENODATA', `${name} is not there`);
    if (at >= 0) xattrs.splice(at, 1);
    xattrs.push({ name, value: Uint8Array.from(value) });
  }

  removeXattr(inode: number, name: string): void {
    const { xattrs } = this.#store.inode(inode);
    const at = xattrs.findIndex((xattr) => xattr.name === name);
    if (at < 0) throw new GuestfsError('ENODATA', `${name} is not there`);
    xattrs.splice(at, 1);
  }

  trim(start: number, length: number, minimum: number): number {
    this.calls.push(`trim ${start} ${length} ${minimum}`);
    return Math.max(0, Math.min(length, this.#store.capacity - this.#store.used()));
  }

  zeroFreeSpace(progress: (done: number, total: number) => void): void {
    this.calls.push('zeroFreeSpace');
    progress(1, 1);
  }

  sync(): void {
    this.calls.push('sync');
  }

  close(): void {
    this.calls.push('close');
  }

  #names(directory: number): Map<string, number> {
    const { names } = this.#store.inode(directory);
    if (names === undefined) throw new Error(`inode ${directory} is no directory`);
    return names;
  }

  #named(directory: number, name: string): MemoryInode {
    const inode = this.#names(directory).get(name);
    if (inode === undefined) throw new GuestfsError('ENOENT', `there is no ${name}`);
    return this.#store.inode(inode);
  }

  #file(inode: number): MemoryInode & { content: Uint8Array } {
    const file = this.#store.inode(inode);
    if (file.content === undefined) throw new Error(`inode ${inode} is no regular file`);
    return file as MemoryInode & { content: Uint8Array };
  }

  #room(more: number): void {
    if (this.#store.used() + more > this.#store.capacity) throw new GuestfsError('ENOSPC', 'No space left');
  }

  #set(file: MemoryInode, content: Uint8Array): void {
    file.content = content;
    Object.assign(file.stat, {
      size: content.length,
      blocks: Math.ceil(content.length / 4096) * 8,
      mtime: NOW,
      ctime: NOW,
    });
  }
}
