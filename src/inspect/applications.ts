import { GuestfsError } from '../errors/index.ts';
import { apkPackages } from '../formats/apk.ts';
import { dpkgPackages } from '../formats/dpkg.ts';
import { MOST_PACKAGES, type PackageRecord } from '../formats/package.ts';
import { LARGEST_DESC, parsePacmanDesc } from '../formats/pacman.ts';
import { type RpmBackend, rpmPackages } from '../formats/rpm/index.ts';
import { decodeText } from '../bytes/text.ts';
import type { GuestFiles } from './guest-files.ts';
import type { InspectionHost } from './inspect.ts';
import { DATABASES } from './packaging.ts';

/** What listing applications needs from the session. */
export type ApplicationHost = Pick<InspectionHost, 'warn' | 'checkCancelled'>;

/** Packages that are read between two looks at whether the user cancelled. */
const BETWEEN_CHECKS = 256;

/**
 * The installed packages of a system, sorted by name; none where the format keeps no database that is read here
 * (ebuild, xbps, pisi, pkgsrc). Where the format's database is missing, the host is warned and there are none. Throws
 * CorruptError where the database is damaged.
 */
export function installedPackages(files: GuestFiles, format: string, host: ApplicationHost): PackageRecord[] {
  const { warn } = host;
  const packages = read(files, format, warn);
  if (packages === undefined) {
    const places = DATABASES[format];
    if (places !== undefined) warn(`no ${format} package database was found at ${places[0]}`);
    return [];
  }
  const list: PackageRecord[] = [];
  for (const record of packages) {
    if (list.length % BETWEEN_CHECKS === 0) host.checkCancelled();
    list.push(record);
  }
  return list.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function read(
  files: GuestFiles,
  format: string,
  warn: (message: string) => void,
): Iterable<PackageRecord> | undefined {
  switch (format) {
    case 'deb':
      return readText(files, 'deb', dpkgPackages);
    case 'apk':
      return readText(files, 'apk', apkPackages);
    case 'rpm':
      return readRpm(files, warn);
    case 'pacman':
      return readPacman(files);
    default:
      return undefined;
  }
}

function readText(
  files: GuestFiles,
  format: string,
  parse: typeof dpkgPackages,
): Iterable<PackageRecord> | undefined {
  for (const path of DATABASES[format] ?? []) {
    const content = files.content(path);
    if (content !== undefined) return parse(content, path);
  }
  return undefined;
}

/** By file name, in the order that rpm itself came to use them: the newest that is there is the one in use. */
function backendOf(path: string): RpmBackend {
  return path.endsWith('.sqlite') ? 'sqlite' : path.endsWith('.db') ? 'ndb' : 'bdb';
}

function readRpm(files: GuestFiles, warn: (message: string) => void): Iterable<PackageRecord> | undefined {
  for (const path of DATABASES['rpm'] ?? []) {
    const content = files.content(path);
    if (content === undefined || content.size === 0) continue;
    if ((files.content(`${path}-journal`)?.size ?? 0) > 0) {
      warn(
        `${path} was being changed when the guest stopped: what is listed may be in part from that change`,
      );
    }
    return naming(path, rpmPackages(backendOf(path), content, files.content(`${path}-wal`)));
  }
  return undefined;
}

function readPacman(files: GuestFiles): Iterable<PackageRecord> | undefined {
  const folder = '/var/lib/pacman/local';
  if (!files.isDirectory(folder)) return undefined;
  return pacmanPackages(files, folder);
}

function* pacmanPackages(files: GuestFiles, folder: string): Generator<PackageRecord, void> {
  for (const name of files.names(folder, MOST_PACKAGES)) {
    const bytes = files.bytes(`${folder}/${name}/desc`, LARGEST_DESC);
    const record = bytes === undefined ? undefined : parsePacmanDesc(decodeText(bytes));
    if (record !== undefined) yield record;
  }
}

/** Errors of a parser, which knows no paths, with the path that they are about. */
function* naming<T>(path: string, items: Iterable<T>): Generator<T, void> {
  try {
    yield* items;
  } catch (error) {
    if (error instanceof GuestfsError) error.path ??= path;
    throw error;
  }
}
