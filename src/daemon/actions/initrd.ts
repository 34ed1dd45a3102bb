import { decodeText, encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { initrdEntries } from '../../vfs/cpio/initrd.ts';
import type { CpioEntry } from '../../vfs/cpio/reader.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import { BUFFER_CAP, chunksOf, fileContent } from '../content.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { TextList } from '../text-list.ts';

const MAX_LINKS = 8;

function* entriesOf(context: ActionContext, path: string): Generator<CpioEntry, void, void> {
  try {
    for (const entry of initrdEntries(chunksOf(context, fileContent(context, path)))) {
      context.checkCancelled();
      yield entry;
    }
  } catch (error) {
    if (error instanceof GuestfsError) error.path ??= path;
    throw error;
  }
}

/** A name without what does not matter: `./bin//sh` and `/bin/sh` are `bin/sh`; `..` is taken back. */
function normal(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The content of a member, or where a link leads. */
function find(context: ActionContext, path: string, wanted: string): Uint8Array | { link: string } {
  let inode: number | undefined;
  for (const entry of entriesOf(context, path)) {
    const type = entry.mode & S_IFMT;
    if (inode === undefined ? normal(entry.name) !== wanted : entry.inode !== inode) continue;
    if (type === S_IFDIR) throw fail('EISDIR', path, wanted, 'Is a directory');
    if (type === S_IFLNK) {
      const target = decodeText(entry.content(4096));
      return { link: target.startsWith('/') ? target : `${wanted}/../${target}` };
    }
    if (type !== S_IFREG) throw fail('EINVAL', path, wanted, 'it is not a regular file');
    // Of a file with several names only one member, mostly the last, has the content.
    if (entry.size === 0 && entry.nlink > 1 && entry.inode !== 0) {
      inode = entry.inode;
      continue;
    }
    if (entry.size > BUFFER_CAP) throw fail('EFBIG', path, wanted, `it has ${entry.size} bytes`);
    return entry.content(entry.size);
  }
  if (inode !== undefined) return new Uint8Array(0);
  throw fail('ENOENT', path, wanted, 'No such file or directory in the archive');
}

function fail(
  code: 'EISDIR' | 'EINVAL' | 'EFBIG' | 'ENOENT' | 'ELOOP',
  path: string,
  name: string,
  why: string,
) {
  return new GuestfsError(code, `${path}:${name}: ${why}`, { path });
}

/** Initial RAM disks. */
export const initrdActions = {
  initrd_list(context, path) {
    const found = new TextList(path);
    for (const { name } of entriesOf(context, path)) found.add(encodeText(name));
    return found.lines;
  },

  initrd_cat(context, initrdpath, filename) {
    let name = normal(filename);
    for (let links = 0; links <= MAX_LINKS; links++) {
      const found = find(context, initrdpath, name);
      if (found instanceof Uint8Array) return found;
      name = normal(found.link);
    }
    throw fail('ELOOP', initrdpath, filename, 'too many symbolic links');
  },
} satisfies Partial<DaemonActions>;
