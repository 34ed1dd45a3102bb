import { GuestfsError } from '../errors/index.ts';
import type { DirEntry } from '../filesystems/filesystem.ts';
import { S_IFDIR, S_IFMT } from '../filesystems/mode.ts';
import { fail } from './path-checks.ts';
import type { TreeWriter } from './tree-writer.ts';
import type { FileRef, FileTree } from './tree.ts';

/** Entries of a directory that are listed before they are removed; it is then listed again. */
const BATCH = 4096;
/** Directories within each other: beyond it nobody would have made them. */
const MAX_DEPTH = 16_384;

interface Frame {
  directory: FileRef;
  name: string;
  parent: FileRef;
  waiting: DirEntry[];
  /** Whether the listing had an end. */
  last: boolean;
}

/**
 * Remove a name and, where it is a directory, all that is in it, depth first. Links are removed and never followed;
 * a mount point on the way stops it with EBUSY. `tick` is called for every file.
 */
export function removeTree(
  tree: FileTree,
  writer: TreeWriter,
  parent: FileRef,
  name: string,
  tick: () => void = () => {},
): void {
  const file = tree.lookup(parent, name);
  if (file === undefined) return;
  if (!isDirectory(tree, file)) {
    writer.unlink(parent, name);
    return;
  }
  const { dev } = tree.stat(file);
  const stack: Frame[] = [{ directory: file, name, parent, ...list(tree, file) }];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    tick();
    const entry = frame.waiting.pop();
    if (entry === undefined) {
      if (!frame.last) {
        Object.assign(frame, list(tree, frame.directory));
        if (frame.waiting.length > 0) continue;
      }
      writer.rmdir(frame.parent, frame.name);
      stack.pop();
      continue;
    }
    // What the directory says of the type may be wrong, which unlink tells.
    if (entry.type !== 'directory' && entry.type !== 'unknown') {
      try {
        writer.unlink(frame.directory, entry.name);
        continue;
      } catch (error) {
        if (!(error instanceof GuestfsError) || error.code !== 'EISDIR') throw error;
      }
    }
    const child = tree.lookup(frame.directory, entry.name);
    if (child === undefined || !isDirectory(tree, child)) {
      writer.unlink(frame.directory, entry.name);
      continue;
    }
    if (tree.stat(child).dev !== dev) {
      throw fail('EBUSY', tree.pathOf(child), 'a filesystem is mounted on it');
    }
    if (stack.length >= MAX_DEPTH) {
      throw fail('ENAMETOOLONG', tree.pathOf(child), `directories are nested deeper than ${MAX_DEPTH}`);
    }
    stack.push({
      directory: child,
      name: entry.name,
      parent: frame.directory,
      ...list(tree, child),
    });
  }
}

function list(tree: FileTree, directory: FileRef): { waiting: DirEntry[]; last: boolean } {
  const waiting: DirEntry[] = [];
  for (const entry of tree.readdir(directory)) {
    waiting.push(entry);
    if (waiting.length === BATCH) return { waiting: waiting.reverse(), last: false };
  }
  return { waiting: waiting.reverse(), last: true };
}

function isDirectory(tree: FileTree, file: FileRef): boolean {
  return (tree.stat(file).mode & S_IFMT) === S_IFDIR;
}
