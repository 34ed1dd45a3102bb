import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GuestfsError } from '../errors/index.ts';
import { MemoryFileSystem } from '../../test/support/memory-fs.ts';
import { MountedTree, type MountInfo } from './mounted-tree.ts';
import { deviceMajor, deviceMinor, makeDevice } from '../filesystems/mode.ts';

const info = (mountable: string, more: Partial<MountInfo> = {}): MountInfo => ({
  mountable,
  readonly: true,
  options: [],
  ...more,
});

const fails = (code: string, path?: string) => (error: unknown) => {
  assert.ok(error instanceof GuestfsError, String(error));
  assert.equal(error.code, code);
  if (path !== undefined) assert.equal(error.path, path);
  return true;
};

function guest(): { tree: MountedTree; root: MemoryFileSystem; usr: MemoryFileSystem } {
  const root = new MemoryFileSystem()
    .file('/etc/hostname', 'guest\n')
    .dir('/usr')
    .dir('/var/empty')
    .symlink('/bin', 'usr/bin')
    .symlink('/etc/mtab', '../proc/mounts')
    .symlink('/loop', '/loop')
    .symlink('/escape', '../../../../etc')
    .symlink('/dotted', '//var/./empty/../empty//');
  const usr = new MemoryFileSystem().file('/bin/sh', '#!').dir('/local').symlink('/etc', '/etc');
  const tree = new MountedTree();
  tree.mount(root, '/', info('/dev/sda1', { dev: makeDevice(8, 1) }));
  tree.mount(usr, '/usr', info('/dev/sda2', { dev: makeDevice(8, 2) }));
  return { tree, root, usr };
}

describe('path walk', () => {
  test('follows links inside the guest and across mounts', () => {
    const { tree } = guest();
    assert.equal(tree.realpath('/bin/sh'), '/usr/bin/sh');
    assert.equal(tree.realpath('/usr/etc/hostname'), '/etc/hostname');
    assert.equal(tree.realpath('/escape/hostname'), '/etc/hostname');
    assert.equal(tree.realpath('/../../etc//./hostname'), '/etc/hostname');
    assert.equal(tree.realpath('/usr/..'), '/');
    assert.equal(tree.realpath('/usr/bin/../../var'), '/var');
    assert.equal(tree.realpath('/dotted'), '/var/empty');
    assert.equal(tree.stat(tree.resolve('/bin/sh')).dev, makeDevice(8, 2));
    assert.equal(tree.stat(tree.resolve('/bin', { followLast: false })).mode, 0o120777);
    assert.equal(tree.stat(tree.resolve('/bin/', { followLast: false })).mode, 0o040755);
  });

  test('fails as a kernel does', () => {
    const { tree } = guest();
    assert.throws(() => tree.resolve('/nofile'), fails('ENOENT', '/nofile'));
    assert.throws(() => tree.resolve('/etc/mtab'), fails('ENOENT', '/etc/mtab'));
    assert.throws(() => tree.resolve('/etc/hostname/x'), fails('ENOTDIR', '/etc/hostname/x'));
    assert.throws(() => tree.resolve('/etc/hostname/'), fails('ENOTDIR'));
    assert.throws(() => tree.resolve('/etc/hostname/.'), fails('ENOTDIR'));
    assert.throws(() => tree.resolve('/loop'), fails('ELOOP'));
    assert.throws(() => tree.resolve('etc'), fails('EINVAL'));
    assert.throws(() => tree.resolve(''), fails('EINVAL'));
    assert.throws(() => tree.resolve('/a\0b'), fails('EINVAL'));
    assert.throws(() => tree.resolve(`/${'n'.repeat(256)}`), fails('ENAMETOOLONG'));
    assert.throws(() => tree.resolve(`/${'ü'.repeat(128)}`), fails('ENAMETOOLONG'));
    assert.throws(() => tree.resolve('/a'.repeat(2048)), fails('ENAMETOOLONG'));
    assert.doesNotThrow(() => tree.resolve('/.'.repeat(2047)));
    assert.throws(() => tree.read(tree.resolve('/etc'), 0, new Uint8Array(1)), fails('EISDIR', '/etc'));
    assert.throws(() => tree.readlink(tree.resolve('/etc')), fails('EINVAL'));
    assert.throws(() => [...tree.readdir(tree.resolve('/etc/hostname'))], fails('ENOTDIR'));
  });

  test('allows 40 links and no more', () => {
    const fs = new MemoryFileSystem().file('/l0', 'end');
    for (let i = 1; i <= 41; i++) fs.symlink(`/l${i}`, `l${i - 1}`);
    const tree = new MountedTree();
    tree.mount(fs, '/', info('/dev/sda'));
    assert.equal(tree.realpath('/l40'), '/l0');
    assert.throws(() => tree.realpath('/l41'), fails('ELOOP'));
  });

  test('looks names up one by one', () => {
    const { tree } = guest();
    const etc = tree.resolve('/etc');
    assert.equal(tree.lookup(etc, 'none'), undefined);
    const hostname = tree.lookup(etc, 'hostname');
    assert.ok(hostname);
    assert.equal(tree.pathOf(hostname), '/etc/hostname');
    assert.equal(tree.pathOf(tree.lookup(etc, '..') ?? etc), '/');
    assert.throws(() => tree.lookup(etc, 'a/b'), fails('EINVAL'));
    const usr = tree.lookup(tree.resolve('/'), 'usr');
    assert.ok(usr);
    assert.equal(tree.stat(usr).dev, makeDevice(8, 2));
  });
});

