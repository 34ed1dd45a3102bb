import { GuestfsError } from '../errors/index.ts';
import type { FileContent } from './content.ts';
import { linesOf } from './lines.ts';
import {
  emptyPackage,
  LARGEST_DATABASE,
  LONGEST_DESCRIPTION,
  MOST_PACKAGES,
  type PackageRecord,
} from './package.ts';

/** A Debian version: `[epoch:]upstream[-revision]`, deb-version(7). */
export interface DebianVersion {
  epoch: number;
  upstream: string;
  revision: string;
}

/** Split a Debian version; an epoch that is no number counts as 0. */
export function parseDebianVersion(text: string): DebianVersion {
  const colon = text.indexOf(':');
  const epochText = colon > 0 ? text.slice(0, colon) : '';
  const hasEpoch = /^[0-9]{1,9}$/.test(epochText);
  const rest = hasEpoch ? text.slice(colon + 1) : text;
  const dash = rest.lastIndexOf('-');
  return {
    epoch: hasEpoch ? Number(epochText) : 0,
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** Lines of one paragraph's description that are kept. */
const MOST_DESCRIPTION_LINES = 10_000;

/**
 * The installed packages of /var/lib/dpkg/status (dpkg(1), deb822(5)), in the file's order: those whose status ends
 * in `installed`. A description keeps the dots that stand for empty lines. Streams the file, so that its size costs time and no memory. Throws EFBIG above 512 MiB or a
 * million packages.
 */
export function* dpkgPackages(content: FileContent, what = 'dpkg status'): Generator<PackageRecord, void> {
  let record: PackageRecord | undefined;
  let installed = false;
  let description: string[] | undefined;
  let descriptionLength = 0;
  let count = 0;

  const finish = (): PackageRecord | undefined => {
    const done = installed && record !== undefined && record.name !== '' ? record : undefined;
    if (done !== undefined) {
      if (description !== undefined) done.description = description.join('\n');
      if (++count > MOST_PACKAGES) {
        throw new GuestfsError('EFBIG', `${what} has more than ${MOST_PACKAGES} packages`);
      }
    }
    record = undefined;
    installed = false;
    description = undefined;
    return done;
  };

  let inDescription = false;
  for (const line of linesOf(content, what, LARGEST_DATABASE)) {
    if (line === '' || line.trim() === '') {
      const done = finish();
      inDescription = false;
      if (done) yield done;
      continue;
    }
    const first = line.charCodeAt(0);
    if (first === 0x20 || first === 0x09) {
      if (!inDescription || description === undefined) continue;
      descriptionLength += line.length;
      if (descriptionLength > LONGEST_DESCRIPTION || description.length >= MOST_DESCRIPTION_LINES) continue;
      description.push(line.slice(1));
      continue;
    }
    inDescription = false;
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    record ??= emptyPackage('');
    switch (line.slice(0, colon).toLowerCase()) {
      case 'package':
        record.name = valueOf(line, colon);
        break;
      case 'status':
        installed = valueOf(line, colon).endsWith(' installed');
        break;
      case 'version': {
        const { epoch, upstream, revision } = parseDebianVersion(valueOf(line, colon));
        record.epoch = epoch;
        record.version = upstream;
        record.release = revision;
        break;
      }
      case 'architecture':
        record.arch = valueOf(line, colon);
        break;
      case 'homepage':
        record.url = valueOf(line, colon);
        break;
      case 'source':
        record.sourcePackage = valueOf(line, colon).replace(/ \(.*\)$/, '');
        break;
      case 'description':
        record.summary = valueOf(line, colon);
        inDescription = true;
        description = [];
        descriptionLength = 0;
        break;
      default:
    }
  }
  const done = finish();
  if (done) yield done;
}

function valueOf(line: string, colon: number): string {
  return line.slice(colon + 1).trim();
}
