import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { random } from '../../test/support/fuzz.ts';
import { MemoryFileSystem } from '../../test/support/memory-fs.ts';
import { GuestfsError } from '../errors/index.ts';
import { copyContent } from './copy-content.ts';
import { TreeCopier } from './copy.ts';
import { S_IFDIR, S_IFREG } from '../filesystems/mode.ts';
import { MountedTree } from './mounted-tree.ts';
import { removeTree } from './remove.ts';
import { findOpenTarget, findTarget } from './target.ts';
import type { FileRef } from './tree.ts';
import { walk } from './walk.ts';

const MOUNT = { mountable: '/dev/sda', readonly: false, options: [] };
const FILE = { mode: S_IFREG | 0o644, uid: 0, gid: 0 };
const DIRECTORY = { mode: S_IFDIR | 0o755, uid: 0, gid: 0 };

function treeOver(fs: MemoryFileSystem): MountedTree {
  const tree = new MountedTree();
  tree.mount(fs, '/', { ...MOUNT });
  return tree;
}

function code(expected: string, act: () => unknown): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof GuestfsError, String(error));
    assert.equal(error.code, expected, error.message);
    assert.notEqual(error.path, undefined);
    return true;
  });
}

function paths(tree: MountedTree): string[] {
  return [...walk(tree, tree.resolve('/'))].map(({ path }) => `/${path}`).sort();
}

describe('names that are remembered stay true', () => {
  for (const caseInsensitive of [false, true]) {
    test(`${caseInsensitive ? 'case-insensitive' : 'case-sensitive'}, random changes`, () => {
      for (let seed = 1; seed <= 20; seed++) changes(seed, caseInsensitive);
    });
  }

  function changes(seed: number, caseInsensitive: boolean): void {
    const next = random(seed);
    const fs = new MemoryFileSystem({ caseInsensitive });
    const tree = treeOver(fs);
    if (!caseInsensitive) {
      fs.dir('/again');
      tree.mount(fs, '/again', { ...MOUNT });
    }
    const { writer } = tree;
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const directory = (): FileRef => {
      let at = tree.resolve(!caseInsensitive && next() < 0.2 ? '/again' : '/');
      while (next() < 0.6) {
        const down = tree.lookup(at, pick(names));
        if (down === undefined || (tree.stat(down).mode & 0o170000) !== S_IFDIR) break;
        at = down;
      }
      return at;
    };
    for (let step = 0; step < 150; step++) {
      const at = directory();
      const name = pick(names);
      // Looking things up is what fills the memory.
      for (let i = 0; i < 4; i++)
        tree.lookup(directory(), caseInsensitive ? pick(names).toUpperCase() : pick(names));
      try {
        switch (Math.floor(next() * 6)) {
          case 0:
            writer.create(at, name, FILE);
            break;
          case 1:
          case 2:
            writer.create(at, name, DIRECTORY);
            break;
          case 3:
            writer.unlink(at, name);
            break;
          case 4:
            writer.rmdir(at, name);
            break;
          default: {
            const to = directory();
            const node = tree.lookup(at, name);
            const other = pick(names);
            writer.rename(at, name, to, other);
            // References that were held follow.
            if (node !== undefined && tree.lookup(to, other) === node) {
              assert.equal(tree.stat(tree.resolve(tree.pathOf(node))).inode, tree.stat(node).inode);
            }
          }
        }
      } catch (error) {
        assert.ok(error instanceof GuestfsError, String(error));
        if (
          !['EEXIST', 'ENOENT', 'EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EINVAL', 'EXDEV', 'EBUSY'].includes(
            error.code,
          )
        )
          throw error;
      }
      if (step % 10 !== 0) continue;
      const fresh = treeOver(fs);
      if (!caseInsensitive) fresh.mount(fs, '/again', { ...MOUNT });
      for (const path of paths(fresh)) {
        assert.equal(tree.stat(tree.resolve(path)).inode, fresh.stat(fresh.resolve(path)).inode, path);
        for (const absent of names) {
          const probe = `${path}/${absent}`;
          const there = ((): boolean => {
            try {
              fresh.resolve(probe);
              return true;
            } catch {
              return false;
            }
          })();
          if (!there) assert.throws(() => tree.resolve(probe), `seed ${seed} step ${step}: ${probe}`);
        }
      }
      assert.deepEqual(paths(tree), paths(fresh));
    }
  }
});

