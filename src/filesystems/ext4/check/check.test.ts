import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { debugfs, e2fsck, makeExt, makeTree } from '../../../../test/support/ext-image.ts';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { memoryDevice } from '../../../block/memory.ts';
import { checkExt, type CheckReport } from './index.ts';

const golden = fileURLToPath(new URL('../golden/', import.meta.url));
const skip = needsTool('mke2fs', 'debugfs', 'e2fsck');

function codes(report: CheckReport): string {
  return report.problems
    .map(({ code, fixed, text }) => `${fixed ? 'fixed' : 'left'} ${code}: ${text}`)
    .join('\n');
}

/** Check an image in a file; what a repair changes goes back into it. */
function check(image: string, repair: boolean | 'safe' = false): CheckReport {
  const bytes = readFileSync(image);
  const report = checkExt(memoryDevice(bytes), { repair, force: true });
  if (repair) writeFileSync(image, bytes);
  return report;
}

describe('golden images', () => {
  for (const name of readdirSync(golden).filter((file) => file.endsWith('.img.gz'))) {
    const bytes = gunzipSync(readFileSync(join(golden, name)));
    const before = Buffer.from(bytes);
    if (name === 'dirty-fast.img.gz') {
      test(`${name}: fast commits are refused`, () => {
        assert.throws(() => checkExt(memoryDevice(bytes), { repair: true }), { code: 'ENOTSUP' });
        assert.ok(before.equals(bytes));
      });
      continue;
    }
    test(`${name} without repair`, () => {
      const report = checkExt(memoryDevice(bytes), { force: true });
      // Orphans, and what they still hold, are all that is wrong with any.
      const ofOrphans = /^(orphan|deleted-dtime|(block|inode)-bitmap|group-count|free-(blocks|inodes))$/;
      assert.deepEqual(
        report.problems.filter(({ code }) => !ofOrphans.test(code)),
        [],
      );
      assert.ok(before.equals(bytes), 'a check without repair wrote something');
    });
    test(`${name} with repair`, { skip }, () => {
      const { path, remove } = temporaryFolder();
      try {
        const report = checkExt(memoryDevice(bytes), { repair: true, force: true });
        assert.ok(report.status <= 1, codes(report));
        const image = join(path, 'image');
        writeFileSync(image, bytes);
        const { status, output } = e2fsck(image);
        assert.equal(status, 0, output);
      } finally {
        remove();
      }
    });
  }
});

/** What is done to a filesystem with debugfs, and what the check must call it. */
const DAMAGES: readonly { name: string; commands: readonly string[]; code: string; left?: boolean }[] = [
  { name: 'free blocks of the superblock', commands: ['ssv free_blocks_count 5'], code: 'free-blocks' },
  { name: 'free inodes of the superblock', commands: ['ssv free_inodes_count 5'], code: 'free-inodes' },
  {
    name: 'free blocks of a group',
    commands: ['set_bg 0 free_blocks_count 3', 'set_bg 0 checksum calc'],
    code: 'group-count',
  },
  {
    name: 'directories of a group',
    commands: ['set_bg 0 used_dirs_count 77', 'set_bg 0 checksum calc'],
    code: 'group-count',
  },
  { name: 'checksum of a group', commands: ['set_bg 0 checksum 0x1234'], code: 'group-checksum' },
  { name: 'blocks marked as free', commands: ['freeb 100 40'], code: 'block-bitmap' },
  { name: 'blocks marked as used', commands: ['setb 8000 5'], code: 'block-bitmap' },
  { name: 'an inode marked as free', commands: ['freei <13>'], code: 'inode-bitmap' },
  { name: 'an inode marked as used', commands: ['seti <900>'], code: 'inode-bitmap' },
  { name: 'link count', commands: ['sif /many/a-name-of-some-length-7 links_count 9'], code: 'link-count' },
  { name: 'link count of a directory', commands: ['sif /many links_count 9'], code: 'link-count' },
  { name: 'i_blocks', commands: ['sif /big blocks 2'], code: 'i_blocks' },
  { name: 'size of a file', commands: ['sif /big size 10'], code: 'i_size' },
  { name: 'size of a directory', commands: ['sif /many size 1024'], code: 'i_size' },
  { name: 'deletion time', commands: ['sif /big dtime 1234567890'], code: 'used-dtime' },
  { name: 'a name that is gone', commands: ['unlink /big'], code: 'unattached-inode' },
  { name: 'a directory whose name is gone', commands: ['unlink /many'], code: 'unattached-directory' },
  { name: 'lost+found and a name', commands: ['unlink /big', 'rmdir /lost+found'], code: 'unattached-inode' },
  { name: 'a cleared inode', commands: ['clri /big'], code: 'entry-unused' },
  { name: 'a cleared directory', commands: ['clri /many'], code: 'entry-unused' },
  { name: 'a directory of two names', commands: ['link /many /again'], code: 'entry-directory' },
  { name: 'a mode of no type', commands: ['sif /big mode 0'], code: 'inode-mode', left: true },
  {
    name: 'a block of two files',
    commands: ['sif /small block[2] 60', 'sif /small block[5] 900'],
    code: 'duplicate-block',
    left: true,
  },
];

