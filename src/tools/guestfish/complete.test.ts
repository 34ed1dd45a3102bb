import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/tools.ts';
import type { Handle } from '../common/handle.ts';
import { completeLine, quoteWord } from './complete.ts';
import { tokenizeLine } from './tokenize.ts';

const files: Record<string, { name: string; ftyp: string }[]> = {
  '/': [
    { name: '.', ftyp: 'd' },
    { name: '..', ftyp: 'd' },
    { name: 'etc', ftyp: 'd' },
    { name: 'empty', ftyp: 'd' },
    { name: 'file', ftyp: 'r' },
  ],
  '/etc/': [
    { name: 'with space', ftyp: 'r' },
    { name: 'esc\u001b[31m', ftyp: 'r' },
    { name: '\udcff', ftyp: 'r' },
  ],
};
const handle = {
  isReady: () => Promise.resolve(true),
  listDevices: () => Promise.resolve(['/dev/sda']),
  listPartitions: () => Promise.resolve(['/dev/sda1', '/dev/sda2']),
  lvs: () => Promise.reject(new Error('there is no LVM here')),
  readdir: (folder: string) => Promise.resolve(files[folder] ?? []),
} as unknown as Handle;
const complete = (line: string): Promise<[string[], string]> =>
  completeLine(line, { handle, destPaths: true });

describe('completion', () => {
  test('commands, the only candidate with a space behind it', async () => {
    assert.deepEqual(await complete('list-filesy'), [['list-filesystems '], 'list-filesy']);
    assert.deepEqual(await complete('  -copy-o'), [['copy-out '], 'copy-o']);
    assert.deepEqual(await complete('glob time list-filesy'), [['list-filesystems '], 'list-filesy']);
    assert.ok((await complete(''))[0].length > 600);
  });
  test('guest paths and devices, by the type of the argument', async () => {
    assert.deepEqual(await complete('ls /e'), [['/empty/', '/etc/'], '/e']);
    assert.deepEqual(await complete('cat /f'), [['/file '], '/f']);
    assert.deepEqual(await complete('part-list /dev/s'), [['/dev/sda', '/dev/sda1', '/dev/sda2'], '/dev/s']);
    assert.deepEqual(await complete('mount /dev/sda1 /e'), [['/empty/', '/etc/'], '/e']);
    assert.deepEqual(await complete('set-verbose t'), [['true '], 't']);
    assert.deepEqual(await complete('set-verbose true '), [[], '']);
    assert.deepEqual((await completeLine('ls /e', { handle, destPaths: false }))[0], []);
  });
  test('names that need it are quoted', async () => {
    assert.deepEqual(await complete('cat /etc/w'), [['"/etc/with space" '], '/etc/w']);
    assert.deepEqual(await complete('cat "/etc/w'), [['"/etc/with space'], '"/etc/w']);
    assert.deepEqual((await complete('cat /etc/'))[0], [
      '"/etc/esc\\x1b[31m"',
      '"/etc/with space"',
      '"/etc/\\xff"',
    ]);
  });
  test('a quoted word is read back as it was', () => {
    for (const text of [
      'plain',
      'a b',
      'q"\\x',
      "it's",
      '\n\t',
      '\udcff\udc80',
      '\u001b[1m',
      '#',
      '~x',
      'a\u009bb',
      '😀 x',
    ]) {
      const line = tokenizeLine(`cat ${quoteWord(text)}`);
      assert.ok(line.kind === 'command');
      assert.deepEqual(
        line.words.map((word) => word.text),
        [text],
      );
    }
  });
  test('host paths', async () => {
    const folder = temporaryFolder();
    try {
      mkdirSync(join(folder.path, 'disks'));
      writeFileSync(join(folder.path, 'disk.img'), '');
      const start = `add ${folder.path}/di`;
      assert.deepEqual((await complete(start))[0], [`${folder.path}/disk.img`, `${folder.path}/disks/`]);
      assert.deepEqual((await complete(`lcd ${folder.path}/disks/`))[0], []);
    } finally {
      folder.remove();
    }
  });
});
