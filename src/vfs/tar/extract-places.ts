import { S_IFDIR, S_IFLNK, S_IFMT } from '../../filesystems/mode.ts';
import { fail } from '../path-checks.ts';
import type { TreeWriter } from '../tree-writer.ts';
import type { FileRef, FileTree } from '../tree.ts';

/** Where a member belongs. */
export interface Place {
  directory: FileRef;
  /** Path of the directory within the target, `` for the target itself. */
  directoryPath: string;
  /** Last component; empty for the target directory itself. */
  name: string;
}

/** Directories that are remembered; each is looked up once. */
const MAX_KNOWN = 65_536;
const MAX_LINKS = 40;
/** Directories that an archive does not have, but has things in: as mkdir(2) makes them with the usual umask. */
const IMPLIED_MODE = S_IFDIR | 0o755;

/**
 * Finds where members of an archive go. Nothing leaves the target directory by its name; a symbolic link on the way is
 * followed where it was there before, as GNU tar follows it, but one that the archive made itself only within the
 * target.
 */
export class ExtractPlaces {
  readonly #tree: FileTree;
  readonly #writer: TreeWriter;
  readonly #target: FileRef;
  readonly #known = new Map<string, FileRef>();
  /** Links that the archive made, by device and inode. */
  readonly #links = new Set<string>();
  #lastPath = '';
  #last: FileRef;

  constructor(tree: FileTree, writer: TreeWriter, target: FileRef) {
    this.#tree = tree;
    this.#writer = writer;
    this.#target = target;
    this.#last = target;
  }

  /** The place of a name that {@link harmless} gave; directories on the way are made. */
  place(path: string): Place {
    const slash = path.lastIndexOf('/');
    const directoryPath = slash < 0 ? '' : path.slice(0, slash);
    return { directory: this.#directory(directoryPath, true), directoryPath, name: path.slice(slash + 1) };
  }

  /** The file of a name, its last component not followed; undefined where there is none. */
  find(path: string): FileRef | undefined {
    if (path === '') return this.#target;
    const slash = path.lastIndexOf('/');
    const directory = this.#directory(slash < 0 ? '' : path.slice(0, slash), false);
    return this.#tree.lookup(directory, path.slice(slash + 1));
  }

  /** The archive made a symbolic link. */
  made(link: FileRef): void {
    const { dev, inode } = this.#tree.stat(link);
    this.#links.add(`${dev}:${inode}`);
  }

  /** Something that may have been a directory, or a link to one, is gone or another. */
  changed(path: string): void {
    if (this.#known.size === 0) return;
    this.#lastPath = '';
    this.#last = this.#target;
    const below = `${path}/`;
    this.#known.delete(path);
    // Few archives replace anything at all.
    for (const known of this.#known.keys()) if (known.startsWith(below)) this.#known.delete(known);
  }

  /** A directory is at a path. */
  isAt(path: string, directory: FileRef): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(path, directory);
  }

  #directory(path: string, make: boolean): FileRef {
    if (path === this.#lastPath) return this.#last;
    if (path === '') return this.#target;
    let directory = this.#known.get(path);
    if (directory === undefined) {
      const slash = path.lastIndexOf('/');
      const parent = this.#directory(slash < 0 ? '' : path.slice(0, slash), make);
      directory = this.#step(parent, path.slice(slash + 1), path, make);
      this.isAt(path, directory);
    }
    this.#lastPath = path;
    this.#last = directory;
    return directory;
  }

  #step(parent: FileRef, name: string, path: string, make: boolean): FileRef {
    const tree = this.#tree;
    const there = tree.lookup(parent, name);
    if (there === undefined) {
      if (!make) throw fail('ENOENT', path, 'No such file or directory');
      return this.#writer.create(parent, name, { mode: IMPLIED_MODE, uid: 0, gid: 0 });
    }
    const type = tree.stat(there).mode & S_IFMT;
    if (type === S_IFDIR) return there;
    if (type === S_IFLNK) return this.#follow(parent, there, path);
    throw fail('ENOTDIR', path, 'it is not a directory, and something of the archive belongs into it');
  }

  /** Walk a link to the directory it leads to. */
  #follow(parent: FileRef, link: FileRef, path: string): FileRef {
    const tree = this.#tree;
    let at = parent;
    let todo = this.#targetOf(link);
    let links = 1;
    let ofArchive = this.#isOfArchive(link);
    if (todo.startsWith('/')) at = tree.resolve('/');
    while (todo !== '') {
      const slash = todo.indexOf('/');
      const name = slash < 0 ? todo : todo.slice(0, slash);
      todo = slash < 0 ? '' : todo.slice(slash + 1);
      if (name === '' || name === '.') continue;
      const next = tree.lookup(at, name);
      if (next === undefined) throw fail('ENOENT', path, 'it is a symbolic link that leads nowhere');
      const type = tree.stat(next).mode & S_IFMT;
      if (type === S_IFLNK) {
        if (++links > MAX_LINKS)
          throw fail('ELOOP', path, `more than ${MAX_LINKS} symbolic links on the way`);
        if (this.#isOfArchive(next)) ofArchive = true;
        const target = this.#targetOf(next);
        if (target.startsWith('/')) at = tree.resolve('/');
        todo = todo === '' ? target : `${target}/${todo}`;
      } else if (type === S_IFDIR) at = next;
      else throw fail('ENOTDIR', path, 'it is a symbolic link to what is no directory');
    }
    if (ofArchive && !this.#isWithin(at)) {
      throw fail(
        'ENOTDIR',
        path,
        'it is a symbolic link of the archive that leads out of the target directory',
      );
    }
    return at;
  }

  #targetOf(link: FileRef): string {
    const target = this.#tree.readlink(link);
    if (target === '') throw fail('ENOENT', this.#tree.pathOf(link), 'the symbolic link is empty');
    return target;
  }

  #isOfArchive(link: FileRef): boolean {
    if (this.#links.size === 0) return false;
    const { dev, inode } = this.#tree.stat(link);
    return this.#links.has(`${dev}:${inode}`);
  }

  #isWithin(directory: FileRef): boolean {
    const target = this.#tree.stat(this.#target);
    for (let at = directory; ;) {
      const { dev, inode } = this.#tree.stat(at);
      if (dev === target.dev && inode === target.inode) return true;
      const parent = this.#tree.lookup(at, '..') as FileRef;
      if (parent === at) return false;
      at = parent;
    }
  }
}

/**
 * The name of a member as a path within the target: without slashes before it and `.` in it. Undefined where it has
 * `..` in it.
 */
export function harmless(name: string): string | undefined {
  const start = name.startsWith('./') ? 2 : 0;
  const plain = name.endsWith('/') ? name.slice(start).replace(/\/+$/, '') : name.slice(start);
  if (plain.charCodeAt(0) !== 0x2e && plain.charCodeAt(0) !== 0x2f && !/\/(?:\/|\.)/.test(plain))
    return plain;
  const parts = plain.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts.join('/');
}
