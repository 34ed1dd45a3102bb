import { parseKeyValues } from '../formats/key-values.ts';
import type { GuestFiles } from './guest-files.ts';
import { type SystemType, UNKNOWN } from './types.ts';

/** First line that says something: hostname(5) allows comments and empty lines before it. */
function fromNameFile(files: GuestFiles, path: string): string | undefined {
  for (const line of files.text(path)?.split('\n', 1000) ?? []) {
    const name = line.trim();
    if (name !== '' && !name.startsWith('#')) return name;
  }
  return undefined;
}

/** Value of a key in a file of shell assignments. */
function fromAssignment(files: GuestFiles, path: string, key: string): string | undefined {
  const text = files.text(path);
  const value = text === undefined ? undefined : parseKeyValues(text).get(key);
  return value === '' ? undefined : value;
}

/** The guest's own name from its configuration, or `unknown`. */
export function hostnameOf(files: GuestFiles, type: SystemType): string {
  return find(files, type) ?? UNKNOWN;
}

function find(files: GuestFiles, type: SystemType): string | undefined {
  switch (type) {
    case 'linux':
    case 'hurd':
      return (
        // SUSE kept the full name here; where both exist this is the longer one.
        fromNameFile(files, '/etc/HOSTNAME') ??
        fromNameFile(files, '/etc/hostname') ??
        // Red Hat before systemd.
        fromAssignment(files, '/etc/sysconfig/network', 'HOSTNAME') ??
        // Gentoo and other users of OpenRC.
        fromAssignment(files, '/etc/conf.d/hostname', 'hostname')
      );
    case 'freebsd':
    case 'netbsd':
      return fromAssignment(files, '/etc/rc.conf', 'hostname') ?? fromNameFile(files, '/etc/myname');
    case 'openbsd':
      return fromNameFile(files, '/etc/myname');
    case 'minix':
      return fromNameFile(files, '/etc/hostname.file');
    default:
      return undefined;
  }
}
