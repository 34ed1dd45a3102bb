import { GuestfsError } from '../../errors/index.ts';
import {
  makeDevice,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../filesystems/mode.ts';
import { removeTree } from '../../vfs/remove.ts';
import { findTarget, isName, wantExisting, type Target } from '../../vfs/target.ts';
import type { ActionContext } from '../context.ts';
import { invalid, isDirectory, makeNew, newMode, randomLetters, writerOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';

function remove(context: ActionContext, path: string, force: boolean): void {
  const { files } = context.platform;
  let target: Target;
  try {
    target = findTarget(files, path);
  } catch (error) {
    if (force && error instanceof GuestfsError && error.code === 'ENOENT') return;
    throw error;
  }
  if (target.file === undefined && force) return;
  const { file } = wantExisting(files, target);
  if (!isName(target) || isDirectory(context, file)) {
    throw new GuestfsError('EISDIR', `${path}: Is a directory`, { path });
  }
  writerOf(context).unlink(target.directory, target.name);
}

function removeDirectory(context: ActionContext, path: string): void {
  const { files } = context.platform;
  const target = findTarget(files, path);
  switch (target.name) {
    case '':
      throw new GuestfsError('EBUSY', `${path}: the root directory cannot be removed`, { path });
    case '.':
      throw invalid(path, 'a directory cannot be removed by the name .');
    case '..':
      throw new GuestfsError('ENOTEMPTY', `${path}: it holds a directory`, { path });
  }
  wantExisting(files, target);
  writerOf(context).rmdir(target.directory, target.name);
}

function removeAll(context: ActionContext, path: string): void {
  const { files } = context.platform;
  let target: Target;
  try {
    target = findTarget(files, path);
  } catch (error) {
    if (error instanceof GuestfsError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return;
    throw error;
  }
  if (!isName(target)) throw invalid(path, 'the directories /, . and .. cannot be removed');
  removeTree(files, writerOf(context), target.directory, target.name, () => context.checkCancelled());
}

function makeDirectory(context: ActionContext, path: string, mode: number): void {
  if (mode < 0) throw invalid(path, `the mode ${mode} is negative`);
  makeNew(context, path, { mode: S_IFDIR | (mode & 0o1777) });
}

/** mkdir -p: what is missing of a path; links in it are followed as in any path. */
function makeDirectories(context: ActionContext, path: string): void {
  const { files } = context.platform;
  const missing: string[] = [];
  for (let at = path; ; at = at.slice(0, at.replace(/\/+$/, '').lastIndexOf('/')) || '/') {
    try {
      const file = files.resolve(at);
      if (isDirectory(context, file)) break;
      throw new GuestfsError('ENOTDIR', `${path}: ${at} is not a directory`, { path });
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'ENOENT') throw error;
      missing.push(at);
    }
  }
  for (const directory of missing.reverse()) {
    // "a/." is there once "a" is.
    if (/\/\.\.?\/*$/.test(directory)) continue;
    makeDirectory(context, directory, 0o777);
  }
}

function makeNode(context: ActionContext, mode: number, major: number, minor: number, path: string): void {
  if (mode < 0) throw invalid(path, `the mode ${mode} is negative`);
  const type = mode & S_IFMT || S_IFREG;
  if (type === S_IFDIR) {
    throw new GuestfsError('EPERM', `${path}: a directory is made with mkdir, not with mknod`, { path });
  }
  if (![S_IFREG, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK].includes(type)) {
    throw invalid(path, `mode 0${mode.toString(8)} is not that of a file, device, pipe or socket`);
  }
  const device = type === S_IFBLK || type === S_IFCHR;
  if (device && (major < 0 || minor < 0 || major > 0xfff || minor > 0xfffff)) {
    throw invalid(path, `the device numbers ${major}:${minor} are beyond 4095:1048575`);
  }
  makeNew(context, path, {
    mode: type | (mode & 0o7777),
    ...(device ? { rdev: makeDevice(major, minor) } : {}),
  });
}

function makeTyped(
  context: ActionContext,
  type: number,
  mode: number,
  major: number,
  minor: number,
  path: string,
): void {
  if (mode < 0) throw invalid(path, `the mode ${mode} is negative`);
  if ((mode & ~0o7777) !== 0)
    throw invalid(path, `the mode 0${mode.toString(8)} has more than permissions in it`);
  makeNode(context, type | mode, major, minor, path);
}

const ATTEMPTS = 1000;

function makeTemporary(context: ActionContext, template: string, suffix: string, mode: number): string {
  if (!template.endsWith('XXXXXX')) throw invalid(template, 'the template does not end in XXXXXX');
  if (suffix.includes('/')) throw invalid(template, `the suffix ${suffix} has a / in it`);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = `${template.slice(0, -6)}${randomLetters(6)}${suffix}`;
    const target = findTarget(context.platform.files, path);
    if (target.file !== undefined) continue;
    const final = newMode(context, target.directory, mode);
    writerOf(context).create(target.directory, target.name, { mode: final, uid: 0, gid: 0 });
    return path;
  }
  throw new GuestfsError('EEXIST', `${template}: no name was free in ${ATTEMPTS} attempts`, {
    path: template,
  });
}

function rename(context: ActionContext, from: string, to: string): void {
  const { files } = context.platform;
  const source = findTarget(files, from);
  const target = findTarget(files, to);
  for (const { path, ...rest } of [source, target]) {
    if (!isName({ path, ...rest })) {
      throw new GuestfsError('EBUSY', `${path}: /, . and .. cannot be renamed`, { path });
    }
  }
  const { file } = wantExisting(files, source);
  if (target.slash && !isDirectory(context, file)) {
    throw new GuestfsError('ENOTDIR', `${to}: it ends in a slash, and ${from} is not a directory`, {
      path: to,
    });
  }
  writerOf(context).rename(source.directory, source.name, target.directory, target.name);
}

/** Entries that make e2fsck's `lost+found` as large as mklost+found(8) makes it: 16 KiB. */
const LOST_AND_FOUND_BYTES = 16 * 1024;

function makeLostAndFound(context: ActionContext, mountpoint: string): void {
  const { files } = context.platform;
  const writer = writerOf(context);
  const path = `${mountpoint.replace(/\/+$/, '')}/lost+found`;
  const { file } = makeNew(context, path, { mode: S_IFDIR | 0o700 });
  const name = (number: number): string => `${'x'.repeat(240)}${number}`;
  let count = 0;
  while (files.stat(file).size < LOST_AND_FOUND_BYTES && count < 256) {
    writer.create(file, name(count++), { mode: S_IFREG | 0o600, uid: 0, gid: 0 });
  }
  while (count > 0) writer.unlink(file, name(--count));
}

/** Names of files and directories: made, changed, removed. */
export const namesActions = {
  rm: (context, path) => remove(context, path, false),

  rm_f: (context, path) => remove(context, path, true),

  rmdir: removeDirectory,

  rm_rf: removeAll,

  rename,

  mkdir: (context, path) => makeDirectory(context, path, 0o777),

  mkdir_mode: makeDirectory,

  mkdir_p: makeDirectories,

  mkdtemp: (context, template) => makeTemporary(context, template, '', S_IFDIR | 0o700),

  mktemp: (context, template, { suffix = '' }) => makeTemporary(context, template, suffix, S_IFREG | 0o600),

  mklost_and_found: makeLostAndFound,

  mknod: makeNode,

  mknod_b: (context, mode, major, minor, path) => makeTyped(context, S_IFBLK, mode, major, minor, path),

  mknod_c: (context, mode, major, minor, path) => makeTyped(context, S_IFCHR, mode, major, minor, path),

  mkfifo: (context, mode, path) => makeTyped(context, S_IFIFO, mode, 0, 0, path),
} satisfies Partial<DaemonActions>;
