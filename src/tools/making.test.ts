/** The tools that make and resize disks, judged by e2fsck, fsck.fat, sfdisk, sgdisk, qemu-img, debugfs and mtools. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { debugfs, modeAndOwner } from '../../test/support/linux-guest.ts';
import { NamedRuns, type RunResult, type ToolRun } from '../../test/support/tool-runs.ts';
import { needsTool, run, temporaryFolder } from '../../test/support/tools.ts';

const MIB = 1024 * 1024;
/** Sectors in front of the one partition that the tools make. */
const FIRST_SECTOR = 128;

/** A blank raw file of this size is there before the run. */
interface Run extends ToolRun {
  blank?: number;
}

const makeFs = (...argv: string[]): Run => ({ argv: ['virt-make-fs', ...argv] });
const format = (...argv: string[]): Run => ({ argv: ['virt-format', '-a', 'IMAGE', ...argv], blank: 64 });
const resize = (...argv: string[]): Run => ({ argv: ['virt-resize', ...argv, 'source.img', 'IMAGE'] });
/** A kernel could do it. */
const onEngine = { LIBGUESTFS_BACKEND: 'engine' };
const fixed = { SOURCE_DATE_EPOCH: '1700000000' };

/** Commands that make the disk to resize. */
const SOURCE = `
run
part-init /dev/sda mbr
part-add /dev/sda p 2048 43007
part-add /dev/sda p 43008 -1
part-set-bootable /dev/sda 1 true
pwrite-device /dev/sda "boot loader" 0
mkfs ext4 /dev/sda1 label:BOOT
pvcreate /dev/sda2
vgcreate VG /dev/sda2
lvcreate root VG 40
mkfs ext4 /dev/VG/root label:ROOT
mount /dev/sda1 /
copy-in tree /
umount-all
checksum-device sha256 /dev/sda | cat > source.hash
`;

