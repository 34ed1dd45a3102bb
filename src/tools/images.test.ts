import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkQcow2, imageInfo } from '../../test/support/qemu-images.ts';
import { runTools, type RunResult } from '../../test/support/tool-runs.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';
import { nativeCalls } from '../block/file-native.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);
const MIB = 1024 * 1024;

const runAll = (...lines: readonly string[]): RunResult[] =>
  runTools(
    folder.path,
    lines.map((line) => ({ argv: line.split(' ') })),
  );

function succeed(...lines: readonly string[]): RunResult[] {
  const results = runAll(...lines);
  for (const [index, { status, stderr }] of results.entries()) {
    assert.equal(status, 0, `${lines[index]}: ${stderr}`);
  }
  return results;
}

describe('guestfs on disk images', { skip: needsTool('qemu-img') }, () => {
  test('create, resize, convert, compact', () => {
    const results = succeed(
      'guestfs create a.qcow2 10M',
      'guestfs create -f raw b.bin 1M',
      'guestfs create c.img --preallocation=full 1M',
      'guestfs resize-image a.qcow2 +2M',
      'guestfs resize-image a.qcow2 -1M --shrink -q',
      'guestfs convert a.qcow2 a.img',
      'guestfs convert -O qcow2 --compat 0.10 --cluster-size 4K a.img d.bin',
      'guestfs convert --compress --threads 1 a.img e.qcow2',
      'guestfs compact a.qcow2 a.img',
    );
    assert.equal(imageInfo(at('a.qcow2'))['virtual-size'], 11 * MIB);
    assert.equal(statSync(at('b.bin')).size, MIB);
    assert.ok(statSync(at('c.img')).blocks * 512 >= MIB);
    assert.equal(statSync(at('a.img')).size, 11 * MIB);
    assert.equal(imageInfo(at('d.bin'))['cluster-size'], 4096);
    for (const name of ['a.qcow2', 'd.bin', 'e.qcow2']) checkQcow2(at(name));
    assert.match(results[3]?.stdout ?? '', /a\.qcow2: a disk of 12M \(12582912 bytes\)/);
    assert.equal(results[4]?.stdout, '');
  });

  test('overlay, commit, discard', () => {
    writeFileSync(at('base.img'), new Uint8Array(MIB).fill(1));
    succeed('guestfs overlay -f raw base.img o.qcow2');
    run('qemu-io', '-f', 'qcow2', '-c', 'write -P 2 0 64k', at('o.qcow2'));
    assert.equal(readFileSync(at('base.img'))[0], 1);
    const [commit] = succeed('guestfs commit o.qcow2', 'guestfs discard o.qcow2');
    assert.match(commit?.stdout ?? '', /base\.img: 64K \(65536 bytes\) were written/);
    assert.equal(readFileSync(at('base.img'))[0], 2);
    assert.equal(readFileSync(at('base.img'))[65536], 1);
    assert.equal(existsSync(at('o.qcow2')), false);
  });

  test('what a tired administrator is told', () => {
    writeFileSync(at('data.img'), new Uint8Array(MIB));
    const cases: [line: string, message: RegExp][] = [
      ['guestfs create data.img 1M', /data\.img is there already/],
      ['guestfs create x.img', /give the disk to make and its size/],
      ['guestfs create x.img much', /'much' is not a size/],
      ['guestfs resize-image data.img 100K', /would be lost.*--shrink/],
      ['guestfs resize-image data.img -2M --shrink', /cannot be 2097152 smaller/],
      ['guestfs convert data.img', /give the disk to copy and the new disk/],
      ['guestfs convert none.img x.img', /none\.img: there is no such file/],
      ['guestfs convert data.img data.img', /is the image that is read/],
      ['guestfs convert --compress=lzo data.img x.qcow2', /--compress lzo: expected zlib or zstd/],
      ['guestfs convert --threads many data.img x.qcow2', /expected 1 or more/],
      ['guestfs commit data.img', /data\.img is not an overlay: it has the format raw/],
      ['guestfs commit --keep --remove data.img', /contradict each other/],
      ['guestfs discard data.img', /not an overlay: it is not removed/],
      ['guestfs overlay none.img x.qcow2', /none\.img/],
    ];
    const results = runAll(...cases.map(([line]) => line));
    for (const [index, { status, stderr }] of results.entries()) {
      assert.equal(status, 1, cases[index]?.[0]);
      assert.match(stderr, cases[index]?.[1] as RegExp);
    }
    for (const name of ['x.img', 'x.qcow2']) assert.equal(existsSync(at(name)), false);
  });

  test('--help of each', () => {
    const names = ['create', 'convert', 'resize-image', 'compact', 'overlay', 'commit', 'discard'];
    const results = succeed(...names.map((name) => `guestfs ${name} --help`), 'guestfs --help');
    for (const [index, name] of names.entries()) {
      assert.match(
        results[index]?.stdout ?? '',
        new RegExp(`^guestfs ${name}: .*\\n\\nUsage:\\n  guestfs ${name} `),
      );
      assert.match(results.at(-1)?.stdout ?? '', new RegExp(`guestfs ${name} `));
    }
  });
});

