import { parseKeyValues } from '../../formats/key-values.ts';
import type { GuestFiles } from '../guest-files.ts';
import { type Release, UNKNOWN } from '../types.ts';
import { parseVersion } from './version.ts';

/** A release out of one line of text, if there is one. */
function fromLine(distro: string, line: string | undefined): Release {
  if (line === undefined) return { distro, product: UNKNOWN, major: 0, minor: 0 };
  return { distro, product: line, ...parseVersion(line) };
}

/** The first line of a file that begins with a word. */
function lineStarting(files: GuestFiles, path: string, word: string): string | undefined {
  const line = files.firstLine(path);
  return line?.startsWith(word) === true ? line : undefined;
}

/** FreeBSD: the login message has the version; newer ones keep it out of there, so its own program is asked. */
export function freebsdRelease(files: GuestFiles): Release {
  const motd = lineStarting(files, '/etc/motd', 'FreeBSD ');
  if (motd !== undefined) return fromLine('freebsd', motd);
  for (const path of ['/etc/os-release', '/var/run/os-release']) {
    const text = files.text(path);
    if (text === undefined) continue;
    const values = parseKeyValues(text);
    if (values.get('ID') !== 'freebsd') continue;
    return {
      distro: 'freebsd',
      product: values.get('PRETTY_NAME') ?? UNKNOWN,
      ...parseVersion(values.get('VERSION_ID') ?? ''),
    };
  }
  const script = files.text('/bin/freebsd-version') ?? '';
  const version = /^USERLAND_VERSION="?([^"\n]+)/m.exec(script)?.[1];
  return fromLine('freebsd', version === undefined ? undefined : `FreeBSD ${version}`);
}

/** NetBSD: its release file begins `NetBSD 9.3/amd64`. */
export function netbsdRelease(files: GuestFiles): Release {
  return fromLine('netbsd', lineStarting(files, '/etc/release', 'NetBSD '));
}

/** OpenBSD writes its version into the login message at boot. */
export function openbsdRelease(files: GuestFiles): Release {
  return fromLine('openbsd', lineStarting(files, '/etc/motd', 'OpenBSD '));
}

/** MINIX names its release, but has neither a distribution nor, for libguestfs, a version. */
export function minixRelease(files: GuestFiles): Release {
  const line = files.firstLine('/etc/version');
  return { ...fromLine(UNKNOWN, undefined), product: line ?? UNKNOWN };
}
