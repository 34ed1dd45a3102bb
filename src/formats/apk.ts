import { GuestfsError } from '../errors/index.ts';
import type { FileContent } from './content.ts';
import { linesOf } from './lines.ts';
import { capped, emptyPackage, LARGEST_DATABASE, MOST_PACKAGES, type PackageRecord } from './package.ts';

/**
 * The packages of Alpine's /lib/apk/db/installed, in the file's order: paragraphs of `X:value` lines. Source: apk's
 * package format, wiki.alpinelinux.org/wiki/Apk_spec.
 */
export function* apkPackages(content: FileContent, what = 'apk database'): Generator<PackageRecord, void> {
  let record: PackageRecord | undefined;
  let count = 0;
  for (const line of linesOf(content, what, LARGEST_DATABASE)) {
    if (line === '') {
      if (record !== undefined && record.name !== '') yield record;
      record = undefined;
      continue;
    }
    if (line.charCodeAt(1) !== 0x3a) continue;
    if (record === undefined) {
      if (++count > MOST_PACKAGES) {
        throw new GuestfsError('EFBIG', `${what} has more than ${MOST_PACKAGES} packages`);
      }
      record = emptyPackage('');
    }
    const value = line.slice(2);
    switch (line.charAt(0)) {
      case 'P':
        record.name = value;
        break;
      case 'V': {
        const dash = value.lastIndexOf('-');
        record.version = dash < 0 ? value : value.slice(0, dash);
        record.release = dash < 0 ? '' : value.slice(dash + 1).replace(/^r/, '');
        break;
      }
      case 'A':
        record.arch = value;
        break;
      case 'T':
        record.description = capped(value);
        break;
      case 'U':
        record.url = value;
        break;
      case 'o':
        record.sourcePackage = value;
        break;
      default:
    }
  }
  if (record !== undefined && record.name !== '') yield record;
}