/** IMAGE is the run's own image. */
const runs: Record<string, Run> = {
  makeExt2: makeFs('tree', 'IMAGE'),
  makeExt3: makeFs('--type=ext3', '--label=three', 'tree.tar', 'IMAGE'),
  makeExt4: makeFs('--type=ext4', '--size=+20M', 'tree.tar.gz', 'IMAGE'),
  makeXz: makeFs('--type=ext4', '--size=12M', 'tree.tar.xz', 'IMAGE'),
  makeMany: makeFs('--type=ext4', 'many', 'IMAGE'),
  makeFat: makeFs('--type=vfat', '--label=FAT', 'plain', 'IMAGE'),
  makeMbr: makeFs('--type=ext4', '--partition', '--label=in', 'tree', 'IMAGE'),
  makeGpt: makeFs('--type=vfat', '--partition=gpt', 'plain', 'IMAGE'),
  makeQcow2: makeFs('--format=qcow2', '--type=ext4', '--size=+50M', 'tree', 'IMAGE'),
  makeFloppy: makeFs('--floppy', 'plain', 'IMAGE'),
  makeNoRoom: makeFs('--size=100K', 'tree', 'IMAGE'),
  makeNoLinks: makeFs('--type=vfat', 'tree', 'IMAGE'),
  makeNoInput: makeFs('nowhere', 'IMAGE'),
  makeNoArchive: makeFs('words', 'IMAGE'),
  makeNoType: { ...makeFs('--type=xfs', 'tree', 'IMAGE'), env: onEngine },
  makeNoFormat: makeFs('--format=vmdk', 'tree', 'IMAGE'),
  makeNoTable: makeFs('--partition=sun', 'tree', 'IMAGE'),
  makeNoFile: makeFs('tree', 'plain'),
  formatPlain: format(),
  formatGpt: format('--partition=gpt', '--filesystem=vfat', '--label=EFI'),
  formatWhole: format('--partition=none', '--filesystem=ext4', '--label=root'),
  formatLvm: format('--lvm', '--filesystem=ext3'),
  formatHides: { argv: ['virt-format', '-a', 'formatGpt.img', '--partition=gpt'] },
  formatNoType: {
    argv: ['virt-format', '-a', 'formatWhole.img', '--filesystem=btrfs'],
    env: onEngine,
  },
  formatNoLabel: {
    argv: ['virt-format', '-a', 'formatWhole.img', '--filesystem=ext4', `--label=${'x'.repeat(17)}`],
  },
  formatTwoGroups: {
    argv: ['virt-format', '-a', 'formatGpt.img', '-a', 'formatWhole.img', '--lvm=/dev/g/v'],
  },
  formatNoDisk: { argv: ['virt-format'] },
  source: { argv: ['guestfish', '--rw', '-a', 'IMAGE', '-f', 'source.fish'], blank: 80 },
  resizeExpand: resize('--size=200M', '--expand=/dev/sda2', '--LV-expand=/dev/VG/root'),
  resizeQcow2: resize('--size=200M', '--output-format=qcow2', '--expand=sda1'),
  resizeTo: resize('--size=200M', '--resize=/dev/sda1=50M'),
  resizeShrink: resize('--size=70M', '--shrink=/dev/sda1'),
  resizeDelete: resize('--size=62M', '--delete=/dev/sda1', '--no-copy-boot-loader'),
  resizeDirty: { argv: ['virt-resize', '--expand=/dev/sda1', 'source.img', 'IMAGE'], blank: 100 },
  resizeDry: resize('--dry-run', '--size=200M', '--expand=/dev/sda2'),
  resizeSame: { argv: ['virt-resize', '--expand=/dev/sda2', 'source.img', './source.img'] },
  resizeTooSmall: resize('--size=70M'),
  resizeTooFull: resize('--size=70M', '--resize=/dev/sda1=1M'),
  resizeNoPartition: resize('--size=200M', '--expand=/dev/sda9'),
  resizeOverlay: {
    argv: ['virt-resize', '--allow-backing=folder', '--size=90M', 'overlay.qcow2', 'IMAGE'],
  },
  resizeNoBacking: { argv: ['virt-resize', '--size=90M', 'overlay.qcow2', 'IMAGE'] },
  resizeUnknown: {
    argv: [
      ...'virt-resize --size=90M --expand=sda1 --unknown-filesystems=error'.split(' '),
      'makeGpt.img',
      'IMAGE',
    ],
  },
  resizeNoTable: { argv: ['virt-resize', '--size=200M', 'makeExt2.img', 'IMAGE'] },
};
for (const [name, argv] of [
  ['reproduceExt4', ['--type=ext4', '--partition=gpt', '--label=x', 'tree']],
  ['reproduceFat', ['--type=vfat', '--partition=mbr', 'plain']],
  ['reproduceQcow2', ['--type=ext2', '--format=qcow2', 'tree.tar.gz']],
] as const) {
  for (const copy of ['A', 'B']) runs[`${name}${copy}`] = { ...makeFs(...argv, 'IMAGE'), env: fixed };
}

