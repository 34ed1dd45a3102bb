import { GuestfsError } from '../../errors/index.ts';
import type { AttributeChanges } from '../../filesystems/writer.ts';
import { TreeCopier } from '../../vfs/copy.ts';
import { copyContent } from '../../vfs/copy-content.ts';
import { removeTree } from '../../vfs/remove.ts';
import { findTarget, isName, wantExisting, type Target } from '../../vfs/target.ts';
import type { FileRef } from '../../vfs/tree.ts';
import { copyData } from '../copy-data.ts';
import type { ActionContext } from '../context.ts';
import {
  dropPrivileges,
  invalid,
  isDirectory,
  openFile,
  orRemove,
  umaskOf,
  writerOf,
} from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** Last component of a path; empty for what has no name of its own. */
function baseName(path: string): string {
  const base = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return base === '.' || base === '..' ? '' : base;
}

/** A directory of that path, links followed; undefined where it is none or not there. */
function directoryAt(context: ActionContext, path: string): FileRef | undefined {
  try {
    const file = context.platform.files.resolve(path);
    return isDirectory(context, file) ? file : undefined;
  } catch (error) {
    if (error instanceof GuestfsError && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

/** What a copy is of: a link at the end of a path is not followed, unless a slash follows it. */
function sourceOf(context: ActionContext, path: string): FileRef {
  const { files } = context.platform;
  return files.resolve(path, { followLast: path.endsWith('/') });
}

/** cp(1) of one file. */
function cp(context: ActionContext, src: string, dest: string): void {
  const { files } = context.platform;
  const from = files.resolve(src);
  const stat = files.stat(from);
  if (isDirectory(context, from)) {
    throw new GuestfsError('EISDIR', `${src}: it is a directory; cp_a and cp_r copy directories`, {
      path: src,
    });
  }
  const into = directoryAt(context, dest);
  const path = into === undefined ? dest : `${dest.replace(/\/+$/, '')}/${baseName(src)}`;
  const dangling = findTarget(files, path).file;
  if (dangling !== undefined) {
    // Throws ENOENT for a link that leads nowhere, which cp does not write through.
    const old = files.stat(files.resolve(path));
    if (old.inode === stat.inode && old.dev === stat.dev)
      throw invalid(path, `it is the same file as ${src}`);
  }
  files.read(from, 0, new Uint8Array(0));
  const opened = openFile(context, path, stat.mode & 0o777);
  orRemove(context, opened, () => {
    copyContent(files, writerOf(context), from, opened.file, stat.size, (done) => {
      context.checkCancelled();
      context.progress(Math.min(done, stat.size), stat.size);
    });
    if (opened.made === undefined) dropPrivileges(context, opened.file);
  });
}

function copier(context: ActionContext, archive: boolean): TreeCopier {
  return new TreeCopier(context.platform.files, writerOf(context), {
    archive,
    umask: umaskOf(context).value,
    tick: () => context.checkCancelled(),
  });
}

function cpTree(context: ActionContext, src: string, dest: string, archive: boolean): void {
  const { files } = context.platform;
  const source = sourceOf(context, src);
  const into = directoryAt(context, dest);
  const base = baseName(src);
  const copy = copier(context, archive);
  if (into === undefined) {
    const target = findTarget(files, dest);
    if (target.slash && !isDirectory(context, source)) {
      throw new GuestfsError('ENOTDIR', `${dest}: it ends in a slash and is not a directory`, { path: dest });
    }
    copy.copy(source, target.directory, target.name);
  } else if (base === '') copy.merge(source, into);
  else copy.copy(source, into, base);
  if (copy.problem !== undefined) {
    context.warn(`${dest}: everything was copied, but owners and special modes were not kept`);
    throw copy.problem;
  }
}

/** mv(1): a rename where that is possible, else a copy that keeps everything, after which the original is removed. */
function mv(context: ActionContext, src: string, dest: string): void {
  const { files } = context.platform;
  const writer = writerOf(context);
  const source = findTarget(files, src);
  if (!isName(source)) throw new GuestfsError('EBUSY', `${src}: /, . and .. cannot be moved`, { path: src });
  const { file, stat } = wantExisting(files, source);
  const into = directoryAt(context, dest);
  const target: Target =
    into === undefined
      ? findTarget(files, dest)
      : findTarget(files, `${dest.replace(/\/+$/, '')}/${source.name}`);
  if (target.slash && !isDirectory(context, file)) {
    throw new GuestfsError('ENOTDIR', `${dest}: it ends in a slash and is not a directory`, { path: dest });
  }
  if (target.file !== undefined) {
    const old = files.stat(target.file);
    if (
      old.inode === stat.inode &&
      old.dev === stat.dev &&
      files.pathOf(target.file) !== files.pathOf(file)
    ) {
      if (stat.nlink > 1 && !isDirectory(context, file)) {
        writer.unlink(source.directory, source.name);
        return;
      }
    } else if (old.inode === stat.inode && old.dev === stat.dev)
      throw invalid(dest, `it is the same file as ${src}`);
  }
  try {
    writer.rename(source.directory, source.name, target.directory, target.name);
    return;
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code !== 'EXDEV') throw error;
  }
  if (target.file !== undefined) {
    if (isDirectory(context, target.file)) writer.rmdir(target.directory, target.name);
    else writer.unlink(target.directory, target.name);
  }
  const tick = (): void => context.checkCancelled();
  const copy = copier(context, true);
  try {
    copy.copy(file, target.directory, target.name);
  } catch (error) {
    removeTree(files, writer, target.directory, target.name);
    throw error;
  }
  // Like mv(1), which moves to such filesystems all the same.
  if (copy.problem !== undefined) context.warn(`${dest}: owners and special modes were not kept`);
  removeTree(files, writer, source.directory, source.name, tick);
}

/** Options of copy_attributes. */
/** Which attributes are copied. */
export interface AttributeOptions {
  all?: boolean;
  mode?: boolean;
  xattributes?: boolean;
  ownership?: boolean;
}

function copyAttributes(context: ActionContext, src: string, dest: string, options: AttributeOptions): void {
  const { files } = context.platform;
  const from = files.resolve(src);
  const to = files.resolve(dest);
  const writer = writerOf(context);
  const { all = false, mode = all, xattributes = all, ownership = all } = options;
  const stat = files.stat(from);
  const changes: AttributeChanges = {};
  if (ownership || all) Object.assign(changes, { uid: stat.uid, gid: stat.gid });
  if (mode || all) changes.mode = stat.mode & 0o7777;
  if (Object.keys(changes).length > 0) writer.setAttributes(to, changes);
  if (xattributes || all) for (const { name, value } of files.xattrs(from)) writer.setXattr(to, name, value);
}

/** Copies within the guest, between files and devices. */
export const copyActions = {
  cp,

  cp_a: (context, src, dest) => cpTree(context, src, dest, true),

  cp_r: (context, src, dest) => cpTree(context, src, dest, false),

  mv,

  copy_attributes: copyAttributes,

  copy_device_to_device: (context, src, dest, options) =>
    copyData(context, { device: src }, { device: dest }, options),

  copy_device_to_file: (context, src, dest, options) =>
    copyData(context, { device: src }, { path: dest }, options),

  copy_file_to_device: (context, src, dest, options) =>
    copyData(context, { path: src }, { device: dest }, options),

  copy_file_to_file: (context, src, dest, options) =>
    copyData(context, { path: src }, { path: dest }, options),

  dd: (context, src, dest) => copyData(context, src, dest, {}),

  copy_size: (context, src, dest, size) => copyData(context, src, dest, { size }),
} satisfies Partial<DaemonActions>;
