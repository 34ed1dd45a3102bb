import { S_IFDIR, S_IFLNK, S_IFMT } from '../filesystems/mode.ts';
import { checkPath, fail } from './path-checks.ts';
import type { FileRef, FileTree, TreeStat } from './tree.ts';

/** A path taken apart: the directory that holds its last component, which need not be there. */
export interface Target {
  /** The path as it was given. */
  readonly path: string;
  /** The directory, links followed. */
  readonly directory: FileRef;
  /** Last component; `.` or `..` where the path ends so, empty for `/`. */
  readonly name: string;
  /** Whether the path ends in a slash, so that only a directory can be meant. */
  readonly slash: boolean;
  /** What is there; a symbolic link is not followed. */
  readonly file: FileRef | undefined;
}

/** Links that are followed at the end of a path, as on Linux. */
const MAX_LINKS = 40;

/**
 * Take a path apart for what makes, renames or removes a name: the last component is not followed. Throws ENOENT and
 * ENOTDIR where the directory is not there.
 */
export function findTarget(tree: FileTree, path: string): Target {
  checkPath(path);
  let end = path.length;
  while (end > 0 && path.charCodeAt(end - 1) === 0x2f) end--;
  const slash = end < path.length;
  const start = path.lastIndexOf('/', end - 1);
  const name = path.slice(start + 1, end);
  if (end === 0) {
    const root = tree.resolve('/');
    return { path, directory: root, name: '', slash, file: root };
  }
  const directory = tree.resolve(start <= 0 ? '/' : path.slice(0, start + 1));
  return { path, directory, name, slash, file: tree.lookup(directory, name) };
}

/**
 * Take a path apart for what opens a file as open(2) with O_CREAT does: a link at its end is followed, and one that
 * leads to nothing says where the file is to be made. Throws ELOOP.
 */
export function findOpenTarget(tree: FileTree, path: string): Target {
  let at = path;
  for (let links = 0; ; links++) {
    const target = findTarget(tree, at);
    const { file, directory } = target;
    if (file === undefined || (tree.stat(file).mode & S_IFMT) !== S_IFLNK) return { ...target, path };
    if (links === MAX_LINKS) throw fail('ELOOP', path, `more than ${MAX_LINKS} symbolic links on the way`);
    const to = tree.readlink(file);
    if (to === '') throw fail('ENOENT', path, `the symbolic link ${tree.pathOf(file)} is empty`);
    at = `${to.startsWith('/') ? to : `${tree.pathOf(directory)}/${to}`}${target.slash ? '/' : ''}`;
  }
}

/**
 * Throws as mkdir(2) and its kin do where a new name cannot be made: EEXIST where there is something, ENOENT where
 * only a directory could have the name, with its slash at the end.
 */
export function wantNew(target: Target, directory = false): void {
  const { path, file, name, slash } = target;
  if (file !== undefined || name === '' || name === '.' || name === '..') {
    throw fail('EEXIST', path, 'it exists already');
  }
  if (slash && !directory) throw fail('ENOENT', path, 'it ends in a slash, and is not to be a directory');
}

/** What is there. Throws ENOENT, and ENOTDIR where the path ends in a slash and it is no directory. */
export function wantExisting(tree: FileTree, target: Target): { file: FileRef; stat: TreeStat } {
  const { path, file, slash } = target;
  if (file === undefined) throw fail('ENOENT', path, 'No such file or directory');
  const stat = tree.stat(file);
  if (slash && (stat.mode & S_IFMT) !== S_IFDIR) throw fail('ENOTDIR', path, 'it is not a directory');
  return { file, stat };
}

/** Whether a path ends in a name of its own, not in `/`, `.` or `..`. */
export function isName({ name }: Target): boolean {
  return name !== '' && name !== '.' && name !== '..';
}
