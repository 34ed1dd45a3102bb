import { createHash } from 'node:crypto';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import { fileTypeOf } from '../../src/filesystems/mode.ts';

/** What is known of one file: enough to tell old from new. */
export interface FileState {
  type: string;
  mode: number;
  uid: number;
  nlink: number;
  size: number;
  /** Content of a regular file. */
  content?: Uint8Array;
  target?: string;
  xattrs: string;
}

/** All files of a filesystem by path. */
export type Snapshot = ReadonlyMap<string, FileState>;

/** Read everything. Throws what the filesystem throws. */
export function snapshot(fs: FileSystem): Snapshot {
  const found = new Map<string, FileState>();
  const visit = (inode: number, path: string): void => {
    if (found.size > 100_000) throw new Error('the tree does not end');
    const stat = fs.stat(inode);
    const type = fileTypeOf(stat.mode);
    const state: FileState = {
      type,
      mode: stat.mode,
      uid: stat.uid,
      nlink: stat.nlink,
      size: stat.size,
      xattrs: fs
        .xattrs(inode)
        .map(({ name, value }) => `${name}=${createHash('sha1').update(value).digest('hex')}`)
        .toSorted()
        .join(),
    };
    if (type === 'file') {
      const content = new Uint8Array(stat.size);
      if (stat.size > 0) fs.read(inode, 0, content);
      state.content = content;
    } else if (type === 'symlink') state.target = fs.readlink(inode);
    found.set(path, state);
    if (type !== 'directory') return;
    for (const entry of fs.readdir(inode)) {
      if (path === '' && entry.name === 'lost+found') continue;
      visit(entry.inode, `${path}/${entry.name}`);
    }
  };
  visit(fs.root, '');
  return found;
}

/** Why two states of a file differ, or undefined where they do not. Blocks may be mixed where `inPlace`. */
export function differs(found: FileState | undefined, expected: FileState | undefined): string | undefined {
  if (found === undefined) return expected === undefined ? undefined : 'is missing';
  if (expected === undefined) return 'is there';
  for (const key of ['type', 'mode', 'uid', 'nlink', 'size', 'target', 'xattrs'] as const) {
    if (key === 'size' && found.type === 'directory') continue;
    if (found[key] !== expected[key]) return `${key} is ${String(found[key])}, not ${String(expected[key])}`;
  }
  const { content: a, content: same = a } = found;
  const b = expected.content;
  if (a === undefined || b === undefined || same === undefined) return undefined;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return `byte ${at} is ${a[at]}, not ${b[at]}`;
  return undefined;
}
