import { decodeText } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import { S_IFMT, S_IFREG } from '../filesystems/mode.ts';
import type { FileTree } from '../vfs/tree.ts';

/** A passwd file beyond this size is taken for damaged. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Names of ids as the guest's /etc/passwd or /etc/group has them; an empty string for others. A file that is
 * missing or cannot be read gives no names.
 */
export function guestNames(files: FileTree, path: '/etc/passwd' | '/etc/group'): (id: number) => string {
  const names = new Map<number, string>();
  for (const line of smallFile(files, path).split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name !== '' && /^\d{1,10}$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
  }
  return (id) => names.get(id) ?? '';
}

/** Ids of names, as the guest's /etc/passwd or /etc/group has them; the first line of a name counts. */
export function guestIds(
  files: FileTree,
  path: '/etc/passwd' | '/etc/group',
): (name: string) => number | undefined {
  let ids: Map<string, number> | undefined;
  return (wanted) => {
    if (ids === undefined) {
      ids = new Map();
      for (const line of smallFile(files, path).split('\n')) {
        const [name = '', , id = ''] = line.split(':');
        if (name !== '' && /^\d{1,10}$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
      }
    }
    return ids.get(wanted);
  };
}

function smallFile(files: FileTree, path: string): string {
  try {
    const ref = files.resolve(path);
    const { size, mode } = files.stat(ref);
    if ((mode & S_IFMT) !== S_IFREG || size > MAX_BYTES) return '';
    const bytes = new Uint8Array(size);
    return decodeText(bytes, 0, files.read(ref, 0, bytes));
  } catch (error) {
    if (error instanceof GuestfsError) return '';
    throw error;
  }
}
