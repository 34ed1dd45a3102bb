import { GuestfsError } from '../../errors/index.ts';

/**
 * The parts of a name that comes from a guest or an archive and is used below a folder of the host; `.` and empty
 * parts are dropped. Throws EPERM for `..`, an absolute name, a NUL, and what Windows would take for a separator or
 * a drive.
 */
export function memberParts(name: string, platform: NodeJS.Platform = process.platform): string[] {
  if (name.startsWith('/')) throw escape(name, 'it is absolute');
  if (name.includes('\0')) throw escape(name, 'it has a NUL byte');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw escape(name, 'it has .. in it');
    if (platform === 'win32' && /[\\:]/.test(part)) throw escape(name, 'it has a \\ or : in it');
  }
  return parts;
}

function escape(name: string, why: string): GuestfsError {
  return new GuestfsError('EPERM', `the name '${name}' is refused: ${why}`, { path: name });
}

/**
 * True if the target of a symbolic link in `folder`, a real folder, cannot lead above the top. `..` counts only at
 * the front: after a name it would go up from wherever that name leads, which may be another link.
 */
export function isWithinTree(folder: readonly string[], target: string): boolean {
  if (target.startsWith('/') || target.includes('\\')) return false;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const names = parts.findIndex((part) => part !== '..');
  const ups = names < 0 ? parts.length : names;
  return ups <= folder.length && !parts.includes('..', ups);
}
