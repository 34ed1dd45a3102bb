import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './tools.ts';

/**
 * Make `root.tar` in a folder: the root of a guest with a shell of this host, and more of its programs, by their paths.
 * Needs ldd and GNU tar.
 */
export function makeRoot(input: string, more: readonly string[] = []): void {
  const root = join(input, 'root');
  for (const name of ['etc', 'dev', 'proc', 'sys', 'bin', 'tmp', 'var/lib/dpkg', 'usr/bin']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  const put = (file: string): void => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    cpSync(file, join(root, file), { dereference: true });
    chmodSync(join(root, file), 0o755);
  };
  for (const program of ['/bin/sh', '/bin/cat', ...more]) {
    put(program);
    for (const [, library] of run('ldd', program).matchAll(/(\/\S+) \(/g)) put(library as string);
  }
  symlinkSync('etc', join(root, 'link'));
  writeFileSync(join(root, 'etc/os-release'), 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n');
  writeFileSync(join(root, 'etc/debian_version'), '12.5\n');
  writeFileSync(join(root, 'etc/hostname'), 'guest\n');
  writeFileSync(join(root, 'etc/fstab'), '/dev/sdb / ext4 defaults 0 1\n');
  writeFileSync(
    join(root, 'var/lib/dpkg/status'),
    'Package: hello\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.10-3\nDescription: greets\n',
  );
  run('tar', '-C', root, '--owner=0', '--group=0', '-cf', join(input, 'root.tar'), '.');
}
