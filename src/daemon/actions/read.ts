import { decodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../../filesystems/mode.ts';
import {
  BUFFER_CAP,
  CHUNK_BYTES,
  deviceContent,
  fileContent,
  readAll,
  TEXT_CAP,
  type Content,
} from '../content.ts';
import type { ActionContext } from '../context.ts';
import { fileArchitecture } from '../file-architecture.ts';
import { describeFile, describeDecompressed } from '../file-description.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { TextList } from '../text-list.ts';

function pread(context: ActionContext, content: Content, count: number, offset: number): Uint8Array {
  if (count < 0) throw new GuestfsError('EINVAL', `${content.name}: the count ${count} is negative`);
  if (offset < 0) throw new GuestfsError('EINVAL', `${content.name}: the offset ${offset} is negative`);
  const length = Math.max(0, Math.min(count, content.size - offset));
  return readAll(context, {
    name: content.name,
    size: length,
    read: (at, into) => content.read(offset + at, into),
    extents: (at, size) => content.extents(offset + at, size),
  });
}

function equal(context: ActionContext, first: string, second: string): boolean {
  const { files } = context.platform;
  const one = files.stat(files.resolve(first));
  const other = files.stat(files.resolve(second));
  if (one.dev === other.dev && one.inode === other.inode) return true;
  const a = fileContent(context, first);
  const b = fileContent(context, second);
  if (a.size !== b.size) return false;
  const left = new Uint8Array(Math.min(CHUNK_BYTES, a.size));
  const right = new Uint8Array(left.length);
  for (let at = 0; at < a.size; at += left.length) {
    context.checkCancelled();
    const got = a.read(at, left);
    if (b.read(at, right) !== got) return false;
    if (Buffer.compare(left.subarray(0, got), right.subarray(0, got)) !== 0) return false;
    context.progress(at + got, a.size);
  }
  return true;
}

/** Lines without their ends, which are `\n` or `\r\n`. */
function readLines(context: ActionContext, path: string): string[] {
  const bytes = readAll(context, fileContent(context, path), TEXT_CAP);
  const found = new TextList(path);
  found.addLines(bytes);
  return found.lines;
}

/** Reading files, and saying what they are. */
export const readActions = {
  cat: (context, path) => decodeText(readAll(context, fileContent(context, path), TEXT_CAP)),

  read_file: (context, path) => readAll(context, fileContent(context, path), BUFFER_CAP),

  read_lines: readLines,

  pread: (context, path, count, offset) => pread(context, fileContent(context, path), count, offset),

  pread_device: (context, device, count, offset) =>
    pread(context, deviceContent(context, device), count, offset),

  equal,

  file(context, where) {
    if ('device' in where) return describeFile(context, deviceContent(context, where.device));
    const { files } = context.platform;
    const { path } = where;
    const { mode } = files.stat(files.resolve(path, { followLast: false }));
    switch (mode & S_IFMT) {
      case S_IFLNK:
        return 'symbolic link';
      case S_IFDIR:
        return 'directory';
      case S_IFCHR:
        return 'character device';
      case S_IFBLK:
        return 'block device';
      case S_IFIFO:
        return 'FIFO';
      case S_IFSOCK:
        return 'socket';
      default:
        return describeFile(context, fileContent(context, path));
    }
  },

  zfile: (context, meth, path) => describeDecompressed(context, meth, fileContent(context, path)),

  file_architecture: fileArchitecture,
} satisfies Partial<DaemonActions>;
