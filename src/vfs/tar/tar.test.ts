import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MemoryFileSystem } from '../../../test/support/memory-fs.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { openFile } from '../../block/file.ts';
import { openExt4 } from '../../filesystems/ext4/index.ts';
import { MountedTree } from '../mounted-tree.ts';
import { BLOCK, fillHeader, type TarHeader } from './header.ts';
import { PaxRecords, paxTime } from './pax.ts';
import { writeTar, type TarOptions } from './writer.ts';

const info = { mountable: '/dev/sda', readonly: true, options: [] };

function tarOf(fs: MemoryFileSystem, options: TarOptions = {}): Buffer {
  const tree = new MountedTree();
  tree.mount(fs, '/', info);
  const parts: Buffer[] = [];
  writeTar(tree, tree.resolve('/'), { write: (chunk) => void parts.push(Buffer.from(chunk)) }, options);
  return Buffer.concat(parts);
}

const list = (tar: Buffer, ...options: string[]): string[] =>
  execFileSync('tar', ['-tv', '--numeric-owner', '--full-time', ...options], {
    input: tar,
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
  })
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '));

describe('tar writer', { skip: needsTool('tar') }, () => {
  test('writes what GNU tar lists', () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(150)}`;
    const fs = new MemoryFileSystem()
      .file('/file', 'hello', { mode: 0o4755, uid: 1000, gid: 100, mtime: 1_000_000_000 })
      .hardlink('/other', '/file')
      .symlink('/link', 'x'.repeat(130))
      .node('/null', 0o020666, 1, 3)
      .node('/disk', 0o060660, 259, 70_000)
      .node('/pipe', 0o010600)
      .node('/socket', 0o140700)
      .file(`/${long}`, 'deep')
      .file('/old', '', { mtime: -86_400 })
      .file('/far', '', { uid: 3_000_000, gid: 4_294_967_294 });
    const lines = list(tarOf(fs));
    assert.match(lines[0] as string, /^drwxr-xr-x 0\/0 0 .* \.\/$/);
    assert.equal(lines[1], '-rwsr-xr-x 1000/100 5 2001-09-09 01:46:40 ./file');
    assert.match(lines[2] as string, /^hrwsr-xr-x 1000\/100 0 .* \.\/other link to \.\/file$/);
    assert.match(lines[3] as string, new RegExp(`^lrwxrwxrwx .* ./link -> x{130}$`));
    assert.match(lines[4] as string, /^crw-rw-rw- 0\/0 1,3 .* \.\/null$/);
    assert.match(lines[5] as string, /^brw-rw---- 0\/0 259,70000 .* \.\/disk$/);
    assert.match(lines[6] as string, /^prw------- .* \.\/pipe$/);
    assert.match(lines[7] as string, /\.\/d{120}\/$/);
    assert.ok((lines[8] as string).endsWith(`./${long}`));
    assert.match(lines[9] as string, / 1969-12-31 00:00:00 \.\/old$/);
    assert.match(lines[10] as string, /^-rw-r--r-- 3000000\/4294967294 0 .* \.\/far$/);
    assert.equal(lines.length, 11);
  });

  test('keeps everything in pax format too', () => {
    const fs = new MemoryFileSystem()
      .file('/a', 'x', {
        uid: 3_000_000,
        mtime: -2,
        mtimeNsec: 500_000_000,
        xattrs: { 'user.a=b%': 'v', 'security.selinux': 'ctx\0' },
      })
      .file(`/${'é'.repeat(60)}`, 'y');
    const tar = tarOf(fs, { xattrs: true, selinux: true, acls: true });
    const lines = list(tar, '-v', '--xattrs', '--quoting-style=literal');
    assert.match(lines[1] as string, /^-rw-r--r--\*? 3000000\/0 1 .* \.\/a$/);
    assert.ok(tar.includes(' mtime=-1.5\n'));
    assert.ok(lines.some((line) => line.includes('user.a=b%')));
    assert.ok(lines.some((line) => line.endsWith(`./${'é'.repeat(60)}`)));
    assert.ok(tar.includes('RHT.security.selinux=ctx\n'));
  });

  test('leaves out what is excluded, and everything below it', () => {
    const fs = new MemoryFileSystem().file('/a/b/c').file('/a/x.log').file('/z');
    const names = list(tarOf(fs, { excludes: ['b', '*.log'] })).map((line) => line.split(' ').at(-1));
    assert.deepEqual(names, ['./', './a/', './z']);
  });

  test('names owners as the guest does', () => {
    const tar = tarOf(new MemoryFileSystem().file('/a', '', { uid: 5, gid: 6 }), {
      userName: (uid) => (uid === 5 ? 'alice' : ''),
      groupName: (gid) => `g${gid}`,
    });
    const text = execFileSync('tar', ['-tv'], { input: tar, encoding: 'utf8' });
    assert.match(text, /alice\/g6/);
  });

  test('ends records of 10 KiB', () => {
    assert.equal(tarOf(new MemoryFileSystem()).length, 10_240);
    assert.equal(tarOf(new MemoryFileSystem().file('/a', 'x'.repeat(10_240))).length, 20_480);
  });
});

test('a file that is shorter than it says is filled with zeroes', { skip: needsTool('tar') }, () => {
  const fs = new MemoryFileSystem().file('/a', 'abc').file('/b', 'end').alter('/a', { size: 2000 });
  const lines = list(tarOf(fs));
  assert.match(lines[1] as string, / 2000 .*\.\/a$/);
  assert.match(lines[2] as string, / 3 .*\.\/b$/);
});

test('a tree of an ext4 filesystem is the same for GNU tar', { skip: needsTool('tar', 'mke2fs') }, () => {
  const folder = temporaryFolder();
  try {
    const source = join(folder.path, 'source');
    mkdirSync(join(source, 'a/b'), { recursive: true });
    for (let i = 0; i < 300; i++) writeFileSync(join(source, 'a', `file${i}`), 'x'.repeat(i * 37));
    writeFileSync(join(source, 'big'), Buffer.alloc(700_000, 'big '));
    writeFileSync(join(source, 'holes'), 'start');
    truncateSync(join(source, 'holes'), 3_000_000);
    linkSync(join(source, 'big'), join(source, 'a/b/big2'));
    symlinkSync('../big', join(source, 'a/link'));
    chmodSync(join(source, 'a/b'), 0o2750);
    utimesSync(join(source, 'big'), 1_234_567_890, 1_234_567_890);
    const image = join(folder.path, 'image');
    run('mke2fs', '-q', '-t', 'ext4', '-d', source, image, '8M');
    const tree = new MountedTree();
    tree.mount(openExt4(openFile(image)), '/', info);
    const parts: Buffer[] = [];
    writeTar(
      tree,
      tree.resolve('/'),
      { write: (chunk) => void parts.push(Buffer.from(chunk)) },
      { excludes: ['lost+found'] },
    );
    writeFileSync(join(folder.path, 'tar'), Buffer.concat(parts));
    const compared = spawnSync('tar', ['-df', join(folder.path, 'tar'), '-C', source], { encoding: 'utf8' });
    // Making the image does not touch the source, so that not even times differ.
    assert.deepEqual([compared.stdout, compared.stderr, compared.status], ['', '', 0]);
    const names = run('tar', '-tf', join(folder.path, 'tar')).trimEnd().split('\n').sort();
    const expected = run('find', source, '-printf', './%P/%y\n')
      .trimEnd()
      .split('\n')
      .map((line) =>
        line
          .replace(/\/d$/, '/')
          .replace(/\/[fl]$/, '')
          .replace('.//', './'),
      )
      .sort();
    assert.deepEqual(names, expected);
    assert.ok(readFileSync(join(folder.path, 'tar')).length % 10_240 === 0);
  } finally {
    folder.remove();
  }
});

test('numbers that are too large are in base 256', () => {
  const header: TarHeader = {
    name: new Uint8Array(),
    mode: 0o644,
    uid: 0x12345678,
    gid: 0,
    size: 2 ** 40 + 5,
    mtime: -1,
    type: '0',
    link: new Uint8Array(),
    uname: new Uint8Array(),
    gname: new Uint8Array(),
    device: undefined,
  };
  const block = new Uint8Array(BLOCK);
  fillHeader(block, header, 'gnu');
  const hex = (from: number, to: number): string => Buffer.from(block.subarray(from, to)).toString('hex');
  assert.equal(hex(108, 116), '8000000012345678');
  assert.equal(hex(124, 136), '800000000000010000000005');
  assert.equal(hex(136, 148), 'ffffffffffffffffffffffff');
});

test('pax records count their own length', () => {
  const records = new PaxRecords();
  records.add('k', 'v');
  records.add('path', 'x'.repeat(90));
  records.add('path', 'x'.repeat(91));
  const text = Buffer.concat([...records.bytes()]).toString();
  assert.equal(text, `6 k=v\n99 path=${'x'.repeat(90)}\n101 path=${'x'.repeat(91)}\n`);
  assert.equal(records.length, text.length);
});

test('pax times have fractions without zeroes at the end', () => {
  assert.equal(paxTime(5, 0), '5');
  assert.equal(paxTime(5, 789_000_000), '5.789');
  assert.equal(paxTime(-2, 500_000_000), '-1.5');
  assert.equal(paxTime(-1, 1), '-0.999999999');
});