describe('dentry cache', () => {
  test('stops asking the filesystem, also for names that are not there', () => {
    const fs = new MemoryFileSystem();
    for (let i = 0; i < 1000; i++) fs.file(`/d/f${i}`);
    const tree = new MountedTree();
    tree.mount(fs, '/', info('/dev/sda'));
    for (let i = 0; i < 1000; i++) {
      tree.resolve(`/d/f${i}`);
      assert.throws(() => tree.resolve(`/d/g${i}`), fails('ENOENT'));
    }
    assert.ok(fs.lookups < 20, `${fs.lookups} lookups`);
  });

  test('does not hide other spellings of a case-insensitive filesystem', () => {
    const fs = new MemoryFileSystem({ caseInsensitive: true }).file('/Windows/System32/a.dll', 'x');
    const tree = new MountedTree();
    tree.mount(fs, '/', info('/dev/sda'));
    for (let i = 0; i < 10; i++) {
      assert.equal(tree.stat(tree.resolve('/WINDOWS/system32/A.DLL')).size, 1);
      assert.throws(() => tree.resolve('/windows/none'), fails('ENOENT'));
    }
  });

  test('keeps working when more names are used than it keeps', () => {
    const fs = new MemoryFileSystem();
    for (let d = 0; d < 30; d++) for (let f = 0; f < 4000; f++) fs.file(`/d${d}/f${f}`);
    const tree = new MountedTree();
    tree.mount(fs, '/', info('/dev/sda'));
    for (let d = 0; d < 30; d++) for (let f = 0; f < 4000; f += 100) tree.resolve(`/d${d}/f${f}`);
    assert.equal(tree.realpath('/d0/f3999'), '/d0/f3999');
  });
});

describe('mount table', () => {
  test('mounts, lists and unmounts', () => {
    const { tree, usr } = guest();
    assert.deepEqual(
      tree.list().map((mount) => [mount.mountpoint, mount.info.mountable]),
      [
        ['/', '/dev/sda1'],
        ['/usr', '/dev/sda2'],
      ],
    );
    assert.throws(() => tree.unmount('/'), fails('EBUSY', '/'));
    assert.throws(() => tree.unmount('/etc'), fails('EINVAL', '/etc'));
    assert.equal(tree.unmount('/usr').fs, usr);
    assert.throws(() => tree.resolve('/bin'), fails('ENOENT'));
    tree.unmount('/');
    assert.equal(tree.mounted, false);
    assert.deepEqual([...tree.readdir(tree.resolve('/'))], []);
  });

  test('stacks mounts on one directory', () => {
    const { tree } = guest();
    const above = new MemoryFileSystem().file('/above');
    tree.mount(above, '/usr', info('/dev/sdb'));
    assert.equal(tree.realpath('/usr/above'), '/usr/above');
    assert.throws(() => tree.resolve('/usr/bin'), fails('ENOENT'));
    assert.equal(tree.unmount('/usr').fs, above);
    assert.equal(tree.realpath('/usr/bin'), '/usr/bin');
  });

  test('mounts at the canonical path', () => {
    const { tree } = guest();
    const fs = new MemoryFileSystem().file('/x');
    tree.mount(fs, '/usr/etc/../var/empty', info('/dev/sdc'));
    assert.equal(tree.list().at(-1)?.mountpoint, '/var/empty');
    assert.equal(tree.realpath('/dotted/x'), '/var/empty/x');
    assert.throws(() => tree.mount(fs, '/etc/hostname', info('/dev/sdd')), fails('ENOTDIR'));
    assert.throws(() => tree.mount(fs, '/none', info('/dev/sdd')), fails('ENOENT'));
  });

  test('tells read-only mounts in statvfs', () => {
    const { tree } = guest();
    assert.equal(tree.statvfs(tree.resolve('/usr')).flag & 1, 1);
    tree.remount('/usr', false);
    assert.equal(tree.statvfs(tree.resolve('/usr')).flag & 1, 0);
  });

  test('has mount points of its own while nothing is on /', () => {
    const tree = new MountedTree();
    tree.makeMountpoint('/a');
    tree.makeMountpoint('/a/b/');
    assert.throws(() => tree.makeMountpoint('/a'), fails('EEXIST', '/a'));
    assert.throws(() => tree.makeMountpoint('/x/y'), fails('ENOENT'));
    const fs = new MemoryFileSystem().file('/f', 'x').dir('/d');
    tree.mount(fs, '/a/b', info('/dev/sda'));
    assert.equal(tree.realpath('/a/b/../b/f'), '/a/b/f');
    assert.throws(() => tree.makeMountpoint('/a/b/c'), fails('EROFS'));
    assert.throws(() => tree.removeMountpoint('/a/b'), fails('EBUSY'));
    tree.unmount('/a/b');
    assert.throws(() => tree.removeMountpoint('/a'), fails('ENOTEMPTY', '/a'));
    tree.removeMountpoint('/a/b');
    tree.removeMountpoint('/a');
    assert.throws(() => tree.resolve('/a'), fails('ENOENT'));
  });
});

test('device numbers follow makedev(3)', () => {
  assert.equal(makeDevice(8, 1), 0x801);
  for (const [major, minor] of [
    [259, 70000],
    [0xfffff, 0xfffff],
    [4097, 0x1234567],
  ] as const) {
    const rdev = makeDevice(major, minor);
    assert.deepEqual([deviceMajor(rdev), deviceMinor(rdev)], [major, minor]);
  }
});
