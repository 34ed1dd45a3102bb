import { clockMilliseconds } from '../bytes/clock.ts';
import { randomBytes } from '../crypto/random.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import type { NewFile, Replacement, Timestamp } from '../filesystems/writer.ts';
import { ACL_DEFAULT } from '../vfs/acl.ts';
import { CAPABILITY } from '../vfs/capability.ts';
import { replacing } from '../vfs/copy-content.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../filesystems/mode.ts';
import { findOpenTarget, findTarget, wantNew, type Target } from '../vfs/target.ts';
import type { TreeWriter } from '../vfs/tree-writer.ts';
import type { FileRef } from '../vfs/tree.ts';
import type { ActionContext } from './context.ts';

const DEFAULT_UMASK = 0o022;

/** EINVAL about a path. */
export function invalid(path: string, why: string): GuestfsError {
  return new GuestfsError('EINVAL', `${path}: ${why}`, { path });
}

/** The mask of permissions that new files do not get, which the session keeps. */
export function umaskOf({ state }: ActionContext): { value: number } {
  return state.slot('umask', () => ({ value: DEFAULT_UMASK }));
}

/** What changes the guest's files. Throws ENOTSUP where the platform only reads. */
export function writerOf({ platform }: ActionContext): TreeWriter {
  const { writer } = platform.files;
  if (writer === undefined) throw new UnsupportedError('the files of this platform cannot be changed');
  return writer;
}

/** Permissions less the umask, unless the directory has a default ACL that says what new files get (acl(5)). */
export function newMode(context: ActionContext, directory: FileRef, mode: number): number {
  const umask = umaskOf(context).value;
  if ((mode & umask) === 0) return mode;
  const inherits = context.platform.files.xattrs(directory).some(({ name }) => name === ACL_DEFAULT);
  return inherits ? mode : mode & ~umask;
}

/** Make a new name, as mkdir(2), mknod(2) and symlink(2) do: owned by root, its mode less the umask. */
export function makeNew(
  context: ActionContext,
  path: string,
  file: Omit<NewFile, 'uid' | 'gid'>,
): { target: Target; file: FileRef } {
  const { files } = context.platform;
  const target = findTarget(files, path);
  wantNew(target, (file.mode & S_IFMT) === S_IFDIR);
  const mode = newMode(context, target.directory, file.mode);
  const made = writerOf(context).create(target.directory, target.name, { ...file, mode, uid: 0, gid: 0 });
  return { target, file: made };
}

/** A regular file that is there, links followed, as open(2) for writing. Throws ENOENT, EISDIR, EINVAL. */
export function existingFile({ platform }: ActionContext, path: string): FileRef {
  const file = platform.files.resolve(path);
  wantRegular(platform.files.stat(file).mode, path);
  return file;
}

/** A file that is open for writing. */
export interface OpenedFile {
  readonly file: FileRef;
  /** Bytes; 0 where it was made. */
  readonly size: number;
  /** Where it was made; undefined where it was there. */
  readonly made: Target | undefined;
}

/** A regular file, which is made if it is not there: open(2) with O_CREAT. Throws EISDIR, EINVAL. */
export function openFile(context: ActionContext, path: string, mode = 0o666): OpenedFile {
  const { files } = context.platform;
  const target = findOpenTarget(files, path);
  const { file, directory, name, slash } = target;
  if (file !== undefined) {
    const stat = files.stat(file);
    wantRegular(stat.mode, path);
    if (slash) throw new GuestfsError('EISDIR', `${path}: it ends in a slash, but is a file`, { path });
    return { file, size: stat.size, made: undefined };
  }
  if (slash) throw new GuestfsError('EISDIR', `${path}: it ends in a slash, but is to be a file`, { path });
  const newFile = { mode: S_IFREG | newMode(context, directory, mode), uid: 0, gid: 0 };
  return { file: writerOf(context).create(directory, name, newFile), size: 0, made: target };
}

function wantRegular(mode: number, path: string): void {
  const type = mode & S_IFMT;
  if (type === S_IFREG) return;
  if (type === S_IFDIR) throw new GuestfsError('EISDIR', `${path}: Is a directory`, { path });
  throw new GuestfsError('EINVAL', `${path}: it is not a regular file and has no content here`, { path });
}

/** Run `change` on a file that {@link openFile} opened; one that was made disappears again where that fails. */
export function orRemove(context: ActionContext, { made }: OpenedFile, change: () => void): void {
  try {
    change();
  } catch (error) {
    if (made !== undefined) removeAgain(context, made);
    throw error;
  }
}

function removeAgain(context: ActionContext, { directory, name, path }: Target): void {
  try {
    writerOf(context).unlink(directory, name);
  } catch (error) {
    context.warn(`${path} is incomplete and could not be removed: ${(error as Error).message}`);
  }
}

/**
 * Give a file new content, making it if need be. Where that fails a file that was there keeps its old content, and a
 * new one disappears. `size` says in bytes how much will come, if that is known.
 */
export function replaceFile(
  context: ActionContext,
  path: string,
  size: number | undefined,
  fill: (content: Replacement) => void,
): void {
  const opened = openFile(context, path);
  orRemove(context, opened, () => {
    replacing(writerOf(context), opened.file, size, fill);
    if (opened.made === undefined) dropPrivileges(context, opened.file);
  });
}

/** What the kernel does when content changes: file capabilities go. */
export function dropPrivileges(context: ActionContext, file: FileRef): void {
  const has = context.platform.files.xattrs(file).some(({ name }) => name === CAPABILITY);
  if (has) writerOf(context).removeXattr(file, CAPABILITY);
}

/** The present time, as a file's. */
export function now(): Timestamp {
  const milliseconds = clockMilliseconds();
  return { seconds: Math.floor(milliseconds / 1000), nanoseconds: (milliseconds % 1000) * 1_000_000 };
}

/** Whether a file, which is not followed, is a directory. */
export function isDirectory({ platform }: ActionContext, file: FileRef): boolean {
  return (platform.files.stat(file).mode & S_IFMT) === S_IFDIR;
}

/** Characters of temporary names. */
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Letters and digits that nobody foresees, for temporary names. */
export function randomLetters(count: number): string {
  let letters = '';
  for (const byte of randomBytes(count)) letters += LETTERS[byte % LETTERS.length];
  return letters;
}
