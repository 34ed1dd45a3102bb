import type { FileSystem } from '../filesystems/filesystem.ts';
import { S_IFDIR, S_IFMT } from '../filesystems/mode.ts';
import type { FileRef } from './tree.ts';

/** A mounted filesystem, as the nodes below it see it. */
export interface Mount {
  readonly fs: FileSystem;
  /** Device number in st_dev's encoding. */
  readonly dev: number;
  readonly root: Node;
  readonly info: { readonly readonly: boolean };
  /** Filesystems mounted on directories of this one, by the inode they cover. */
  readonly covered: Map<number, Mount>;
}

/** A file of the tree: what a FileRef is behind its brand. Inode, parent and name change when it is renamed. */
export class Node {
  mount: Mount;
  inode: number;
  /** The directory it was found in; null for the root of the tree. */
  parent: Node | null;
  name: string;
  /** st_mode once it was asked for, else -1. */
  mode = -1;
  /** Names looked up or listed so far; directories only. */
  names: Map<string, Node> | undefined;
  /** True where `names` holds every name of the directory. */
  complete = false;
  /** How many lookups missed `names`; -1 where the directory is not worth listing. */
  misses = 0;

  /** `mount` is null only for the root node of a mount being made, which then sets it. */
  constructor(mount: Mount | null, inode: number, parent: Node | null, name: string) {
    this.mount = mount as Mount;
    this.inode = inode;
    this.parent = parent;
    this.name = name;
  }

  /** The node as the opaque reference that the tree hands out. */
  get ref(): FileRef {
    return this as unknown as FileRef;
  }
}

/** The node that a reference stands for. */
export function nodeOf(ref: FileRef): Node {
  return ref as unknown as Node;
}

/** Absolute path of a node, as it was found. */
export function pathOf(node: Node): string {
  if (node.parent === null) return '/';
  const names: string[] = [];
  for (let at: Node = node; at.parent !== null; at = at.parent) names.push(at.name);
  return `/${names.reverse().join('/')}`;
}

const NONE: readonly Node[] = [];

/** Names remembered over all directories together; at roughly 150 bytes each. */
const MAX_NAMES = 65_536;
/** A directory of more entries is not listed into memory; its lookups go to the filesystem. */
const MAX_LISTED = 16_384;
/** Lookups in one directory before it is listed whole: one linear search each until then. */
const LISTING_PAYS_AFTER = 4;

/**
 * Remembers which name is which inode. Most filesystems search a directory linearly, so after a few lookups in one
 * directory it is listed into memory, and absence is then known as well. Bounded over all directories together;
 * the longest known ones go first.
 */
export class DentryCache {
  readonly #directories = new Set<Node>();
  /** The same directories by filesystem and inode: one that is mounted twice has several nodes. */
  readonly #byInode = new Map<FileSystem, Map<number, Node[]>>();
  #count = 0;

  /** The file `name` of `directory`, or undefined if there is none. */
  lookup(directory: Node, name: string): Node | undefined {
    const known = directory.names?.get(name);
    if (known !== undefined) return known;
    if (directory.complete) return undefined;
    if (directory.misses >= 0 && ++directory.misses > LISTING_PAYS_AFTER) {
      this.#list(directory);
      const listed = directory.names?.get(name);
      if (listed !== undefined) return listed;
      if (directory.complete) return undefined;
    }
    const inode = directory.mount.fs.lookup(directory.inode, name);
    if (inode === 0) return undefined;
    const node = new Node(directory.mount, inode, directory, name);
    this.#remember(directory, node);
    return node;
  }

