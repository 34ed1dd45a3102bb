import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { engineDaemon, TINY_GUEST, type EngineDaemon } from '../../../test/support/engine-daemon.ts';

describe('mounts of the tiny guest', () => {
  let daemon: EngineDaemon;
  beforeEach(() => {
    daemon = engineDaemon(TINY_GUEST);
  });
  afterEach(() => daemon.close());

  test('filesystems are mounted into each other and unmounted', () => {
    daemon.call('mount_ro', '/dev/tiny/root', '/');
    daemon.call('mount_options', 'ro,noatime', '/dev/sda2', '/boot');
    assert.deepEqual(daemon.call('ls', '/boot/grub'), ['grub.cfg']);
    assert.deepEqual(daemon.call('mounts'), ['/dev/tiny/root', '/dev/sda2']);
    assert.deepEqual(daemon.call('mountpoints'), { '/dev/tiny/root': '/', '/dev/sda2': '/boot' });
    assert.throws(() => daemon.call('umount', '/'), { code: 'EBUSY' });
    daemon.call('umount', '/dev/sda2');
    assert.deepEqual(daemon.call('mountpoints'), { '/dev/tiny/root': '/' });
    assert.throws(() => daemon.call('umount', '/boot'), { code: 'EINVAL', path: '/boot' });
    daemon.call('umount_all');
    assert.deepEqual(daemon.call('mounts'), []);
    daemon.call('sync');
  });

  test('aliases of a device mount it, its own name is shown', () => {
    daemon.call('mount', '/dev/mapper/tiny-root', '/');
    daemon.call('mount', '/dev/disk/by-label/boot', '/boot');
    assert.deepEqual(daemon.call('mountpoints'), { '/dev/tiny/root': '/', '/dev/sda2': '/boot' });
  });

  test('one device can be mounted twice', () => {
    daemon.call('mkmountpoint', '/a');
    daemon.call('mkmountpoint', '/b');
    daemon.call('mount', '/dev/sda2', '/a');
    daemon.call('mount_ro', '/dev/sda2', '/b');
    daemon.call('umount', '/a');
    assert.deepEqual(daemon.call('ls', '/b/grub'), ['grub.cfg']);
    assert.throws(() => daemon.call('rmmountpoint', '/b'), { code: 'EBUSY' });
    daemon.call('umount', '/b');
    daemon.call('rmmountpoint', '/b');
  });

  test('what is no filesystem says what it is', () => {
    assert.throws(() => daemon.call('mount', '/dev/sda3', '/'), {
      code: 'EINVAL',
      message: /\/dev\/sda3 holds LVM2_member, which is not a filesystem/,
    });
    assert.throws(() => daemon.call('mount', '/dev/tiny/swap', '/'), { code: 'EINVAL', message: /swap/ });
    assert.throws(() => daemon.call('mount', '/dev/sda1', '/'), { code: 'EINVAL', message: /no filesystem/ });
    assert.throws(() => daemon.call('mount_vfs', '', 'vfat', '/dev/sda2', '/'), {
      code: 'EINVAL',
      message: /holds ext4, expected vfat/,
    });
    assert.throws(() => daemon.call('mount_vfs', '', 'xfs', '/dev/sda2', '/'), { code: 'ENOTSUP' });
    assert.throws(() => daemon.call('mount', 'btrfsvol:/dev/sda2/sub', '/'), { code: 'ENOTSUP' });
    assert.throws(() => daemon.call('mount', '/dev/sda9', '/'), { code: 'ENOENT', device: '/dev/sda9' });
    assert.throws(() => daemon.call('mount', '/dev/tiny/root', '/nowhere'), {
      code: 'ENOENT',
      path: '/nowhere',
    });
    assert.throws(() => daemon.call('mount', '/dev/tiny/root', 'relative'), { code: 'EINVAL' });
    assert.deepEqual(daemon.call('mounts'), []);
  });

  test('a stated type mounts', () => {
    daemon.call('mount_vfs', 'ro', 'ext4', '/dev/tiny/root', '/');
    assert.equal(daemon.call('exists', '/etc/fstab'), true);
    daemon.callWith('remount', { rw: true }, '/');
    assert.throws(() => daemon.callWith('remount', {}, '/'), { code: 'EINVAL' });
  });

  test('files need a mounted root', () => {
    assert.throws(() => daemon.call('ls', '/'), { code: 'EINVAL', action: 'ls', message: /mount/ });
    daemon.call('mkmountpoint', '/only');
    assert.throws(() => daemon.call('mkmountpoint', '/x/y'), { code: 'ENOENT' });
  });

  test('nothing is shared over 9p', () => {
    assert.deepEqual(daemon.call('list_9p'), []);
  });
});

describe('a filesystem in a file of the guest', { skip: needsTool('mke2fs') }, () => {
  test('is mounted by mount_loop', () => {
    const { path: folder, remove } = temporaryFolder();
    const inner = join(folder, 'inner');
    mkdirSync(inner);
    writeFileSync(join(inner, 'hello'), 'from within\n');
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, 'mnt'), { recursive: true });
    execFileSync('mke2fs', ['-q', '-t', 'ext2', '-d', inner, join(tree, 'inner.img'), '1M']);
    const image = join(folder, 'outer.img');
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', tree, image, '8M']);
    const daemon = engineDaemon({ path: image, format: 'raw' });
    daemon.call('mount_ro', '/dev/sda', '/');
    daemon.call('mount_loop', '/inner.img', '/mnt');
    assert.equal(daemon.call('cat', '/mnt/hello'), 'from within\n');
    assert.deepEqual(daemon.call('mountpoints'), { '/dev/sda': '/', '/inner.img': '/mnt' });
    daemon.call('umount', '/mnt');
    assert.deepEqual(daemon.call('ls', '/mnt'), []);
    assert.throws(() => daemon.call('mount_loop', '/nofile', '/mnt'), { code: 'ENOENT', path: '/nofile' });
    daemon.close();
    remove();
  });
});