const KINDS: readonly (readonly [name: string, options: readonly string[]])[] = [
  ['ext4', ['-t', 'ext4', '-b', '1024', '-J', 'size=1']],
  ['ext4 without checksums', ['-t', 'ext4', '-b', '2048', '-O', '^metadata_csum', '-J', 'size=2']],
  ['ext3', ['-t', 'ext3', '-b', '1024', '-J', 'size=1']],
  ['ext2', ['-t', 'ext2', '-b', '1024']],
];

describe('damages that e2fsck finds too', { skip }, () => {
  const { path, remove } = temporaryFolder();
  const tree = join(path, 'tree');
  const image = join(path, 'image');
  before(() => {
    makeTree(tree, 40);
    writeFileSync(join(tree, 'big'), new Uint8Array(70_000).fill(0x62));
    writeFileSync(join(tree, 'small'), 'small');
  });
  after(remove);
  for (const [kind, options] of KINDS) {
    test(kind, () => {
      const fresh = join(path, 'fresh');
      makeExt(fresh, 16 * 1048576, ['-N', '2048', ...options], tree);
      const whole = readFileSync(fresh);
      assert.equal(check(fresh).problemCount, 0, codes(check(fresh)));
      for (const { name, commands, code, left } of DAMAGES) {
        if (left && code === 'duplicate-block' && !kind.startsWith('ext4')) continue;
        if (/checksum of a group/.test(name) && kind !== 'ext4') continue;
        writeFileSync(image, whole);
        debugfs(image, ...commands);
        const found = check(image);
        // e2fsck puts the superblock's counts right without a word.
        if (!/^free .* of the superblock$|^checksum of a group$/.test(name)) {
          assert.notEqual(e2fsck(image).status, 0, `${name}: e2fsck finds nothing`);
        }
        assert.equal(found.status, 4, `${name}: nothing was found`);
        assert.ok(
          found.problems.some((problem) => problem.code === code),
          `${name}: ${codes(found)}`,
        );
        const repaired = check(image, true);
        if (left) {
          assert.equal(repaired.status, 4, name);
          continue;
        }
        assert.equal(repaired.status, 1, `${name}: ${codes(repaired)}`);
        const { status, output } = e2fsck(image);
        assert.equal(status, 0, `${name}:\n${codes(repaired)}\n${output}`);
        assert.equal(check(image).problemCount, 0, name);
      }
    });
  }

  test('what is not safe is left without being asked', () => {
    makeExt(image, 16 * 1048576, ['-t', 'ext4', '-b', '1024'], tree);
    debugfs(image, 'clri /big');
    assert.equal(check(image, 'safe').status, 4);
    assert.equal(check(image, true).status, 1);
    assert.equal(e2fsck(image).status, 0);
  });

  test('a superblock that is gone comes from its copy', () => {
    for (const options of [
      ['-b', '1024'],
      ['-b', '4096', '-g', '32768'],
    ]) {
      makeExt(image, options[1] === '4096' ? 160 * 1048576 : 16 * 1048576, ['-t', 'ext4', ...options], tree);
      const bytes = readFileSync(image);
      bytes.fill(0, 1024, 2048);
      writeFileSync(image, bytes);
      const report = check(image, true);
      assert.equal(report.status, 1, codes(report));
      const { status, output } = e2fsck(image);
      assert.equal(status, 0, output);
    }
  });

  test('a damaged directory index is dropped', () => {
    makeExt(image, 16 * 1048576, ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum'], tree);
    run('e2fsck', '-fyD', image);
    const block = Number(run('debugfs', '-R', 'bmap /many 0', image).trim());
    const bytes = readFileSync(image);
    bytes.writeUInt32LE(0x7fffffff, block * 1024 + 0x24 + 8);
    writeFileSync(image, bytes);
    assert.notEqual(e2fsck(image).status, 0);
    const report = check(image, true);
    assert.ok(
      report.problems.some(({ code }) => code === 'directory-index'),
      codes(report),
    );
    const { status, output } = e2fsck(image);
    assert.equal(status, 0, output);
  });
});

test('what is no ext filesystem', () => {
  assert.throws(() => checkExt(memoryDevice(new Uint8Array(65536))), { code: 'EUCLEAN' });
});
