import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../test/support/tools.ts';
import { GuestfsError, type ErrorCode } from '../../errors/index.ts';
import { S_IFDIR, S_IFREG } from '../../filesystems/mode.ts';
import { nativeKernelCalls, type KernelCalls } from './kernel-calls.ts';
import { KernelTree } from './kernel-tree.ts';
import { KernelTreeWriter } from './kernel-tree-writer.ts';
import { ToolKernelCalls } from './tool-calls.ts';

const skip = process.platform === 'linux' ? false : 'this is no Linux';
const tools = new ToolKernelCalls();

function inTree(
  use: (tree: KernelTree, writer: KernelTreeWriter, root: string, outside: string) => void,
): void {
  const { path, remove } = temporaryFolder();
  const calls: KernelCalls = nativeKernelCalls() ?? tools;
  try {
    const root = join(path, 'root');
    const outside = join(path, 'outside');
    mkdirSync(root);
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'outside');
    const tree = new KernelTree(root, calls);
    const writer = new KernelTreeWriter(tree, {
      wantMounted() {},
      isReadonly: () => false,
      hostMountpoints: () => [root],
    });
    try {
      use(tree, writer, tree.root, outside);
    } finally {
      tree.release();
      writer.release();
    }
  } finally {
    remove();
  }
}

function fails(code: ErrorCode, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof GuestfsError && error.code === code);
}

test('no link leads out of the root', { skip }, () => {
  inTree((tree, _writer, root, outside) => {
    mkdirSync(join(root, 'a/b'), { recursive: true });
    writeFileSync(join(root, 'a/b/file'), 'inside');
    symlinkSync(join(outside, 'secret'), join(root, 'absolute'));
    symlinkSync('../../../../../../../../../../../../../etc/passwd', join(root, 'a/climbing'));
    symlinkSync('../outside', join(root, 'sibling'));
    symlinkSync('/proc/self/root', join(root, 'magic'));
    symlinkSync('/proc/self/cwd', join(root, 'folder'));
    symlinkSync('/', join(root, 'top'));
    symlinkSync('/a', join(root, 'inner'));
    for (const path of [
      '/absolute',
      '/a/climbing',
      '/sibling/secret',
      '/magic/etc/passwd',
      '/folder/package.json',
    ]) {
      fails('ENOENT', () => tree.resolve(path));
    }
    fails('ENOENT', () => tree.resolve('/a/../../outside/secret'));
    fails('ENOENT', () => tree.resolve(`/..${outside}/secret`));
    fails('ENOENT', () => tree.resolve('/top/../../../../../etc/passwd'));
    assert.equal(tree.realpath('/top/top/inner/../top/a/b/file'), '/a/b/file');
    assert.equal(tree.realpath('/inner/b/'), '/a/b');
    assert.equal(tree.pathOf(tree.resolve('/inner', { followLast: false })), '/inner');
    const top = tree.resolve('/');
    assert.equal(tree.lookup(top, '..'), top);
  });
});

test('a guest that has made /proc/self/root a directory is read as such', { skip }, () => {
  inTree((tree, _writer, root) => {
    mkdirSync(join(root, 'proc/self/root/etc'), { recursive: true });
    writeFileSync(join(root, 'proc/self/root/etc/passwd'), 'guest');
    symlinkSync('/proc/self/root', join(root, 'magic'));
    const file = tree.resolve('/magic/etc/passwd');
    const text = new Uint8Array(16);
    assert.equal(Buffer.from(text.subarray(0, tree.read(file, 0, text))).toString(), 'guest');
  });
});

test('links that go in circles, and what is no directory, are refused', { skip }, () => {
  inTree((tree, _writer, root) => {
    symlinkSync('two', join(root, 'one'));
    symlinkSync('one', join(root, 'two'));
    writeFileSync(join(root, 'file'), '');
    fails('ELOOP', () => tree.resolve('/one'));
    fails('ENOTDIR', () => tree.resolve('/file/x'));
    fails('ENOTDIR', () => tree.resolve('/file/'));
    fails('EINVAL', () => tree.resolve('file'));
    fails('EINVAL', () => tree.lookup(tree.resolve('/'), '../x'));
  });
});

