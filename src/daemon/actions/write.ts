import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import { findTarget } from '../../vfs/target.ts';
import type { ActionContext } from '../context.ts';
import {
  dropPrivileges,
  existingFile,
  invalid,
  now,
  openFile,
  orRemove,
  replaceFile,
  umaskOf,
  writerOf,
} from '../file-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';

function write(context: ActionContext, path: string, content: Uint8Array): void {
  replaceFile(context, path, content.length, (replacement) => replacement.write(content));
}

function writeAppend(context: ActionContext, path: string, content: Uint8Array): void {
  const opened = openFile(context, path);
  orRemove(context, opened, () => {
    writerOf(context).write(opened.file, opened.size, content);
    dropPrivileges(context, opened.file);
  });
}

function pwrite(context: ActionContext, path: string, content: Uint8Array, offset: number): number {
  const file = existingFile(context, path);
  if (offset < 0) throw invalid(path, `the offset ${offset} is negative`);
  if (content.length === 0) return 0;
  writerOf(context).write(file, offset, content);
  dropPrivileges(context, file);
  return content.length;
}

function truncateTo(context: ActionContext, path: string, size: number): void {
  if (size < 0) throw invalid(path, `the size ${size} is negative`);
  const file = existingFile(context, path);
  writerOf(context).truncate(file, size);
  dropPrivileges(context, file);
}

function touch(context: ActionContext, path: string): void {
  const { files } = context.platform;
  const { file, slash } = findTarget(files, path);
  if (file !== undefined && (files.stat(file).mode & S_IFMT) !== S_IFREG) {
    throw invalid(path, 'touch works on regular files only');
  }
  if (file !== undefined && slash) throw new GuestfsError('ENOTDIR', `${path}: Not a directory`, { path });
  const opened = openFile(context, path);
  if (opened.made !== undefined) return;
  const time = now();
  writerOf(context).setAttributes(opened.file, { atime: time, mtime: time });
}

function writeFile(context: ActionContext, path: string, content: string, size: number): void {
  const bytes = encodeText(content);
  if (size < 0 || size > bytes.length) {
    throw invalid(path, `the size ${size} is not within the content, which has ${bytes.length} bytes`);
  }
  write(context, path, size === 0 ? bytes : bytes.subarray(0, size));
}

/** The content of files, and what new ones are not given. */
export const writeActions = {
  umask(context, mask) {
    if (mask < 0 || mask > 0o777) {
      throw new GuestfsError('EINVAL', `umask 0${mask.toString(8)} is not in the range 0 to 0777`);
    }
    const slot = umaskOf(context);
    const old = slot.value;
    slot.value = mask;
    return old;
  },

  get_umask: (context) => umaskOf(context).value,

  write,

  internal_write: write,

  write_append: writeAppend,

  internal_write_append: writeAppend,

  write_file: writeFile,

  pwrite,

  truncate: (context, path) => truncateTo(context, path, 0),

  truncate_size: truncateTo,

  touch,
} satisfies Partial<DaemonActions>;
