import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryFileSystem } from '../../test/support/memory-fs.ts';
import type { FileSystem } from '../filesystems/filesystem.ts';
import { diskUsage } from './du.ts';
import { MountedTree } from './mounted-tree.ts';
import { compareBytes, sortBytes } from './order.ts';
import { walk } from './walk.ts';

function mounted(fs: FileSystem, more: Record<string, FileSystem> = {}): MountedTree {
  const tree = new MountedTree();
  tree.mount(fs, '/', { mountable: '/dev/sda', readonly: true, options: [] });
  for (const [path, other] of Object.entries(more)) {
    tree.mount(other, path, { mountable: '/dev/sdb', readonly: true, options: [] });
  }
  return tree;
}

const paths = (tree: MountedTree, start = '/', options = {}): string[] =>
  Array.from(walk(tree, tree.resolve(start), options), ({ path }) => path);

describe('walk', () => {
  test('gives directories before what is in them, as stored or sorted', () => {
    const tree = mounted(new MemoryFileSystem().file('/b/z').file('/b/a').file('/a').symlink('/c', 'b'));
    assert.deepEqual(paths(tree), ['b', 'b/z', 'b/a', 'a', 'c']);
    assert.deepEqual(paths(tree, '/', { order: 'sorted' }), ['a', 'b', 'b/a', 'b/z', 'c']);
    assert.deepEqual(paths(tree, '/b'), ['z', 'a']);
    assert.deepEqual(paths(tree, '/', { want: (path: string) => path !== 'b' }), ['a', 'c']);
  });

  test('goes into mounted filesystems and tells the inode of the directory', () => {
    const tree = mounted(new MemoryFileSystem().dir('/mnt').file('/x'), {
      '/mnt': new MemoryFileSystem().file('/y'),
    });
    assert.deepEqual(paths(tree), ['mnt', 'mnt/y', 'x']);
    const [mnt] = walk(tree, tree.resolve('/'));
    assert.equal(mnt?.inode, 3);
    assert.equal(mnt?.stat?.inode, 2);
  });

  test('takes as long as the path is deep, not more', () => {
    const fs = new MemoryFileSystem().file(`${'/d'.repeat(3000)}/end`);
    assert.equal(paths(mounted(fs)).length, 3001);
  });

  test('ends in a directory that contains itself', () => {
    const fs = new MemoryFileSystem().dir('/a/b').hardlink('/a/b/loop', '/a');
    assert.throws(() => paths(mounted(fs)), { code: 'EUCLEAN', path: '/a/b/loop' });
    assert.throws(() => paths(mounted(new MemoryFileSystem().hardlink('/self', ''))), { code: 'EUCLEAN' });
  });

  test('ends where directories have so many names that the walk would multiply', () => {
    const fs = new MemoryFileSystem();
    let path = '';
    for (let level = 0; level < 60; level++) {
      fs.dir(`${path}/l`).hardlink(`${path}/m`, `${path}/l`);
      path += '/l';
    }
    assert.throws(() => paths(mounted(fs)), { code: 'EUCLEAN' });
  });

  test('believes the inode and not the directory entry', () => {
    const fs = new MemoryFileSystem().dir('/d').file('/d/x').file('/f');
    fs.readdir = function* (inode) {
      if (inode !== 2) return;
      yield { name: 'd', inode: 3, type: 'unknown' };
      yield { name: 'f', inode: 5, type: 'directory' };
    };
    const tree = mounted(fs);
    const types = Array.from(walk(tree, tree.resolve('/')), ({ path, type }) => `${path}:${type}`);
    assert.deepEqual(types, ['d:directory', 'f:file']);
  });

  test('stops where nesting never ends', () => {
    // A filesystem that makes up a new directory for every lookup.
    const fs = new MemoryFileSystem();
    const name = 'n'.repeat(200);
    fs.readdir = function* (inode) {
      yield { name, inode: inode + 1, type: 'directory' };
    };
    fs.stat = (inode) => ({ ...new MemoryFileSystem().stat(2), inode });
    assert.throws(() => paths(mounted(fs)), { code: 'ENAMETOOLONG' });
  });
});

test('disk usage counts files with several names once', () => {
  const fs = new MemoryFileSystem().file('/d/a', 'x'.repeat(5000)).hardlink('/d/b', '/d/a').file('/d/c', 'y');
  const tree = mounted(fs);
  // Two directories and a file of one block each, and a file of two.
  assert.equal(diskUsage(tree, tree.resolve('/')), 4 + 4 + 8 + 4);
  assert.equal(diskUsage(tree, tree.resolve('/d/c')), 4);
});

test('names are ordered by their bytes', () => {
  const names = ['\udcff', '\u{1f600}', 'é', 'a', '\uffee', 'B', 'a b', ''];
  assert.deepEqual(sortBytes([...names]), ['', 'B', 'a', 'a b', 'é', '\uffee', '\u{1f600}', '\udcff']);
  assert.ok(compareBytes('a', 'b') < 0);
  assert.ok(compareBytes('\uffee', '\u{1f600}') < 0);
  assert.equal(compareBytes('x', 'x'), 0);
});
