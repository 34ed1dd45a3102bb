import type { FileSystem } from '../filesystems/filesystem.ts';
import type { FileRef } from './tree.ts';

/** A mounted filesystem, as the nodes below it see it. */
export interface Mount {
  readonly fs: FileSystem;
  /** Device number in st_dev's encoding. */
  readonly dev: number;
  readonly root: Node;
  /** Filesystems mounted on directories of this one, by the inode they cover. */
  readonly covered: Map<number, Mount>;
}

/** A file of the tree: what a FileRef is behind its brand. */
export class Node {
  mount: Mount;
  readonly inode: number;
  /** The directory it was found in; null for the root of the tree. */
  readonly parent: Node | null;
  readonly name: string;
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
    if (!fs.caseInsensitive && (directory.names?.size ?? 0) >= count) directory.complete = true;
  }

  #remember(directory: Node, node: Node): void {
    if (directory.names === undefined) {
      directory.names = new Map();
      this.#directories.add(directory);
    }
    directory.names.set(node.name, node);
    if (++this.#count <= MAX_NAMES) return;
    for (const oldest of this.#directories) {
      if (oldest === directory) continue;
      this.#forget(oldest);
      if (this.#count <= MAX_NAMES / 2) break;
    }
  }

  #forget(directory: Node): void {
    this.#count -= directory.names?.size ?? 0;
    directory.names = undefined;
    directory.complete = false;
    directory.misses = 0;
    this.#directories.delete(directory);
  }
}
