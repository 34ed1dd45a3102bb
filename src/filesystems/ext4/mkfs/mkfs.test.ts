import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openFile } from '../../../block/file.ts';
import { memoryDevice } from '../../../block/memory.ts';
import { identifyFully } from '../../identify/index.ts';
import { cuts, record } from '../../../../test/crash/recorder.ts';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { withImageFile } from '../../../../test/support/ext4-image.ts';
import { makeExt, makeExtJournal, useExtJournal, type MakeExtOptions } from './index.ts';

const UUID = '11111111-2222-3333-4444-555555555555';
const SEED = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
const NOW = 1_700_000_000;
const bytesOf = (uuid: string) => new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
const FIXED = { uuid: bytesOf(UUID), hashSeed: bytesOf(SEED), now: NOW };
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** mke2fs.conf as Debian ships it with e2fsprogs 1.47, so that the host's own does not count. */
const CONFIGURATION = `[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
enable_periodic_fsck = 0
blocksize = 4096
inode_size = 256
inode_ratio = 16384
[fs_types]
ext3 = {
features = has_journal
}
ext4 = {
features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
}
small = {
blocksize = 1024
inode_ratio = 4096
}
floppy = {
blocksize = 1024
inode_ratio = 8192
}
big = {
inode_ratio = 32768
}
huge = {
inode_ratio = 65536
}
news = {
inode_ratio = 4096
}
largefile = {
inode_ratio = 1048576
blocksize = -1
}
`;

const tools = needsTool('mke2fs', 'dumpe2fs', 'e2fsck', 'blkid');
/** Other versions of mke2fs lay some things out differently. */
function wrongVersion(): string | false {
  if (tools !== false) return tools;
  const version = /mke2fs (\S+)/.exec(spawnSync('mke2fs', ['-V'], { encoding: 'utf8' }).stderr)?.[1] ?? '?';
  return version === '1.47.0' ? false : `mke2fs is version ${version}, the comparison is with 1.47.0`;
}

type Case = [sizes: number[], args: string, options: MakeExtOptions];

/** What must be the same byte for byte. */
const CASES: readonly Case[] = [
  [
    [MIB, 2 * MIB, 8 * MIB, 8250 * KIB, 16450 * KIB, 64 * MIB, 129 * MIB, 300 * MIB],
    '-t ext4',
    { type: 'ext4' },
  ],
  [[600 * MIB, GIB], '-t ext4', { type: 'ext4' }],
  [[200 * KIB, MIB, 20 * MIB, 300 * MIB, 600 * MIB], '-t ext3', { type: 'ext3' }],
  [[200 * KIB, 2 * MIB, 100 * MIB, 600 * MIB], '-t ext2', { type: 'ext2' }],
  [[64 * MIB], '-t ext4 -O bigalloc', { type: 'ext4', features: ['bigalloc'] }],
  [[GIB], '-t ext4 -O bigalloc -C 65536', { type: 'ext4', features: ['bigalloc'], clusterSize: 65536 }],
  [[GIB], '-t ext4 -O sparse_super2', { type: 'ext4', features: ['sparse_super2'] }],
  [
    [GIB],
    '-t ext4 -O sparse_super2,^resize_inode',
    { type: 'ext4', features: ['sparse_super2', '^resize_inode'] },
  ],
  [[GIB], '-t ext4 -b 65536', { type: 'ext4', blockSize: 65536 }],
  [[GIB], '-t ext4 -b 8192', { type: 'ext4', blockSize: 8192 }],
  [[GIB], '-t ext4 -b 2048', { type: 'ext4', blockSize: 2048 }],
  [[100 * MIB], '-t ext4 -g 4096', { type: 'ext4', blocksPerGroup: 4096 }],
  [[GIB], '-t ext4 -O quota,project', { type: 'ext4', features: ['quota', 'project'] }],
  [[64 * MIB, GIB], '-t ext4 -O orphan_file', { type: 'ext4', features: ['orphan_file'] }],
  [[64 * MIB], '-t ext4 -O fast_commit', { type: 'ext4', features: ['fast_commit'] }],
  [
    [64 * MIB],
    '-t ext4 -O encrypt,casefold,verity,stable_inodes,large_dir,ea_inode,metadata_csum_seed',
    {
      type: 'ext4',
      features: [
        'encrypt',
        'casefold',
        'verity',
        'stable_inodes',
        'large_dir',
        'ea_inode',
        'metadata_csum_seed',
      ],
    },
  ],
  [[300 * MIB], '-t ext4 -O ^flex_bg', { type: 'ext4', features: ['^flex_bg'] }],
  [
    [300 * MIB],
    '-t ext4 -O ^metadata_csum,uninit_bg',
    { type: 'ext4', features: ['^metadata_csum', 'uninit_bg'] },
  ],
  [[300 * MIB], '-t ext4 -O ^metadata_csum', { type: 'ext4', features: ['^metadata_csum'] }],
  [[300 * MIB], '-t ext4 -O ^64bit,^extent', { type: 'ext4', features: ['^64bit', '^extent'] }],
  [[64 * MIB], '-t ext2 -O none', { type: 'ext2', features: ['none'] }],
  [[64 * MIB], '-t ext4 -I 128', { type: 'ext4', inodeSize: 128 }],
  [
    [64 * MIB],
    `-t ext4 -I 512 -L label -M /mnt/x -m 1 -E hash_seed=${SEED},stride=4,stripe_width=8`,
    {
      type: 'ext4',
      inodeSize: 512,
      label: 'label',
      lastMounted: '/mnt/x',
      reservedPercentage: 1,
      stride: 4,
      stripeWidth: 8,
    },
  ],
  [[64 * MIB], '-t ext4 -N 5000', { type: 'ext4', inodesCount: 5000 }],
  [[GIB], '-t ext4 -T largefile', { type: 'ext4', usage: 'largefile' }],
  [[GIB], '-t ext4 -T news', { type: 'ext4', usage: 'news' }],
  [[GIB], '-t ext4 -J size=200', { type: 'ext4', journalSize: 200 * MIB }],
  [[64 * MIB], '-t ext4 -G 4', { type: 'ext4', groupsPerFlex: 4 }],
];

