import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { needsTool, run, temporaryFolder } from '../../../../test/support/tools.ts';
import { openFile } from '../../../block/file.ts';
import { openExt4 } from '../index.ts';
import { minimumSizeOf, resizeExt } from './index.ts';

/** Growing and shrinking what mke2fs(8) made, judged by e2fsck(8) and compared with resize2fs(8). */
const skip = needsTool('mke2fs', 'e2fsck', 'resize2fs', 'dumpe2fs');
const MIB = 2 ** 20;
const ROOT = 2;

const cases: readonly (readonly [title: string, options: readonly string[]])[] = [
  ['ext4', ['-t', 'ext4', '-b', '1024']],
  ['blocks of 4 KiB', ['-t', 'ext4', '-b', '4096', '-g', '4096']],
  ['ext2', ['-t', 'ext2', '-b', '1024']],
  ['ext3', ['-t', 'ext3', '-b', '1024']],
  ['no resize_inode', ['-t', 'ext4', '-b', '1024', '-O', '^resize_inode']],
  ['meta_bg', ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode']],
  ['no flex_bg', ['-t', 'ext4', '-b', '1024', '-O', '^flex_bg']],
  ['sparse_super2', ['-t', 'ext4', '-b', '1024', '-O', 'sparse_super2,^resize_inode']],
  ['bigalloc of 1 KiB blocks', ['-t', 'ext4', '-b', '1024', '-O', 'bigalloc']],
  ['not 64bit', ['-t', 'ext4', '-b', '1024', '-O', '^64bit']],
  ['uninit_bg', ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,uninit_bg']],
  ['inline_data', ['-t', 'ext4', '-b', '1024', '-O', 'inline_data']],
];

function contentOf(i: number): Buffer {
  return Buffer.alloc(i * 2500 + 1, i + 1);
}

/** e2fsck finds nothing at all, not even what it repairs without counting it as damage. */
function assertSound(path: string, what: string): void {
  const { status, stdout } = spawnSync('e2fsck', ['-fn', path], { encoding: 'utf8' });
  assert.ok(status === 0 && !stdout.includes('? no'), `${what}: ${status} ${stdout.slice(0, 1500)}`);
}

function resize(path: string, size: number | 'minimum'): number {
  const device = openFile(path, { writable: true });
  try {
    const { blockSize, newBlocks } = resizeExt(device, size);
    return blockSize * newBlocks;
  } finally {
    device.close();
  }
}

function compareFiles(path: string, what: string): void {
  const device = openFile(path);
  const fs = openExt4(device);
  for (let i = 0; i < 40; i++) {
    const inode = fs.lookup(fs.lookup(ROOT, `directory-${i}`), 'file');
    const wanted = contentOf(i);
    const found = Buffer.alloc(fs.stat(inode).size);
    fs.read(inode, 0, found);
    assert.ok(found.equals(wanted), `${what}: file ${i}`);
  }
  device.close();
}

describe('resize', { skip }, () => {
  const { path: folder, remove } = temporaryFolder();
  const tree = join(folder, 'tree');
  before(() => {
    for (let i = 0; i < 40; i++) {
      mkdirSync(join(tree, `directory-${i}`), { recursive: true });
      writeFileSync(join(tree, `directory-${i}`, 'file'), contentOf(i));
    }
  });
  after(remove);

  for (const [title, options] of cases) {
    test(title, () => {
      const image = join(folder, title);
      run('mke2fs', '-q', '-F', ...options, '-d', tree, image, '48M');
      truncateSync(image, 200 * MIB);
      const device = openFile(image);
      const minimum = minimumSizeOf(device);
      device.close();
      const shown = spawnSync('resize2fs', ['-P', image], { encoding: 'utf8' }).stdout;
      const blockSize = title === 'blocks of 4 KiB' ? 4096 : 1024;
      const theirs = Number(/: (\d+)/.exec(shown)![1]) * blockSize;
      // resize2fs is sometimes content with a little less, and often asks for much more.
      assert.ok(minimum <= theirs + 64 * 1024, `minimum ${minimum}, resize2fs says ${theirs}`);
      for (const size of [150 * MIB, 24 * MIB, 'minimum', 100 * MIB] as const) {
        const what = `${title}, ${size}`;
        const reached = resize(image, size);
        if (size === 'minimum')
          assert.ok(reached < 24 * MIB && reached <= minimum + 2 * MIB, `${what}: ${reached}`);
        else assert.ok(reached <= size && reached > size - 9 * MIB, `${what}: ${reached}`);
        assertSound(image, what);
        compareFiles(image, what);
      }
      const last = resize(image, 'minimum');
      assert.throws(
        () => resize(image, last - 4 * MIB),
        (error: { code: string }) => ['ENOSPC', 'EINVAL'].includes(error.code),
      );
      assert.throws(() => resize(image, 300 * MIB), { code: 'EINVAL', message: /the device has/ });
    });
  }

  test('a copy of the superblock comes back when sparse_super2 has three groups again', () => {
    const image = join(folder, 'copies');
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-O', 'sparse_super2,^resize_inode', image, '48M');
    const copies = (): string => /Backup block groups:\s*(.*)/.exec(run('dumpe2fs', '-h', image))![1]!.trim();
    assert.equal(copies(), '1 5');
    resize(image, 16 * MIB);
    assert.equal(copies(), '1');
    resize(image, 32 * MIB);
    assert.equal(copies(), '1 3');
    assertSound(image, 'three groups again');
  });

  test('what was not checked since its last mount is not resized', () => {
    const image = join(folder, 'unchecked');
    run('mke2fs', '-q', '-F', '-t', 'ext4', image, '16M');
    run('debugfs', '-w', '-R', 'set_super_value mtime 20991231', image);
    assert.throws(() => resize(image, 8 * MIB), { code: 'EINVAL', message: /checked first/ });
  });
});