describe('what Linux checks before it asks a filesystem', () => {
  const fs = new MemoryFileSystem().dir('/d/e').file('/f', 'text').symlink('/l', 'f').dir('/m').dir('/n');
  const other = new MemoryFileSystem().file('/x', 'x');
  const tree = treeOver(fs);
  tree.mount(other, '/m', { ...MOUNT, mountable: '/dev/sdb' });
  const { writer } = tree;
  const root = tree.resolve('/');
  const at = (path: string): FileRef => tree.resolve(path, { followLast: false });

  test('names', () => {
    code('EEXIST', () => writer.create(root, 'f', FILE));
    code('ENOTDIR', () => writer.create(at('/f'), 'x', FILE));
    code('EINVAL', () => writer.create(root, '..', FILE));
    code('EINVAL', () => writer.create(root, 'a/b', FILE));
    code('ENAMETOOLONG', () => writer.create(root, 'x'.repeat(256), FILE));
    code('ENAMETOOLONG', () => writer.create(root, 'ö'.repeat(128), FILE));
    code('ENOENT', () => writer.unlink(root, 'none'));
    code('EISDIR', () => writer.unlink(root, 'd'));
    code('ENOTDIR', () => writer.rmdir(root, 'f'));
    code('ENOTEMPTY', () => writer.rmdir(root, 'd'));
    code('EBUSY', () => writer.rmdir(root, 'm'));
    code('EPERM', () => writer.link(root, 'h', at('/d')));
    code('EXDEV', () => writer.link(at('/m'), 'h', at('/f')));
  });

  test('rename', () => {
    code('EXDEV', () => writer.rename(root, 'f', at('/m'), 'f'));
    code('EINVAL', () => writer.rename(root, 'd', at('/d/e'), 'x'));
    code('ENOTEMPTY', () => writer.rename(at('/d'), 'e', root, 'd'));
    code('EISDIR', () => writer.rename(root, 'f', root, 'd'));
    code('ENOTDIR', () => writer.rename(root, 'd', root, 'f'));
    code('EBUSY', () => writer.rename(root, 'm', root, 'o'));
    code('EBUSY', () => writer.rename(root, 'n', root, 'm'));
    writer.rename(root, 'f', root, 'f');
    // A directory above a mount point takes it along.
    fs.dir('/up/here');
    tree.forgetNames();
    const third = new MemoryFileSystem().file('/deep', 'deep');
    tree.mount(third, '/up/here', { ...MOUNT, mountable: '/dev/sdc' });
    writer.rename(root, 'up', root, 'moved');
    assert.equal(tree.list().at(-1)?.mountpoint, '/moved/here');
    assert.equal(tree.stat(tree.resolve('/moved/here/deep')).size, 4);
    code('ENOENT', () => tree.resolve('/up'));
    tree.unmount('/moved/here');
  });

  test('content', () => {
    code('EISDIR', () => writer.write(at('/d'), 0, Uint8Array.of(1)));
    code('EINVAL', () => writer.write(at('/l'), 0, Uint8Array.of(1)));
    code('EINVAL', () => writer.write(at('/f'), -1, Uint8Array.of(1)));
    code('EINVAL', () => writer.truncate(at('/f'), -1));
    code('ENOTSUP', () => writer.setFlags(at('/f'), 1));
    code('ENOTSUP', () => writer.setGeneration(at('/f'), 1));
  });

  test('read-only mounts and filesystems that are not written', () => {
    tree.remount('/', true);
    assert.throws(() => writer.unlink(root, 'f'), /\/f: the filesystem on \/ is mounted read-only/);
    code('EROFS', () => writer.setAttributes(at('/f'), { mode: 0 }));
    tree.remount('/', false);
    writer.setAttributes(at('/f'), { mode: 0o600 });
    const readOnly = (type: string): MemoryFileSystem =>
      Object.assign(new MemoryFileSystem().file('/x'), {
        openWriter: undefined,
        type,
      }) as unknown as MemoryFileSystem;
    code('ENOTSUP', () => {
      const xfs = treeOver(readOnly('xfs'));
      xfs.writer.unlink(xfs.resolve('/'), 'x');
    });
    code('EROFS', () => {
      const disc = treeOver(readOnly('iso9660'));
      disc.writer.unlink(disc.resolve('/'), 'x');
    });
    const empty = new MountedTree();
    code('EROFS', () => empty.writer.create(empty.resolve('/'), 'x', FILE));
  });

  test('sync reaches those filesystems that were changed', () => {
    fs.writer.calls.length = other.writer.calls.length = 0;
    writer.sync();
    assert.deepEqual(other.writer.calls, []);
    assert.deepEqual(fs.writer.calls, ['sync']);
  });
});