describe(
  'tools that make disks',
  {
    skip: needsTool(
      'e2fsck',
      'debugfs',
      'fsck.fat',
      'mdir',
      'sfdisk',
      'sgdisk',
      'qemu-img',
      'tar',
      'xz',
      'gzip',
    ),
  },
  () => {
    const folder = temporaryFolder();
    const results = new NamedRuns();
    const at = (...parts: string[]): string => join(folder.path, ...parts);
    const image = (name: string): string => at(`${name}.img`);
    const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
    const done = (name: string): RunResult => results.succeeded(name);
    const fails = (name: string, message: RegExp): void => results.failed(name, message);
    /** The sectors of a raw image from `first` on, as a file of its own. */
    const part = (name: string, first: number, sectors?: number): string => {
      const bytes = readFileSync(image(name));
      const end = sectors === undefined ? bytes.length : (first + sectors) * 512;
      writeFileSync(at(`${name}.cut`), bytes.subarray(first * 512, end));
      return at(`${name}.cut`);
    };
    const checked = (ext: string): string => run('e2fsck', '-fn', ext);
    const table = (name: string): string[] =>
      run('sfdisk', '-d', image(name))
        .split('\n')
        .filter((line) => line.includes('start='))
        .map((line) => line.replace(/^.*? : /, '').replaceAll(/\s+/g, ''));

    before(() => {
      mkdirSync(at('plain', 'deep'), { recursive: true });
      writeFileSync(at('plain', 'deep', 'A long name.txt'), 'long name\n');
      writeFileSync(at('plain', 'big'), new Uint8Array(200_000).fill(7));
      mkdirSync(at('tree', 'deep', 'empty'), { recursive: true });
      writeFileSync(at('tree', 'file'), 'a file\n', { mode: 0o640 });
      utimesSync(at('tree', 'file'), 1_000_000_000, 1_000_000_000);
      writeFileSync(at('tree', 'deep', 'big'), Buffer.alloc(300_000, 'content '));
      symlinkSync('file', at('tree', 'link'));
      linkSync(at('tree', 'file'), at('tree', 'hard'));
      writeFileSync(at('source.fish'), SOURCE);
      writeFileSync(at('words'), 'no archive\n'.repeat(100));
      mkdirSync(at('many'));
      for (let count = 0; count < 1500; count++) writeFileSync(at('many', `file ${count}`), `${count}\n`);
      run('tar', '-C', at('tree'), '--owner=7', '--group=8', '-cf', at('tree.tar'), '.');
      run('gzip', '-k', at('tree.tar'));
      run('xz', '-k', at('tree.tar'));
      const overlay = ['-o', 'backing_file=source.img,backing_fmt=raw', at('overlay.qcow2')];
      run('qemu-img', 'create', '-q', '-u', '-f', 'qcow2', ...overlay, '80M');
      for (const [name, { blank }] of Object.entries(runs)) {
        if (blank === undefined) continue;
        writeFileSync(image(name), name === 'resizeDirty' ? Buffer.alloc(blank * MIB, 'x') : '');
        truncateSync(image(name), blank * MIB);
      }
      results.run(folder.path, runs);
    });
    after(() => folder.remove());

    test('virt-make-fs: ext2, ext3 and ext4 of a folder and of archives', () => {
      for (const name of ['makeExt2', 'makeExt3', 'makeExt4', 'makeXz']) {
        done(name);
        checked(image(name));
        assert.equal(debugfs(image(name), 'cat /hard'), 'a file\n', name);
        assert.match(debugfs(image(name), 'stat /file'), /Links: 2[^]*mtime: 0x3b9aca00/, name);
        assert.match(debugfs(image(name), 'stat /link'), /Fast link dest: "file"/, name);
        assert.match(debugfs(image(name), 'stat /deep/big'), /Size: 300000/, name);
        assert.equal(modeAndOwner(image(name), '/file'), name === 'makeExt2' ? '0640 0:0' : '0640 7:8', name);
      }
      const features = (name: string): string => debugfs(image(name), 'features');
      assert.doesNotMatch(features('makeExt2'), /has_journal/);
      assert.match(features('makeExt3'), /has_journal/);
      assert.doesNotMatch(features('makeExt3'), /extent/);
      assert.match(features('makeExt4'), /has_journal.*extent/);
      assert.match(debugfs(image('makeExt3'), 'show_super_stats -h'), /Filesystem volume name: +three/);
    });
    test('virt-make-fs: the size is what was asked for, or what is needed', () => {
      assert.equal(readFileSync(image('makeXz')).length, 12 * MIB);
      const [large, small] = [readFileSync(image('makeExt4')).length, readFileSync(image('makeExt2')).length];
      assert.ok(small <= 2 * MIB, `${small} bytes`);
      assert.ok(large >= 20 * MIB && large <= 24 * MIB, `${large} bytes`);
      done('makeMany');
      checked(image('makeMany'));
      assert.match(debugfs(image('makeMany'), 'ls -p /'), /\/file 1499\//);
    });
    test('virt-make-fs: FAT', () => {
      done('makeFat');
      run('fsck.fat', '-n', image('makeFat'));
      assert.match(run('mdir', '-i', image('makeFat'), '::'), /Volume in drive : is FAT/);
      assert.equal(run('mtype', '-i', image('makeFat'), '::/deep/A long name.txt'), 'long name\n');
    });
    test('virt-make-fs: in a partition', () => {
      done('makeMbr');
      assert.match(table('makeMbr').join(' '), /^start=128,size=\d+,type=83$/);
      checked(part('makeMbr', FIRST_SECTOR));
      done('makeGpt');
      assert.match(run('sgdisk', '-v', image('makeGpt')), /No problems found/);
      assert.match(table('makeGpt').join(' '), /^start=128,size=\d+,type=EBD0A0A2-/);
      run('fsck.fat', '-n', part('makeGpt', FIRST_SECTOR));
      done('makeFloppy');
      assert.equal(readFileSync(image('makeFloppy')).length, 1440 * 1024);
      assert.match(table('makeFloppy').join(' '), /type=c$/);
      run('fsck.fat', '-n', part('makeFloppy', FIRST_SECTOR));
    });
    test('virt-make-fs: qcow2', () => {
      done('makeQcow2');
      run('qemu-img', 'check', '-q', image('makeQcow2'));
      run('qemu-img', 'convert', '-O', 'raw', image('makeQcow2'), at('converted'));
      checked(at('converted'));
      assert.equal(debugfs(at('converted'), 'cat /file'), 'a file\n');
    });
    test('virt-make-fs: with SOURCE_DATE_EPOCH two runs make the same bytes', () => {
      for (const name of ['reproduceExt4', 'reproduceFat', 'reproduceQcow2']) {
        for (const copy of ['A', 'B']) done(`${name}${copy}`);
        assert.equal(hash(image(`${name}A`)), hash(image(`${name}B`)), name);
      }
      const ext4 = part('reproduceExt4A', FIRST_SECTOR);
      checked(ext4);
      assert.match(debugfs(ext4, 'stat /file'), /mtime: 0x3b9aca00/);
      assert.match(debugfs(ext4, 'stat /deep/empty'), /mtime: 0x6553f100/);
    });
    test('virt-make-fs: what cannot be is said, and nothing is left', () => {
      fails('makeNoRoom', /no free block is left/);
      fails('makeNoLinks', /FAT has only files and directories/);
      fails('makeNoInput', /cannot read nowhere/);
      fails('makeNoArchive', /words is neither a folder nor a tar archive/);
      fails('makeNoType', /only ext2, ext3, ext4 and vfat/);
      fails('makeNoFormat', /expected raw or qcow2/);
      fails('makeNoTable', /expected gpt or mbr/);
      fails('makeNoFile', /plain is no file/);
      for (const name of readdirSync(folder.path)) assert.doesNotMatch(name, /\.part$|^makeNo/);
    });

    test('virt-format', () => {
      done('formatPlain');
      assert.deepEqual(table('formatPlain'), ['start=128,size=130817,type=83']);
      done('formatWhole');
      checked(image('formatWhole'));
      assert.match(debugfs(image('formatWhole'), 'show_super_stats -h'), /Filesystem volume name: +root/);
      done('formatLvm');
      assert.match(table('formatLvm').join(' '), /type=8e$/);
    });
    test('virt-format: what was there does not show through', () => {
      done('formatGpt');
      done('formatHides');
      assert.match(run('sgdisk', '-v', image('formatGpt')), /No problems found/);
      assert.equal(run('wipefs', part('formatGpt', FIRST_SECTOR)), '');
    });
    test('virt-format: what cannot be is found before anything is erased', () => {
      fails('formatNoType', /only ext2, ext3, ext4 and vfat/);
      fails('formatNoLabel', /at most 16/);
      fails('formatNoDisk', /no disk was named/);
      fails('formatTwoGroups', /one disk at a time/);
      checked(image('formatWhole'));
    });

    test('virt-resize: expand a partition, the physical volume, a logical volume and its filesystem', () => {
      done('resizeExpand');
      const [first, second] = table('resizeExpand');
      assert.equal(first, 'start=2048,size=40960,type=83,bootable');
      assert.equal(second, `start=43008,size=${200 * 2048 - 43_008},type=83`);
      checked(part('resizeExpand', 2048, 40_960));
      // The volume is the first thing of the physical volume's data, which begins 1 MiB into it.
      const root = part('resizeExpand', 43_008 + 2048);
      assert.match(debugfs(root, 'show_super_stats -h'), /Block count: +(17[0-9]{4}|18[0-9]{4})\n/);
    });
    test('virt-resize: the disk keeps its identity and what starts it', () => {
      const [old, now] = [readFileSync(image('source')), readFileSync(image('resizeExpand'))];
      assert.equal(now.toString('latin1', 0, 11), 'boot loader');
      assert.deepEqual(now.subarray(0, 446), old.subarray(0, 446));
      done('resizeDelete');
      const without = readFileSync(image('resizeDelete'));
      assert.equal(without[0], 0);
      assert.deepEqual(without.subarray(440, 446), old.subarray(440, 446));
    });
    test('virt-resize: qcow2, sizes, shrinking', () => {
      done('resizeQcow2');
      run('qemu-img', 'check', '-q', image('resizeQcow2'));
      done('resizeOverlay');
      checked(part('resizeOverlay', 2048, 40_960));
      done('resizeTo');
      assert.deepEqual(
        table('resizeTo').map((line) => line.split(',type')[0]),
        ['start=2048,size=102400', `start=104448,size=${80 * 2048 - 43_008}`, 'start=225280,size=184320'],
      );
      const grown = part('resizeTo', 2048, 102_400);
      checked(grown);
      assert.match(debugfs(grown, 'show_super_stats -h'), /Block count: +51200\n/);
      done('resizeShrink');
      const shrunk = part('resizeShrink', 2048, 20_480);
      assert.match(table('resizeShrink')[0] ?? '', /^start=2048,size=20480,/);
      checked(shrunk);
      assert.equal(debugfs(shrunk, 'cat /tree/file'), 'a file\n');
    });
    test('virt-resize: a deleted partition leaves its room to others', () => {
      assert.match(table('resizeDelete').join(' '), /^start=2048,size=120832,type=83$/);
    });
    test('virt-resize: a target that is not blank', () => {
      done('resizeDirty');
      const first = Number(/size=(\d+)/.exec(table('resizeDirty')[0] ?? '')?.[1]);
      const ext4 = part('resizeDirty', 2048, first);
      checked(ext4);
      assert.equal(debugfs(ext4, 'cat /tree/file'), 'a file\n');
    });
    test('virt-resize: what cannot be is said, and nothing is left or lost', () => {
      assert.match(done('resizeDry').stdout, /\/dev\/sda2: this partition is resized/);
      fails('resizeSame', /is the disk to copy itself/);
      fails('resizeTooSmall', /the partitions need 10M more/);
      fails('resizeTooFull', /cannot be shrunk to 1\.0M/);
      fails('resizeNoPartition', /there is no partition \/dev\/sda9/);
      fails('resizeNoTable', /not partitioned/);
      fails('resizeNoBacking', /--allow-backing=folder/);
      fails('resizeUnknown', /the vfat filesystem on \/dev\/sda1 is not expanded/);
      for (const name of ['NoBacking', 'Unknown', 'Dry', 'TooSmall', 'TooFull', 'NoPartition', 'NoTable'])
        assert.ok(!existsSync(image(`resize${name}`)), name);
      done('source');
      assert.equal(hash(image('source')), readFileSync(at('source.hash'), 'utf8').trim());
    });
  },
);