test('names that are not UTF-8 survive', { skip }, () => {
  inTree((tree, writer) => {
    const name = 'caf\udce9';
    writer.create(tree.resolve('/'), name, { mode: S_IFREG | 0o600, uid: 0, gid: 0 });
    assert.deepEqual(
      [...tree.readdir(tree.resolve('/'))].map((entry) => entry.name),
      [name],
    );
    const file = tree.resolve(`/${name}`);
    writer.write(file, 0, Buffer.from('text'));
    assert.equal(tree.stat(file).size, 4);
    writer.rename(tree.resolve('/'), name, tree.resolve('/'), `${name}2`);
    writer.unlink(tree.resolve('/'), `${name}2`);
    assert.deepEqual([...tree.readdir(tree.resolve('/'))], []);
  });
});

test('a replaced file is old until it is new, and other names of it stay the same file', { skip }, () => {
  inTree((tree, writer, root) => {
    writeFileSync(join(root, 'file'), 'old', { mode: 0o640 });
    const text = (path: string): string => {
      const bytes = new Uint8Array(64);
      return Buffer.from(bytes.subarray(0, tree.read(tree.resolve(path), 0, bytes))).toString();
    };
    const given = writer.replace(tree.resolve('/file'));
    given.write(Buffer.from('half'));
    assert.equal(text('/file'), 'old');
    given.abandon();
    assert.equal(text('/file'), 'old');
    const kept = writer.replace(tree.resolve('/file'));
    kept.write(Buffer.from('new'));
    kept.writeZeroes(2);
    kept.finish();
    assert.equal(text('/file'), 'new\0\0');
    assert.equal(tree.stat(tree.resolve('/file')).mode & 0o777, 0o640);
    writer.link(tree.resolve('/'), 'second', tree.resolve('/file'));
    const linked = writer.replace(tree.resolve('/file'));
    linked.write(Buffer.from('both'));
    linked.finish();
    assert.equal(text('/second'), 'both');
    assert.deepEqual([...tree.readdir(tree.resolve('/'))].map(({ name }) => name).sort(), ['file', 'second']);
  });
});

test('errors name the path of the guest, not the host', { skip }, () => {
  inTree((tree, writer, root) => {
    mkdirSync(join(root, 'full/x'), { recursive: true });
    assert.throws(
      () => writer.rmdir(tree.resolve('/'), 'full'),
      (error) => error instanceof GuestfsError && error.code === 'ENOTEMPTY' && !error.message.includes(root),
    );
    fails('EISDIR', () => writer.unlink(tree.resolve('/'), 'full'));
    fails('EEXIST', () =>
      writer.create(tree.resolve('/'), 'full', { mode: S_IFDIR | 0o755, uid: 0, gid: 0 }),
    );
    fails('EINVAL', () => writer.rename(tree.resolve('/'), 'full', tree.resolve('/full/x'), 'inside'));
  });
});

const native = nativeKernelCalls();
test(
  'calls of the kernel and programs give the same answers',
  {
    skip:
      skip ||
      (native === undefined ? 'koffi is not installed' : process.getuid?.() === 0 ? false : 'it needs root'),
  },
  () => {
    inTree((_tree, _writer, root) => {
      const path = join(root, 'file');
      writeFileSync(path, 'x');
      const both = [native as KernelCalls, tools];
      for (const [index, calls] of both.entries()) {
        calls.setTimes(path, {
          atime: { seconds: -5, nanoseconds: 250_000_000 },
          mtime: { seconds: 5 + index, nanoseconds: 123_456_789 },
        });
        const stat = new KernelTree(root, calls);
        const file = stat.stat(stat.resolve('/file'));
        assert.deepEqual(
          [file.atime, file.atimeNsec, file.mtime, file.mtimeNsec],
          [-5, 250_000_000, 5 + index, 123_456_789],
        );
        calls.mknod(join(root, `fifo${index}`), 0o010640, 0);
        assert.equal(stat.stat(stat.resolve(`/fifo${index}`)).mode, 0o010640);
        calls.sync(root);
      }
      const [kernel, programs] = both.map((calls) => calls.statvfs(root));
      assert.deepEqual(
        [programs?.bsize, programs?.blocks, programs?.files, programs?.namemax],
        [kernel?.bsize, kernel?.blocks, kernel?.files, kernel?.namemax],
      );
    });
  },
);
