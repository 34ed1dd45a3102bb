import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { fuzz } from '../../../test/support/fuzz.ts';
import { MemoryFileSystem } from '../../../test/support/memory-fs.ts';
import { needsTool } from '../../../test/support/tools.ts';
import { memoryDevice } from '../../block/memory.ts';
import { openExt4 } from '../../filesystems/ext4/index.ts';
import { MountedTree } from '../mounted-tree.ts';
import { initrdEntries } from './initrd.ts';
import { writeCpio, type CpioFormat } from './writer.ts';

function cpioOf(fs: MemoryFileSystem, format: CpioFormat = 'newc'): Buffer {
  const tree = new MountedTree();
  tree.mount(fs, '/', { mountable: '/dev/sda', readonly: true, options: [] });
  const parts: Buffer[] = [];
  writeCpio(tree, tree.resolve('/'), { write: (chunk) => void parts.push(Buffer.from(chunk)) }, format);
  return Buffer.concat(parts);
}

const sample = (): MemoryFileSystem =>
  new MemoryFileSystem()
    .file('/bin/sh', '#!', { mode: 0o755 })
    .file('/etc/a', 'content')
    .hardlink('/etc/b', '/etc/a')
    .symlink('/etc/l', 'a')
    .node('/dev/null', 0o020666, 1, 3);

const names = (bytes: Uint8Array, chunk = bytes.length): string[] => {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunk) chunks.push(bytes.subarray(at, at + chunk));
  return Array.from(initrdEntries(chunks), ({ name }) => name);
};

describe('cpio writer', { skip: needsTool('cpio') }, () => {
  for (const format of ['newc', 'crc'] as const) {
    test(`writes what GNU cpio lists: ${format}`, () => {
      const text = execFileSync('cpio', ['-itv', '--numeric-uid-gid', '--only-verify-crc'].slice(0, 3), {
        input: cpioOf(sample(), format),
        encoding: 'utf8',
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      const lines = text
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/ +/g, ' '));
      assert.match(lines[0] as string, / \.$/);
      assert.ok(lines.some((line) => /^-rwxr-xr-x .* 2 .* bin\/sh$/.test(line)));
      assert.ok(
        lines.some((line) => /^-.* 2 0 0 0 .* etc\/a$/.test(line)),
        'the first name of a file has no content',
      );
      assert.ok(lines.some((line) => /^-.* 2 0 0 7 .* etc\/b$/.test(line)));
      assert.ok(lines.some((line) => line.endsWith('etc/l -> a')));
      assert.ok(lines.some((line) => /^crw-rw-rw- .* 1, 3 .* dev\/null$/.test(line)));
    });
  }

  test('sums are right', () => {
    execFileSync('cpio', ['-i', '--only-verify-crc', '--quiet'], { input: cpioOf(sample(), 'crc') });
  });

  test('refuses what the format has no room for', () => {
    assert.throws(() => cpioOf(new MemoryFileSystem().file('/x').alter('/x', { size: 2 ** 32 })), {
      code: 'EFBIG',
    });
  });
});

describe('initial RAM disks', () => {
  const plain = cpioOf(sample());
  const expected = ['.', 'bin', 'bin/sh', 'etc', 'etc/a', 'etc/b', 'etc/l', 'dev', 'dev/null'].sort();

  test('are read from chunks of any size', () => {
    for (const chunk of [1, 7, 512, 10_000]) assert.deepEqual(names(plain, chunk).sort(), expected);
  });

  test('may be several archives, the last compressed', () => {
    const early = cpioOf(new MemoryFileSystem().file('/kernel/x86/microcode/GenuineIntel.bin', 'ucode'));
    const all = names(Buffer.concat([early, Buffer.alloc(1024), gzipSync(plain)]));
    assert.equal(all.length, 5 + expected.length);
    assert.ok(all.includes('kernel/x86/microcode/GenuineIntel.bin'));
    assert.deepEqual(
      names(Buffer.concat([plain, Buffer.from('something else at the end')])).sort(),
      expected,
    );
  });

  test('that are none are refused', () => {
    assert.throws(() => names(Buffer.from('what is this')), { code: 'EUCLEAN' });
    assert.throws(() => names(Buffer.alloc(0)), { code: 'EUCLEAN' });
    assert.throws(() => names(Buffer.alloc(5000)), { code: 'EUCLEAN' });
    assert.throws(() => names(plain.subarray(0, 300)), { code: 'EUCLEAN' });
    assert.throws(() => names(gzipSync(gzipSync(gzipSync(plain)))), { code: 'EUCLEAN' });
  });

  test('of the golden files read alike in every compression', () => {
    const golden = gunzipSync(
      readFileSync(join(import.meta.dirname, '../../daemon/actions/golden/files.img.gz')),
    );
    const tree = new MountedTree();
    tree.mount(openExt4(memoryDevice(golden, { writable: false })), '/', {
      mountable: '',
      readonly: true,
      options: [],
    });
    for (const suffix of ['cpio', 'gz', 'xz', 'zst', 'lz4', 'bz2', 'lzma']) {
      const ref = tree.resolve(`/main.${suffix}`);
      const bytes = new Uint8Array(tree.stat(ref).size);
      tree.read(ref, 0, bytes);
      assert.deepEqual(names(bytes).sort(), ['bin', 'bin/sh', 'etc', 'etc/x', 'etc/y'], suffix);
    }
  });

  test('that are damaged give errors or names, nothing else', () => {
    fuzz({
      seed: 11,
      rounds: 1500,
      image: plain,
      read: (image) => {
        for (const entry of initrdEntries([image])) entry.content(1 << 20);
      },
    });
  });
});
