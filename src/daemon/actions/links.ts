import { GuestfsError } from '../../errors/index.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../filesystems/mode.ts';
import { findTarget, isName, wantExisting, wantNew, type Target } from '../../vfs/target.ts';
import type { FileRef } from '../../vfs/tree.ts';
import type { ActionContext } from '../context.ts';
import { invalid, isDirectory, randomLetters, writerOf } from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** Where a link is made; ln(1), which makes symbolic ones, goes into a directory of that name. */
function linkTarget(
  context: ActionContext,
  linkname: string,
  force: boolean,
  intoDirectory: string | undefined,
): Target {
  const { files } = context.platform;
  let target = findTarget(files, linkname);
  if (target.file !== undefined && intoDirectory !== undefined) {
    const followed = follow(context, linkname);
    if (followed !== undefined && isDirectory(context, followed)) {
      const base = intoDirectory.replace(/\/+$/, '').split('/').at(-1) ?? '';
      target = findTarget(files, `${linkname.replace(/\/+$/, '')}/${base}`);
    }
  }
  if (force && isName(target) && target.file !== undefined) {
    if (isDirectory(context, target.file)) {
      throw new GuestfsError('EISDIR', `${target.path}: it is a directory and is not replaced by a link`, {
        path: target.path,
      });
    }
    return target;
  }
  wantNew(target);
  return target;
}

function follow({ platform }: ActionContext, path: string): FileRef | undefined {
  try {
    return platform.files.resolve(path);
  } catch (error) {
    if (error instanceof GuestfsError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function hardLink(context: ActionContext, existing: string, linkname: string, force: boolean): void {
  const { files } = context.platform;
  const path = existing.startsWith('/') ? existing : `/${existing}`;
  const { file, stat } = wantExisting(files, findTarget(files, path));
  if ((stat.mode & S_IFMT) === S_IFDIR) {
    throw new GuestfsError('EPERM', `${path}: a directory can have only one name`, { path });
  }
  const target = linkTarget(context, linkname, force, undefined);
  const writer = writerOf(context);
  if (target.file === undefined) {
    writer.link(target.directory, target.name, file);
    return;
  }
  const old = files.stat(target.file);
  if (old.inode === stat.inode && old.dev === stat.dev) {
    if (findTarget(files, path).path !== target.path) return;
    throw invalid(linkname, 'a file cannot take the place of itself');
  }
  throughTemporary(context, target, (name) => writer.link(target.directory, name, file));
}

function symbolicLink(context: ActionContext, content: string, linkname: string, force: boolean): void {
  if (content === '')
    throw new GuestfsError('ENOENT', `${linkname}: a link's target cannot be empty`, { path: linkname });
  const target = linkTarget(context, linkname, force, content);
  const link = { mode: S_IFLNK | 0o777, uid: 0, gid: 0, target: content };
  const writer = writerOf(context);
  if (target.file === undefined) writer.create(target.directory, target.name, link);
  else throughTemporary(context, target, (name) => void writer.create(target.directory, name, link));
}

/** Make a name in place of another in one step, as ln -f does: never neither of them is there. */
function throughTemporary(context: ActionContext, target: Target, make: (name: string) => void): void {
  const writer = writerOf(context);
  const { directory, name } = target;
  let temporary: string;
  do {
    temporary = `.ln-${randomLetters(8)}`;
  } while (context.platform.files.lookup(directory, temporary) !== undefined);
  make(temporary);
  try {
    writer.rename(directory, temporary, directory, name);
  } catch (error) {
    writer.unlink(directory, temporary);
    throw error;
  }
}

/** Hard and symbolic links. */
export const linksActions = {
  ln: (context, target, linkname) => hardLink(context, target, linkname, false),

  ln_f: (context, target, linkname) => hardLink(context, target, linkname, true),

  ln_s: (context, target, linkname) => symbolicLink(context, target, linkname, false),

  ln_sf: (context, target, linkname) => symbolicLink(context, target, linkname, true),
} satisfies Partial<DaemonActions>;