const SKIP = needsTool('qemu-img', 'mke2fs', 'e2fsck', 'fsck.fat');

describe('virt-sparsify', { skip: SKIP }, () => {
  /** Bytes of noise that were written to each filesystem and removed again. */
  const GARBAGE = 6 * MIB;

  before(() => {
    const noise = new Uint8Array(GARBAGE);
    for (let i = 0; i < noise.length; i++) noise[i] = 1 + ((i * 7919) % 251);
    writeFileSync(at('noise'), noise);
    writeFileSync(at('kept'), 'what stays\n');
    const commands = [
      'run',
      'part-init /dev/sda gpt',
      ...[
        [2048, 32767],
        [32768, 65535],
        [65536, 81919],
        [81920, 129023],
      ].map(([first, last]) => `part-add /dev/sda p ${first} ${last}`),
      'mkfs ext4 /dev/sda1',
      'mkfs vfat /dev/sda2',
      'mkswap /dev/sda3 label:sw',
      'pvcreate /dev/sda4',
      'vgcreate vg /dev/sda4',
      'lvcreate lv vg 8',
      'lvcreate gone vg 8',
      'upload noise /dev/vg/gone',
      'lvremove /dev/vg/gone',
      'mkfs ext2 /dev/vg/lv',
      ...['/dev/sda1', '/dev/sda2', '/dev/vg/lv'].flatMap((device) => [
        `mount ${device} /`,
        'upload noise /noise',
        'upload kept /kept',
        'sync',
        'rm /noise',
        'umount-all',
      ]),
    ];
    writeFileSync(at('make.fish'), `${commands.join('\n')}\n`);
    writeFileSync(at('blank'), '');
    run('truncate', '-s', '64M', at('blank'));
    copyFileSync(at('blank'), at('disk.raw'));
    succeed('guestfish --rw --format=raw -a disk.raw -f make.fish');
  });

  /** Everything that must be there still, judged by real tools. */
  function checkDisk(name: string, format: string): void {
    run('qemu-img', 'convert', '-f', format, '-O', 'raw', at(name), at('check.raw'));
    const disk = readFileSync(at('check.raw'));
    const part = (first: number, last: number): string => {
      writeFileSync(at('part'), disk.subarray(first * 512, (last + 1) * 512));
      return at('part');
    };
    run('e2fsck', '-fn', part(2048, 32767));
    run('fsck.fat', '-n', part(32768, 65535));
    const listed = succeed(
      `guestfish --ro --format=raw -a check.raw run : mount /dev/sda1 / : cat /kept : umount-all : mount /dev/sda2 / : cat /kept : umount-all : mount /dev/vg/lv / : cat /kept : umount-all : vfs-label /dev/sda3 : vfs-type /dev/sda3 : lvs`,
    );
    assert.equal(listed[0]?.stdout.match(/what stays/g)?.length, 3);
    assert.match(listed[0]?.stdout ?? '', /sw\nswap\n\/dev\/vg\/lv\n$/);
  }

  test('copies what is in use', () => {
    mkdirSync(at('tmp'));
    const hash = readFileSync(at('disk.raw'));
    const results = succeed(
      'virt-sparsify --format raw disk.raw copy.raw',
      'virt-sparsify --format=raw -q disk.raw --convert qcow2 copy.qcow2 -o cluster_size=4096,compat=0.10',
      'virt-sparsify --format=raw --machine-readable --tmp tmp --compress --convert=qcow2 disk.raw small.qcow2',
    );
    assert.ok(readFileSync(at('disk.raw')).equals(hash), 'the source stays as it is');
    assert.match(results[0]?.stdout ?? '', /Fill free space in \/dev\/sda1 with zeroes/);
    assert.equal(results[1]?.stdout, '');
    assert.match(results[2]?.stdout ?? '', /^100\/100$/m);
    for (const [name, format] of [
      ['copy.raw', 'raw'],
      ['copy.qcow2', 'qcow2'],
      ['small.qcow2', 'qcow2'],
    ] as const) {
      checkDisk(name, format);
      if (format === 'qcow2') checkQcow2(at(name));
      const { size, blocks } = statSync(at(name));
      const used = format === 'raw' ? blocks * 512 : size;
      assert.ok(used < 6 * MIB, `${name}: ${used} bytes`);
    }
    assert.deepEqual(readdirSync(at('tmp')), []);
  });

  test('what is ignored is copied', () => {
    succeed('virt-sparsify --format raw --ignore /dev/sda1 --ignore vg --zero /dev/sda2 disk.raw part.raw');
    const { blocks } = statSync(at('part.raw'));
    assert.ok(blocks * 512 > 2 * GARBAGE, `${blocks * 512} bytes`);
    assert.ok(blocks * 512 < 3 * GARBAGE, `${blocks * 512} bytes`);
    const [found] = succeed('guestfish --ro --format=raw -a part.raw run : vfs-type /dev/sda2');
    assert.equal(found?.stdout, '\n');
  });

  test('what is ignored may be named in other ways', () => {
    const [result] = succeed(
      'virt-sparsify --format raw --ignore /dev/mapper/vg-lv --ignore /dev/xvda1 disk.raw named.raw',
    );
    assert.doesNotMatch(result?.stdout ?? '', /free space in \/dev\/(vg\/lv|sda1) /);
    assert.match(result?.stdout ?? '', /free space in \/dev\/sda2 /);
  });

  test('in place', { skip: nativeCalls() === undefined && 'koffi is not installed' }, () => {
    copyFileSync(at('disk.raw'), at('place.raw'));
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', at('disk.raw'), at('place.qcow2'));
    run('qemu-img', 'snapshot', '-c', 'before', at('place.qcow2'));
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', at('disk.raw'), at('alone.qcow2'));
    succeed(
      'virt-sparsify --in-place --format=raw place.raw',
      'virt-sparsify --in-place place.qcow2',
      'virt-sparsify --in-place -q alone.qcow2',
    );
    checkDisk('place.raw', 'raw');
    for (const name of ['place.qcow2', 'alone.qcow2']) {
      checkQcow2(at(name));
      checkDisk(name, 'qcow2');
    }
    for (const name of ['place.raw', 'alone.qcow2']) {
      const { blocks } = statSync(at(name));
      assert.ok(blocks * 512 < 8 * MIB, `${name}: ${blocks * 512} bytes`);
    }
    run('qemu-img', 'snapshot', '-a', 'before', at('place.qcow2'));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', at('disk.raw'), at('place.qcow2'));
  });

  test('a filesystem that cannot be written to is named', () => {
    copyFileSync(at('blank'), at('xfs.raw'));
    // As much of a superblock as tells that it is one: sizes and their logarithms.
    const superblock = new DataView(new ArrayBuffer(512));
    superblock.setUint32(0, 0x58465342);
    superblock.setUint32(4, 4096);
    for (const offset of [12, 84]) superblock.setUint32(offset, 16384);
    for (const offset of [80, 88]) superblock.setUint32(offset, 1);
    for (const offset of [102, 104]) superblock.setUint16(offset, 512);
    for (const [index, value] of [12, 9, 9, 3].entries()) superblock.setUint8(120 + index, value);
    superblock.setUint8(127, 25);
    writeFileSync(at('xfs.raw'), new Uint8Array(superblock.buffer), { flag: 'r+' });
    const [result] = succeed('virt-sparsify --format=raw xfs.raw xfs.out');
    assert.match(result?.stderr ?? '', /warning: the free space of \/dev\/sda stays: the xfs filesystem/);
  });

  test('what contradicts itself is refused', () => {
    const cases: [line: string, message: RegExp][] = [
      ['virt-sparsify disk.raw', /give the disk to copy and the new disk/],
      ['virt-sparsify --format raw disk.raw disk.raw', /disk\.raw is the disk to copy/],
      ['virt-sparsify --in-place --convert qcow2 disk.raw', /--convert cannot be used with --in-place/],
      ['virt-sparsify --format raw --compress disk.raw x.raw', /--compress needs a new disk/],
      ['virt-sparsify --format raw -o foo=1 disk.raw x.raw', /-o foo: this option is not known/],
      ['virt-sparsify --format raw disk.raw /dev/null', /would be lost/],
      ['virt-sparsify none.raw x.raw', /none\.raw/],
      ['virt-sparsify --format raw --tmp none disk.raw x.raw', /none/],
      ['virt-sparsify --format raw --zero /dev/sdz disk.raw x.raw', /\/dev\/sdz/],
    ];
    const results = runAll(...cases.map(([line]) => line), 'virt-sparsify --machine-readable');
    for (const [index, [line, message]] of cases.entries()) {
      assert.equal(results[index]?.status, 1, line);
      assert.match(results[index]?.stderr ?? '', message);
    }
    assert.match(results.at(-1)?.stdout ?? '', /^virt-sparsify\nlinux-swap\nzero\n/);
    assert.equal(existsSync(at('x.raw')), false);
  });
});
