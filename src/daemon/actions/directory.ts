import type { Dirent } from '../../actions/generated/structs.ts';
import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { DirEntry, FileType } from '../../filesystems/filesystem.ts';
import { fileTypeOf } from '../../filesystems/mode.ts';
import { glob } from '../../vfs/glob.ts';
import { sortBytes } from '../../vfs/order.ts';
import type { FileRef } from '../../vfs/tree.ts';
import { walk, type WalkEntry } from '../../vfs/walk.ts';
import type { ActionContext, ByteSink } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { longListing } from '../listing.ts';
import { BufferedSink } from '../sink.ts';
import { lookupName } from './stat.ts';

/** Letters of struct dirent's `ftyp`. */
const TYPE_LETTERS: Record<FileType, string> = {
  file: 'r',
  directory: 'd',
  symlink: 'l',
  chardev: 'c',
  blockdev: 'b',
  fifo: 'f',
  socket: 's',
  unknown: 'u',
};

/** Entries of a directory as readdir(3) gives them: `.` and `..`, then the others as they are stored. */
function* entriesOf({ platform }: ActionContext, path: string): Generator<Dirent> {
  const { files } = platform;
  const directory = files.resolve(path);
  const entries = files.readdir(directory)[Symbol.iterator]();
  // The first entry is asked for before anything is given, so that what is no directory fails at once.
  let next = entries.next();
  yield { ino: files.stat(directory).inode, ftyp: 'd', name: '.' };
  yield { ino: files.stat(files.lookup(directory, '..') ?? directory).inode, ftyp: 'd', name: '..' };
  for (; !next.done; next = entries.next()) {
    const { inode, type, name } = next.value;
    yield { ino: inode, ftyp: TYPE_LETTERS[type], name };
  }
}

function names(context: ActionContext, path: string): Iterable<DirEntry> {
  const { files } = context.platform;
  return files.readdir(files.resolve(path));
}

/** Everything below a directory; a link to a directory is not followed, and so has nothing below. */
function* below(context: ActionContext, path: string): Generator<WalkEntry> {
  const { files } = context.platform;
  if (fileTypeOf(files.stat(files.resolve(path)).mode) !== 'directory') {
    throw new GuestfsError('ENOTDIR', `${path}: not a directory`, { path });
  }
  const start = files.resolve(path, { followLast: false });
  if (fileTypeOf(files.stat(start).mode) !== 'directory') return;
  for (const entry of walk(files, start)) {
    context.checkCancelled();
    yield entry;
  }
}

function readlinklist({ platform }: ActionContext, path: string, list: readonly string[]): string[] {
  const { files } = platform;
  const directory = files.resolve(path);
  return list.map((name) => {
    const ref = lookupName(files, directory, name);
    if (ref === undefined || fileTypeOf(files.stat(ref).mode) !== 'symlink') return '';
    return files.readlink(ref);
  });
}

/** The wire's form of struct dirent (RFC 4506): hyper, int, string padded to 4. */
function writeDirents(entries: Iterable<Dirent>, out: ByteSink): void {
  const sink = new BufferedSink(out);
  for (const { ino, ftyp, name } of entries) {
    const bytes = encodeText(name);
    const record = new Uint8Array(16 + Math.ceil(bytes.length / 4) * 4);
    const view = new DataView(record.buffer);
    view.setBigInt64(0, BigInt(ino));
    view.setInt32(8, ftyp.charCodeAt(0));
    view.setUint32(12, bytes.length);
    record.set(bytes, 16);
    sink.write(record);
  }
  sink.flush();
}

function writeNames(context: ActionContext, list: Iterable<{ readonly name: string }>, out: ByteSink): void {
  const sink = new BufferedSink(out);
  for (const { name } of list) {
    context.checkCancelled();
    sink.writeText(`${name}\0`);
  }
  sink.flush();
}

/**
 * The path as it is spelled on disk: each name exactly if it is there, else the first that differs in case only.
 * The last may be missing altogether, as for a file that is about to be made.
 */
function caseSensitivePath({ platform }: ActionContext, path: string): string {
  const { files } = platform;
  if (!path.startsWith('/')) {
    throw new GuestfsError('EINVAL', `${path}: the path must be absolute, beginning with /`, { path });
  }
  const parts = path.split('/').filter((part) => part !== '');
  let directory: FileRef = files.resolve('/');
  let found = '';
  for (const [i, part] of parts.entries()) {
    const name = spelling(files.readdir(directory), part);
    const last = i === parts.length - 1;
    if (name === undefined) {
      if (last) return `${found}/${part}`;
      throw new GuestfsError(
        'ENOENT',
        `${path}: ${part}: no file or directory of this name in ${found || '/'}`,
        {
          path,
        },
      );
    }
    found += `/${name}`;
    if (!last) directory = files.resolve(found);
  }
  return found || '/';
}

function spelling(entries: Iterable<DirEntry>, wanted: string): string | undefined {
  const lower = wanted.toLowerCase();
  let similar: string | undefined;
  for (const { name } of entries) {
    if (name === wanted) return name;
    if (similar === undefined && name.toLowerCase() === lower) similar = name;
  }
  return similar;
}

/** Listing and finding names. */
export const directoryActions = {
  readdir: (context, dir) => [...entriesOf(context, dir)],

  internal_readdir: (context, dir, out) => writeDirents(entriesOf(context, dir), out),

  find: (context, directory) => sortBytes(Array.from(below(context, directory), ({ path }) => path)),

  find0(context, directory, out) {
    const sink = new BufferedSink(out);
    for (const { path } of below(context, directory)) sink.writeText(`${path}\0`);
    sink.flush();
  },

  ls: (context, directory) => sortBytes(Array.from(names(context, directory), ({ name }) => name)),

  ls0: (context, directory, out) => writeNames(context, names(context, directory), out),

  ll: ({ platform }, directory) => longListing(platform.files, directory),

  llz: ({ platform }, directory) => longListing(platform.files, directory, { context: true }),

  glob_expand: ({ platform }, pattern, options) =>
    glob(platform.files, pattern, { markDirectories: options.directoryslash ?? true }),

  realpath: ({ platform }, path) => platform.files.realpath(path),

  readlink: ({ platform }, path) =>
    platform.files.readlink(platform.files.resolve(path, { followLast: false })),

  readlinklist,

  internal_readlinklist: readlinklist,

  case_sensitive_path: caseSensitivePath,
} satisfies Partial<DaemonActions>;
