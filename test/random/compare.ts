import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import { fileTypeOf } from '../../src/filesystems/mode.ts';
import type { Model, ModelFile } from './model.ts';
import { modeOf } from './world.ts';

/** What a reader tells of one file: our own driver, or the kernel. */
export interface FoundFile {
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  rdev: number;
  size: number;
  mtime: number;
  mtimeNsec: number;
  /** Names in a directory. */
  names: () => string[];
  target: () => string;
  /** Fill from an offset of a regular file. */
  read: (offset: number, into: Uint8Array) => void;
  xattrs: () => ReadonlyMap<string, Uint8Array>;
  flags?: () => number;
}

/** How closely files are compared. */
export interface CompareOptions {
  unix: boolean;
  /** Times have no nanoseconds and 32 bits. */
  coarseTimes: boolean;
}

/** Compare all files with the model; gives what differs first, or undefined. */
export function compare(
  model: Model,
  open: (path: readonly string[]) => FoundFile,
  options: CompareOptions,
): string | undefined {
  const visit = (file: ModelFile, path: readonly string[]): string | undefined => {
    const where = JSON.stringify(`/${path.join('/')}`);
    let found: FoundFile;
    try {
      found = open(path);
      const problem = differs(found, file, options, path.length === 0);
      if (problem !== undefined) return `${where}: ${problem}`;
    } catch (error) {
      return `${where}: ${String(error)}`;
    }
    if (file.type !== 'directory') return undefined;
    const expected = [...file.names.values()].map(({ name }) => name).toSorted();
    const names = found
      .names()
      .filter((name) => path.length > 0 || name !== 'lost+found')
      .toSorted();
    const missing = expected.filter((name) => !names.includes(name));
    const surplus = names.filter((name) => !expected.includes(name));
    if (missing.length > 0 || surplus.length > 0 || names.length !== expected.length) {
      return `${where}: lacks ${JSON.stringify(missing)}, has also ${JSON.stringify(surplus)}`;
    }
    for (const { name, file: child } of file.names.values()) {
      const problem = visit(child, [...path, name]);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  return visit(model.root, []);
}

function differs(
  found: FoundFile,
  file: ModelFile,
  options: CompareOptions,
  isRoot: boolean,
): string | undefined {
  const type = fileTypeOf(found.mode);
  if (type !== file.type) return `is a ${type}, not a ${file.type}`;
  const numbers: [string, number, number][] = [];
  if (options.unix) {
    numbers.push(['mode', found.mode, modeOf(file)]);
    numbers.push(['owner', found.uid, file.uid], ['group', found.gid, file.gid]);
    // lost+found is one directory more.
    numbers.push(['links', found.nlink, file.links + (isRoot ? 1 : 0)]);
    if (type === 'chardev' || type === 'blockdev') numbers.push(['device', found.rdev, file.rdev]);
  }
  if (type === 'file') numbers.push(['size', found.size, file.content.size]);
  if (file.mtime !== undefined && !isRoot) {
    numbers.push(['mtime', found.mtime, file.mtime.seconds]);
    if (!options.coarseTimes) numbers.push(['nanoseconds of mtime', found.mtimeNsec, file.mtime.nanoseconds]);
  }
  if (found.flags !== undefined) numbers.push(['flags', found.flags() & 0xc0, file.flags]);
  for (const [what, is, should] of numbers) if (is !== should) return `${what} is ${is}, not ${should}`;
  if (type === 'symlink' && found.target() !== file.target)
    return `leads to ${found.target()}, not ${file.target}`;
  if (type === 'file') {
    const at = file.content.differsFrom(found.read);
    if (at >= 0) return `content differs at byte ${at} of ${file.content.size}`;
  }
  if (!options.unix) return undefined;
  const xattrs = found.xattrs();
  for (const [name, value] of file.xattrs) {
    const is = xattrs.get(name);
    if (is === undefined) return `${name} is missing`;
    if (Buffer.compare(is, value) !== 0) return `${name} differs`;
  }
  const surplus = [...xattrs.keys()].find((name) => !file.xattrs.has(name));
  return surplus === undefined ? undefined : `${surplus} is there`;
}

/** Files as our own driver reads them. */
export function ours(fs: FileSystem): (path: readonly string[]) => FoundFile {
  return (path) => {
    let inode = fs.root;
    for (const name of path) {
      inode = fs.lookup(inode, name);
      if (inode === 0) throw new Error(`${JSON.stringify(name)} is not found`);
    }
    return {
      ...fs.stat(inode),
      names: () => [...fs.readdir(inode)].map(({ name }) => name),
      target: () => fs.readlink(inode),
      read: (offset, into) => void fs.read(inode, offset, into),
      xattrs: () => new Map(fs.xattrs(inode).map(({ name, value }) => [name, value])),
      ...(fs.flags === undefined ? {} : { flags: () => fs.flags?.(inode) ?? 0 }),
    };
  };
}