/** What dumpe2fs tells the same of, though more was written than can be compared byte for byte. */
const LARGE: readonly Case[] = [
  [[3 * GIB, 100 * GIB, 1024 * GIB], '-t ext4', { type: 'ext4' }],
  [[100 * GIB], '-t ext3', { type: 'ext3' }],
  [[5 * GIB], '-t ext2', { type: 'ext2' }],
  [[5 * GIB], '-t ext4 -O ^resize_inode,meta_bg', { type: 'ext4', features: ['^resize_inode', 'meta_bg'] }],
];

/** Made as well, but not laid out in all as mke2fs does it: only e2fsck judges. */
const OTHERS: readonly [size: number, options: MakeExtOptions][] = [
  [64 * KIB, { type: 'ext4' }],
  [100 * KIB, { type: 'ext2' }],
  [64 * MIB, { type: 'ext4', features: ['mmp'] }],
  [64 * MIB, { type: 'ext4', features: ['quota', 'project'] }],
  [64 * MIB, { type: 'ext4', features: ['inline_data'] }],
  [300 * MIB, { type: 'ext4', features: ['^resize_inode', 'meta_bg'] }],
  [300 * MIB, { type: 'ext4', features: ['^64bit,metadata_csum_seed'].flatMap((text) => text.split(',')) }],
  [GIB, { type: 'ext4', bytesPerInode: 2048 }],
  [GIB, { type: 'ext4', blockSize: 1024, journalSize: 200 * MIB }],
  [64 * MIB, { type: 'ext4', resizeLimit: 1_000_000, blocksCount: 30_000 }],
  [64 * MIB, { type: 'ext4dev', lazyInodeTables: false }],
];

const { path: folder, remove } = temporaryFolder();
after(remove);