describe('paths taken apart', () => {
  const fs = new MemoryFileSystem()
    .file('/dir/file')
    .symlink('/to-dir', 'dir')
    .symlink('/dangling', 'dir/new')
    .symlink('/absolute', '/to-dir/other')
    .symlink('/loop', 'loop');
  const tree = treeOver(fs);
  const shown = (path: string, find = findTarget): unknown => {
    const { directory, name, slash, file } = find(tree, path);
    return [tree.pathOf(directory), name, slash, file === undefined ? undefined : tree.pathOf(file)];
  };

  test('the last component is not followed', () => {
    assert.deepEqual(shown('/dir/file'), ['/dir', 'file', false, '/dir/file']);
    assert.deepEqual(shown('/to-dir'), ['/', 'to-dir', false, '/to-dir']);
    assert.deepEqual(shown('/to-dir/x//'), ['/dir', 'x', true, undefined]);
    assert.deepEqual(shown('//'), ['/', '', true, '/']);
    assert.deepEqual(shown('/dir/..'), ['/dir', '..', false, '/']);
    code('ENOENT', () => findTarget(tree, '/none/x'));
    code('ENOTDIR', () => findTarget(tree, '/dir/file/x'));
    code('EINVAL', () => findTarget(tree, 'relative'));
  });

  test('open follows, to what is not there as well', () => {
    assert.deepEqual(shown('/dangling', findOpenTarget), ['/dir', 'new', false, undefined]);
    assert.deepEqual(shown('/absolute', findOpenTarget), ['/dir', 'other', false, undefined]);
    code('ELOOP', () => findOpenTarget(tree, '/loop'));
  });
});

describe('trees', () => {
  test('removal is depth first, follows no link and stops at a mount point', () => {
    const fs = new MemoryFileSystem()
      .dir('/keep')
      .file('/keep/me')
      .symlink('/r/link', '../keep')
      .dir('/r/a/b/c');
    for (let i = 0; i < 5000; i++) fs.file(`/r/a/b/f${i}`);
    const tree = treeOver(fs);
    removeTree(tree, tree.writer, tree.resolve('/'), 'r');
    assert.deepEqual(paths(tree), ['/keep', '/keep/me']);
    const other = new MemoryFileSystem().file('/x');
    fs.dir('/s/t');
    tree.forgetNames();
    tree.mount(other, '/s/t', { ...MOUNT, mountable: '/dev/sdb' });
    code('EBUSY', () => removeTree(tree, tree.writer, tree.resolve('/'), 's'));
    assert.equal(tree.stat(tree.resolve('/s/t/x')).size, 0);
  });

  test('a copy keeps everything, and hard links within it', () => {
    const fs = new MemoryFileSystem()
      .file('/s/f', 'content', {
        mode: 0o4751,
        uid: 7,
        gid: 8,
        mtime: 5,
        mtimeNsec: 6,
        xattrs: { 'user.a': 'b' },
      })
      .hardlink('/s/g', '/s/f')
      .symlink('/s/l', 'f', { uid: 3 })
      .node('/s/n', 0o060660, 8, 1)
      .dir('/s/d', { mode: 0o2750, uid: 9 })
      .file('/s/d/deep', 'deep');
    const tree = treeOver(fs);
    const copier = new TreeCopier(tree, tree.writer, { archive: true, umask: 0o22 });
    copier.copy(tree.resolve('/s'), tree.resolve('/'), 'c');
    for (const path of ['f', 'g', 'l', 'n', 'd', 'd/deep']) {
      const [from, to] = ['s', 'c'].map((top) => tree.resolve(`/${top}/${path}`, { followLast: false }));
      const [a, b] = [tree.stat(from as FileRef), tree.stat(to as FileRef)];
      for (const key of ['mode', 'uid', 'gid', 'rdev', 'size', 'mtime', 'mtimeNsec', 'nlink'] as const) {
        assert.equal(b[key], a[key], `${path} ${key}`);
      }
      assert.deepEqual(tree.xattrs(to as FileRef), tree.xattrs(from as FileRef));
    }
    assert.equal(tree.stat(tree.resolve('/c/f')).inode, tree.stat(tree.resolve('/c/g')).inode);
    code('EINVAL', () => copier.copy(tree.resolve('/s'), tree.resolve('/s/d'), 'x'));
    code('EISDIR', () => copier.copy(tree.resolve('/s/f'), tree.resolve('/c'), 'd'));
    code('ENOTDIR', () => copier.copy(tree.resolve('/s/d'), tree.resolve('/c'), 'f'));
  });

  test('content that does not fit leaves the old', () => {
    const fs = new MemoryFileSystem({ capacity: 300 }).file('/a', 'x'.repeat(200)).file('/b', 'old');
    const tree = treeOver(fs);
    assert.throws(
      () => copyContent(tree, tree.writer, tree.resolve('/a'), tree.resolve('/b'), 200, () => {}),
      { code: 'ENOSPC' },
    );
    const bytes = new Uint8Array(3);
    tree.read(tree.resolve('/b'), 0, bytes);
    assert.equal(Buffer.from(bytes).toString(), 'old');
  });
});
