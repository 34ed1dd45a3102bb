import { CorruptError, GuestfsError } from '../errors/index.ts';
import type { DirEntry, FileType } from '../filesystems/filesystem.ts';
import { fileTypeOf } from '../filesystems/mode.ts';
import { compareBytes } from './order.ts';
import type { FileRef, FileTree, TreeStat } from './tree.ts';

/** One file below the start of a walk. */
export interface WalkEntry {
  /** Path from the start of the walk, without a leading slash. */
  readonly path: string;
  readonly name: string;
  /** Inode that the directory names, which differs from the file's own where a filesystem is mounted on it. */
  readonly inode: number;
  readonly ref: FileRef;
  /** Type; from the inode for directories and with `stat: true`, else as the directory says it. */
  readonly type: FileType;
  /** Set for directories, and for every file with `stat: true`. */
  readonly stat: TreeStat | undefined;
}

/** How to walk. */
export interface WalkOptions {
  /** Order within a directory: as stored (the default) or by the bytes of the name. */
  order?: 'stored' | 'sorted';
  /** Ask for the stat of every file. */
  stat?: boolean;
  /** Return false to leave out an entry and, for a directory, all below it. */
  want?: (path: string) => boolean;
}

/** Characters of a path: nesting beyond this cannot be told from an endless one in any useful time. */
const MAX_PATH = 65_536;
/**
 * How often a directory may be met. More than once happens where one device is mounted in several places; in a
 * damaged filesystem, directories with several names would otherwise multiply the walk at each level.
 */
const MAX_VISITS = 16;

interface Frame {
  entries: Iterator<DirEntry>;
  ref: FileRef;
  prefix: string;
  dev: number;
  inode: number;
}

/**
 * All files below a directory, depth first, each directory before what is in it; the start itself is not among
 * them. Links are not followed. In stored order nothing is held but the open directories. Throws EUCLEAN where a
 * directory contains itself, and ENAMETOOLONG where nesting goes on and on.
 */
export function* walk(
  tree: FileTree,
  start: FileRef,
  options: WalkOptions = {},
): Generator<WalkEntry, void, void> {
  const { order = 'stored', stat: wantStat = false, want } = options;
  const visits = new Visits();
  const stack: Frame[] = [];

  const open = (ref: FileRef, prefix: string, stat: TreeStat): void => {
    const { dev, inode } = stat;
    if (stack.some((frame) => frame.inode === inode && frame.dev === dev)) {
      throw new CorruptError('directory', `${tree.pathOf(ref)} contains itself (inode ${inode})`, {
        path: tree.pathOf(ref),
      });
    }
    if (visits.count(dev, inode) > MAX_VISITS) {
      throw new CorruptError('directory', `inode ${inode} is in more than ${MAX_VISITS} directories`, {
        path: tree.pathOf(ref),
      });
    }
    if (prefix.length > MAX_PATH) {
      throw new GuestfsError(
        'ENAMETOOLONG',
        `directories are nested deeper than ${MAX_PATH} characters of path`,
        {
          path: `${prefix.slice(0, 200)}...`,
        },
      );
    }
    stack.push({ entries: list(tree, ref, order), ref, prefix, dev, inode });
  };

  open(start, '', tree.stat(start));
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const next = frame.entries.next();
    if (next.done) {
      stack.pop();
      continue;
    }
    const entry = next.value;
    const path = frame.prefix + entry.name;
    if (want !== undefined && !want(path)) continue;
    const ref = tree.child(frame.ref, entry);
    let { type } = entry;
    let stat: TreeStat | undefined;
    if (wantStat || type === 'directory' || type === 'unknown') {
      stat = tree.stat(ref);
      type = fileTypeOf(stat.mode);
    }
    yield { path, name: entry.name, inode: entry.inode, ref, type, stat };
    if (type === 'directory') open(ref, `${path}/`, stat as TreeStat);
  }
}

function list(tree: FileTree, ref: FileRef, order: 'stored' | 'sorted'): Iterator<DirEntry> {
  const entries = tree.readdir(ref);
  if (order === 'stored') return entries[Symbol.iterator]();
  return [...entries].sort((a, b) => compareBytes(a.name, b.name))[Symbol.iterator]();
}

/** Counts how often inodes were met; cheap for those met once. */
class Visits {
  readonly #once = new Map<number, Set<number>>();
  readonly #more = new Map<string, number>();

  count(dev: number, inode: number): number {
    let seen = this.#once.get(dev);
    if (seen === undefined) this.#once.set(dev, (seen = new Set()));
    if (!seen.has(inode)) {
      seen.add(inode);
      return 1;
    }
    const key = `${dev}:${inode}`;
    const times = (this.#more.get(key) ?? 1) + 1;
    this.#more.set(key, times);
    return times;
  }
}