function blank(name: string, size: number): string {
  const path = join(folder, name);
  rmSync(path, { force: true });
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

function makeOurs(size: number, options: MakeExtOptions): string {
  const path = blank('ours', size);
  const device = openFile(path, { writable: true });
  try {
    makeExt(device, { ...FIXED, ...options });
  } finally {
    device.close();
  }
  return path;
}

function makeTheirs(size: number, args: string): string {
  const path = blank('theirs', size);
  const configuration = join(folder, 'mke2fs.conf');
  writeFileSync(configuration, CONFIGURATION);
  const result = spawnSync(
    'mke2fs',
    ['-q', '-F', '-U', UUID, '-E', `hash_seed=${SEED}`, ...args.split(' '), path],
    {
      encoding: 'utf8',
      env: { ...process.env, E2FSPROGS_FAKE_TIME: String(NOW), MKE2FS_CONFIG: configuration },
    },
  );
  assert.equal(result.status, 0, result.stderr);
  return path;
}

function assertClean(path: string): void {
  const result = spawnSync('e2fsck', ['-fn', path], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stdout + result.stderr);
}

/** Places of superblocks count what was written and carry a checksum over that: both are left out. */
function blankCounters(bytes: Buffer): void {
  for (let at = 0; at + KIB <= bytes.length; at += KIB) {
    if (bytes.readUInt16LE(at + 0x38) !== 0xef53 || bytes.readUInt32LE(at + 0x4c) !== 1) continue;
    bytes.fill(0, at + 0x178, at + 0x180);
    bytes.fill(0, at + 0x3fc, at + 0x400);
  }
}

/** Compare two files piece by piece. */
function assertSameBytes(theirs: string, ours: string, size: number): void {
  const files = [openSync(theirs, 'r'), openSync(ours, 'r')];
  const pieces = files.map(() => Buffer.alloc(16 * MIB));
  try {
    for (let at = 0; at < size; at += 16 * MIB) {
      for (const [i, file] of files.entries()) {
        const length = readSync(file, pieces[i]!, 0, 16 * MIB, at);
        pieces[i]!.fill(0, length);
      }
      if (pieces[0]!.equals(pieces[1]!)) continue;
      for (const piece of pieces) blankCounters(piece);
      if (pieces[0]!.equals(pieces[1]!)) continue;
      const place = pieces[0]!.findIndex((byte, i) => byte !== pieces[1]![i]);
      assert.fail(
        `byte ${at + place} is 0x${pieces[1]![place]!.toString(16)}, mke2fs has 0x${pieces[0]![place]!.toString(16)}`,
      );
    }
  } finally {
    for (const file of files) closeSync(file);
  }
}

function facts(path: string): string[] {
  return run('dumpe2fs', path)
    .split('\n')
    .filter((line) => !/^(Lifetime writes|Checksum|MMP)/.test(line));
}

describe('makeExt beside mke2fs', () => {
  for (const [sizes, args, options] of CASES) {
    for (const size of sizes) {
      test(`${size / KIB} KiB ${args}, byte for byte`, { skip: wrongVersion() }, () => {
        const theirs = makeTheirs(size, args);
        const ours = makeOurs(size, options);
        assertSameBytes(theirs, ours, size);
        assertClean(ours);
      });
    }
  }
  for (const [sizes, args, options] of LARGE) {
    for (const size of sizes) {
      test(`${size / GIB} GiB ${args}, as dumpe2fs tells`, { skip: wrongVersion() }, () => {
        const theirs = facts(makeTheirs(size, args));
        assert.deepEqual(facts(makeOurs(size, options)), theirs);
      });
    }
  }
  for (const [size, options] of OTHERS) {
    test(`${size / KIB} KiB ${JSON.stringify(options)}, as e2fsck judges`, { skip: tools }, () => {
      assertClean(makeOurs(size, options));
    });
  }
});

describe('makeExt', () => {
  test('what is impossible is refused before anything is written', () => {
    const bytes = new Uint8Array(4 * MIB).fill(7);
    const refusals: MakeExtOptions[] = [
      { type: 'ext5' },
      { usage: 'nothing' },
      { blockSize: 3000 },
      { blockSize: 512 },
      { inodeSize: 100 },
      { label: '12345678901234567' },
      { features: ['nonsense'] },
      { features: ['shared_blocks'] },
      { features: ['64bit'] },
      { blocksCount: 100_000 },
      { inodesCount: 1_000_000 },
      { reservedPercentage: 60 },
      { creatorOs: 'templeos' },
      { type: 'ext4', journalSize: 100 },
      { type: 'ext4', features: ['meta_bg'] },
    ];
    for (const options of refusals) {
      assert.throws(
        () => makeExt(memoryDevice(bytes), options),
        { name: 'GuestfsError' },
        JSON.stringify(options),
      );
    }
    assert.ok(bytes.every((byte) => byte === 7));
    assert.throws(() => makeExt(memoryDevice(new Uint8Array(8 * KIB)), {}), { code: 'EINVAL' });
    assert.throws(() => makeExt(memoryDevice(bytes, { writable: false })), { code: 'EROFS' });
  });

  test('over rubbish, lazily and not', { skip: tools }, () => {
    for (const options of [{}, { lazyInodeTables: false }, { lazyJournal: true }]) {
      const bytes = new Uint8Array(64 * MIB).fill(0xa5);
      makeExt(memoryDevice(bytes), { type: 'ext4', ...FIXED, ...options });
      withImageFile(bytes, assertClean);
    }
  });

  test(
    'nothing of what was there is recognised any more',
    { skip: needsTool('mkfs.vfat', 'mkswap', 'wipefs', 'sgdisk') },
    () => {
      const path = blank('old', 64 * MIB);
      for (const make of [
        () => run('mkfs.vfat', path),
        () => run('mkswap', path),
        () => run('sgdisk', '-n', '1:0:0', path),
      ]) {
        make();
        const device = openFile(path, { writable: true });
        makeExt(device, { type: 'ext4' });
        device.close();
        assert.match(run('blkid', '-p', '-o', 'export', path), /^TYPE=ext4$/m);
        assert.equal(run('wipefs', '-n', '--noheadings', '-O', 'TYPE', path).trim(), 'ext4');
        assertClean(path);
      }
    },
  );

  test(
    'killed at any point: what was there, nothing, or the new filesystem',
    { skip: needsTool('mkfs.vfat', 'e2fsck') },
    () => {
      const old = blank('fat', 4 * MIB);
      run('mkfs.vfat', old);
      const before = new Uint8Array(4 * MIB);
      const file = openSync(old, 'r');
      readSync(file, before);
      closeSync(file);
      for (const type of ['ext2', 'ext4']) {
        const recorder = record(before);
        makeExt(recorder.device, { type, ...FIXED });
        let states = 0;
        const whole = new Set<string>();
        for (const cut of cuts(recorder, { seed: 1, samples: 40 })) {
          states++;
          const { found } = identifyFully(memoryDevice(cut.image.slice()));
          assert.ok(found.length <= 1, `${cut.name}: ${found.join(', ')}`);
          if (found.length === 0) continue;
          if (found[0] === 'vfat') {
            // Only marks of the old one were erased so far.
            const changed = cut.image.findIndex((byte, i) => byte !== before[i] && i >= 512);
            assert.equal(changed, -1, cut.name);
          } else {
            const key = Buffer.from(cut.image).toString('latin1');
            if (whole.has(key)) continue;
            whole.add(key);
            withImageFile(cut.image, assertClean);
          }
        }
        assert.ok(states > 40 && whole.size === 1, `${states} states, ${whole.size} filesystems`);
      }
    },
  );
});

describe('external journals', () => {
  test('as mke2fs makes them', { skip: wrongVersion() }, () => {
    for (const blockSize of [1024, 4096]) {
      const theirs = makeTheirs(16 * MIB, `-b ${blockSize} -O journal_dev -L log`);
      const ours = blank('ours', 16 * MIB);
      const device = openFile(ours, { writable: true });
      makeExtJournal(device, { ...FIXED, blockSize, label: 'log' });
      device.close();
      assertSameBytes(theirs, ours, 16 * MIB);
    }
  });

  test('a filesystem whose journal is elsewhere', { skip: tools }, () => {
    const log = blank('log', 16 * MIB);
    const journal = openFile(log, { writable: true });
    makeExtJournal(journal, { blockSize: 4096 });
    const uuid = useExtJournal(journal, FIXED.uuid, 4096);
    assert.throws(() => useExtJournal(journal, FIXED.uuid, 1024), { code: 'EINVAL' });
    journal.close();
    const ours = makeOurs(64 * MIB, {
      type: 'ext4',
      blockSize: 4096,
      externalJournal: { uuid, deviceNumber: 0x810 },
    });
    const result = spawnSync('e2fsck', ['-fn', '-j', log, ours], { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stdout + result.stderr);
    assert.match(run('dumpe2fs', '-h', log), /Journal users: +/);
    assert.match(run('dumpe2fs', '-h', log), new RegExp(`Journal users: +${UUID}`));
  });
});