  /** Forget everything that was remembered, after the filesystem changed or went. */
  clear(): void {
    for (const directory of this.#directories) this.#forget(directory);
    this.#byInode.clear();
  }

  /** A name was made in a directory. Returns its node. `mode` is its st_mode. */
  created(directory: Node, name: string, inode: number, mode: number): Node {
    const { fs } = directory.mount;
    for (const other of this.#nodesOf(fs, directory.inode)) {
      if (other === directory) continue;
      // Where names are known whole they have to stay so.
      if (other.complete) this.#remember(other, new Node(other.mount, inode, other, name));
    }
    const node = new Node(directory.mount, inode, directory, name);
    node.mode = mode;
    this.#remember(directory, node);
    if ((mode & S_IFMT) === S_IFDIR && !fs.caseInsensitive) {
      node.names = new Map();
      node.complete = true;
      this.#register(node);
    }
    return node;
  }

  /** A name of a directory is gone; `inode` is what it was. */
  removed(directory: Node, name: string, inode: number, wasDirectory: boolean): void {
    const { fs } = directory.mount;
    for (const other of this.#nodesOf(fs, directory.inode)) this.#drop(other, name, inode);
    if (wasDirectory) for (const gone of this.#nodesOf(fs, inode)) this.#forget(gone);
  }

  /**
   * What was `from` has another directory, name and maybe inode: the node moves with all that is known below it, so
   * that references to it stay true.
   */
  moved(from: Node, directory: Node, name: string, inode: number): void {
    const { fs } = directory.mount;
    const old = from.parent as Node;
    for (const other of this.#nodesOf(fs, old.inode)) this.#drop(other, from.name, from.inode);
    if (from.inode !== inode) {
      for (const stale of this.#nodesOf(fs, from.inode)) this.#forget(stale);
      from.inode = inode;
    }
    // Nodes of the same directory that were found in another way have a parent that is wrong now.
    for (const other of this.#nodesOf(fs, inode)) if (other !== from) this.#forget(other);
    from.parent = directory;
    from.name = name;
    for (const other of this.#nodesOf(fs, directory.inode)) {
      if (other === directory || !other.complete) continue;
      this.#remember(other, new Node(other.mount, inode, other, name));
    }
    this.#remember(directory, from);
  }

  #nodesOf(fs: FileSystem, inode: number): readonly Node[] {
    return this.#byInode.get(fs)?.get(inode) ?? NONE;
  }

  #drop(directory: Node, name: string, inode: number): void {
    const { names } = directory;
    if (names === undefined) return;
    if (names.delete(name)) this.#count--;
    if (!directory.mount.fs.caseInsensitive) return;
    // Other spellings of the name, which were looked up.
    for (const [spelling, node] of names) {
      if (node.inode === inode && names.delete(spelling)) this.#count--;
    }
  }

  #list(directory: Node): void {
    directory.misses = -1;
    const { fs } = directory.mount;
    let count = 0;
    try {
      for (const entry of fs.readdir(directory.inode)) {
        if (++count > MAX_LISTED) return;
        if (directory.names?.has(entry.name)) continue;
        this.#remember(directory, new Node(directory.mount, entry.inode, directory, entry.name));
      }
    } catch {
      // A damaged block must not hide the names that a lookup can still find: lookups go on one by one.
      return;
    }
    // Two spellings may name one file there, so absence of one spelling says nothing.
    if (fs.caseInsensitive || (directory.names?.size ?? 0) < count) return;
    directory.complete = true;
    if (directory.names !== undefined) return;
    directory.names = new Map();
    this.#register(directory);
  }

  #remember(directory: Node, node: Node): void {
    if (directory.names === undefined) {
      directory.names = new Map();
      this.#register(directory);
    }
    if (!directory.names.has(node.name)) this.#count++;
    directory.names.set(node.name, node);
    if (this.#count <= MAX_NAMES) return;
    for (const oldest of this.#directories) {
      if (oldest === directory) continue;
      this.#forget(oldest);
      if (this.#count <= MAX_NAMES / 2) return;
    }
    if (this.#count <= MAX_NAMES) return;
    // One directory has all of it.
    this.#forget(directory);
    directory.misses = -1;
    this.#remember(directory, node);
  }

  #forget(directory: Node): void {
    this.#count -= directory.names?.size ?? 0;
    directory.names = undefined;
    directory.complete = false;
    directory.misses = 0;
    this.#directories.delete(directory);
    const inodes = this.#byInode.get(directory.mount.fs);
    const left = inodes?.get(directory.inode)?.filter((node) => node !== directory) ?? [];
    if (left.length > 0) inodes?.set(directory.inode, left);
    else inodes?.delete(directory.inode);
  }

  #register(directory: Node): void {
    this.#directories.add(directory);
    const { fs } = directory.mount;
    let inodes = this.#byInode.get(fs);
    if (inodes === undefined) this.#byInode.set(fs, (inodes = new Map()));
    const known = inodes.get(directory.inode);
    if (known === undefined) inodes.set(directory.inode, [directory]);
    else known.push(directory);
  }
}
