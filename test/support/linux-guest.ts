import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './tools.ts';

/** What is in the guest besides the files of {@link makeLinuxGuest}, by path. */
export type GuestFiles = Readonly<Record<string, string>>;

/** The label that every file of an SELinux guest has. */
export const LABEL = 'system_u:object_r:etc_t:s0';

const DEBIAN: GuestFiles = {
  'etc/os-release':
    'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
  'etc/debian_version': '12.1\n',
  'etc/hostname': 'oldname\n',
  'etc/hosts':
    '127.0.0.1 localhost\n127.0.1.1 oldname.example oldname\n::1 localhost oldname\n10.0.0.1 oldname\n',
};
const FEDORA: GuestFiles = {
  'etc/os-release': 'ID=fedora\nNAME="Fedora Linux"\nVERSION_ID="40"\nPRETTY_NAME="Fedora Linux 40"\n',
  'etc/fedora-release': 'Fedora release 40 (Forty)\n',
  'etc/selinux/config': '# a comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n',
  'etc/hostname': 'oldname\n',
};
const COMMON: GuestFiles = {
  'bin/ls': 'not really\n',
  'etc/fstab': '/dev/sda / ext4 defaults 0 1\n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000:Anna:/home/anna:/bin/sh\n',
  'etc/shadow': 'root:*:19000:0:99999:7:::\nanna:$6$old$hash:19000:0:99999:7:::\n',
  'etc/motd': 'one\ntwo\nthree\n',
  'etc/crlf': 'one\r\ntwo\r\n',
  'etc/unended': 'no end',
  'home/anna/letter.txt': 'Dear reader\n',
  'usr/share/zoneinfo/Europe/London': 'TZif2\n',
  'etc/timezone': 'Etc/UTC\n',
  'var/log/a.log': 'aaa\n',
  'var/log/deep/b.log': 'bbb\n',
  'usr/lib/systemd/system/multi-user.target': '[Unit]\n',
};

/**
 * Make an image of a Linux guest that is one ext4 filesystem: Debian, or Fedora with SELinux, whose files all have
 * {@link LABEL}. Needs mke2fs and debugfs.
 */
export function makeLinuxGuest(image: string, kind: 'debian' | 'fedora', more: GuestFiles = {}): void {
  const tree = `${image}.tree`;
  const files = { ...COMMON, ...(kind === 'debian' ? DEBIAN : FEDORA), ...more };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  for (const path of ['root', 'dev', 'proc', 'sys', 'tmp', 'srv', 'boot', 'etc/systemd/system']) {
    mkdirSync(join(tree, path), { recursive: true });
  }
  chmodSync(join(tree, 'etc/shadow'), 0o640);
  symlinkSync('motd', join(tree, 'etc/link-to-motd'));
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', 'root_owner=0:0', '-d', tree, image, '24M');
  const commands = [
    'sif /etc/motd uid 12',
    'sif /etc/motd gid 34',
    'sif /etc/motd mode 0100640',
    'sif /home/anna uid 1000',
    'sif /home/anna gid 1000',
  ];
  if (kind === 'fedora') {
    for (const path of Object.keys(files)) commands.push(`ea_set /${path} security.selinux ${LABEL}`);
  }
  execFileSync('debugfs', ['-w', '-f', '-', image], { input: `${commands.join('\n')}\n`, stdio: 'pipe' });
  rmSync(tree, { recursive: true });
}

/** What debugfs(8) says to a request, of an image at a path of the host. */
export function debugfs(image: string, request: string): string {
  return execFileSync('debugfs', ['-R', request, image], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** `mode owner:group` of a file of an image, as in `0644 0:0`. */
export function modeAndOwner(image: string, path: string): string {
  const text = debugfs(image, `stat ${path}`);
  const [, mode, user, group] = /Mode:\s+(\d+)[^]*?User:\s+(\d+)\s+Group:\s+(\d+)/.exec(text) ?? [];
  return `${mode} ${user}:${group}`;
}
