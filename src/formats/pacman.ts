import { capped, emptyPackage, type PackageRecord } from './package.ts';

/** Bytes that one `desc` file may have; real ones have a few kilobytes. */
export const LARGEST_DESC = 1024 * 1024;

/** `[epoch:]version-release` as pacman writes it; a version has no dash in it. */
function splitVersion(record: PackageRecord, text: string): void {
  const match = /^(?:([0-9]{1,9}):)?(.*?)(?:-([^-]*))?$/s.exec(text);
  if (!match) return;
  record.epoch = match[1] === undefined ? 0 : Number(match[1]);
  record.version = match[2] ?? '';
  record.release = match[3] ?? '';
}

/**
 * The package that a `desc` file of /var/lib/pacman/local describes: `%KEY%` lines, each with its values below it up
 * to an empty line. Undefined where it names none. Source: libalpm's local database as alpm(3) and pacman write it.
 */
export function parsePacmanDesc(text: string): PackageRecord | undefined {
  const record = emptyPackage('');
  let key = '';
  for (const line of text.split('\n')) {
    if (line === '') {
      key = '';
    } else if (key === '') {
      const match = /^%([A-Z0-9]+)%$/.exec(line);
      if (match) key = match[1] as string;
    } else {
      const first = key;
      // Only the first line of a list is wanted.
      key = '-';
      switch (first) {
        case 'NAME':
          record.name = line;
          break;
        case 'VERSION':
          splitVersion(record, line);
          break;
        case 'BASE':
          record.sourcePackage = line;
          break;
        case 'DESC':
          record.description = capped(line);
          break;
        case 'URL':
          record.url = line;
          break;
        case 'ARCH':
          record.arch = line;
          break;
        default:
      }
    }
  }
  return record.name === '' ? undefined : record;
}
