import { mkdirSync, truncateSync, writeFileSync, readFileSync, linkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from './tools.ts';

const MIB = 1024 * 1024;

/** The drives that the commands of `write-questions.txt` are run on, in order, and their sizes in bytes. */
export const writeDrives: readonly { name: string; size: number; readonly: boolean }[] = [
  { name: 'sda', size: 64 * MIB, readonly: false },
  { name: 'sdb', size: 32 * MIB, readonly: false },
  { name: 'sdc', size: 64 * MIB, readonly: false },
  { name: 'sdd', size: 100 * MIB, readonly: false },
  { name: 'sde', size: 100 * MIB, readonly: false },
  { name: 'sdf', size: 100 * MIB, readonly: false },
  { name: 'sdg', size: 16 * MIB, readonly: true },
];

/**
 * Make in a folder what those commands read: the images, `IN` with archives and files, and an empty `OUT`. Needs
 * mke2fs, debugfs, GNU tar and xz.
 */
export function makeWriteInputs(folder: string): void {
  const input = join(folder, 'IN');
  const tar = (...args: string[]): string =>
    run('tar', '-C', input, '--format=pax', '--owner=1', '--group=2', ...args);
  for (const name of ['IN', 'OUT', 'IN/folder', 'IN/folder/deep', 'IN/tree', 'IN/tree/d', 'IN/reg']) {
    mkdirSync(join(folder, name));
  }
  const put = (name: string, content: string | Uint8Array): void => writeFileSync(join(input, name), content);
  put('text', 'hello\n');
  put('empty', '');
  put('base64', 'aGVsbG8=\n');
  put('notbase64', 'a*b!\n');
  put('folder/deep/file', 'deep\n');
  put('tree/f', 'f of the archive\n');
  put('tree/d/e', '');
  put('reg/f', 'regular\n');
  linkSync(join(input, 'tree/f'), join(input, 'tree/h'));
  symlinkSync('f', join(input, 'tree/l'));
  put('labelled', 'labelled\n');
  tar('-cf', join(input, 'plain.tar'), '--sort=name', '--mode=u=rwX,go=rX', 'tree');
  tar('-cf', join(input, 'regular.tar'), '--mode=u=rwX,go=rX', 'reg');
  tar('-cf', join(input, 'attributes.tar'), '--pax-option=SCHILY.xattr.user.a:=value', 'labelled');
  tar('-cPf', join(input, 'escape.tar'), '--transform=s,^text$,../../out,', 'text');
  put('cut.tar', readFileSync(join(input, 'plain.tar')).subarray(0, 1700));
  put('plain.tar.gz', gzipSync(readFileSync(join(input, 'plain.tar'))));
  run('xz', '-k', join(input, 'plain.tar'));
  for (const { name, size } of writeDrives) {
    writeFileSync(join(folder, name), '');
    truncateSync(join(folder, name), size);
  }
  const locked = join(folder, 'sdg');
  put('original', 'original');
  run('mke2fs', '-q', '-F', '-t', 'ext2', locked);
  run('debugfs', '-w', '-R', `write ${join(input, 'original')} f`, locked);
}
