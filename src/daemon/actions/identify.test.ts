import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { engineDaemon, TINY_GUEST, type EngineDaemon } from '../../../test/support/engine-daemon.ts';

const BOOT_UUID = '0b007000-5c1b-4d0a-9d57-0123456789ab';

describe('identification on the tiny guest', () => {
  let daemon: EngineDaemon;
  before(() => {
    daemon = engineDaemon(TINY_GUEST);
  });
  after(() => daemon.close());

  test('type, label and uuid of a filesystem', () => {
    assert.equal(daemon.call('vfs_type', '/dev/sda2'), 'ext4');
    assert.equal(daemon.call('vfs_label', '/dev/sda2'), 'boot');
    assert.equal(daemon.call('vfs_uuid', '/dev/sda2'), BOOT_UUID);
    assert.equal(daemon.call('vfs_type', '/dev/sda3'), 'LVM2_member');
    assert.equal(daemon.call('vfs_type', '/dev/tiny/swap'), 'swap');
  });

  test('blank devices have empty answers, missing ones an error', () => {
    assert.equal(daemon.call('vfs_type', '/dev/sda1'), '');
    assert.equal(daemon.call('vfs_label', '/dev/sda1'), '');
    assert.throws(() => daemon.call('vfs_type', '/dev/sdb'), { code: 'ENOENT', device: '/dev/sdb' });
  });

  test('blkid tells of the superblock and of the entry in the partition table', () => {
    const tags = daemon.call('blkid', '/dev/sda2') as Record<string, string>;
    assert.equal(tags['DEVNAME'], '/dev/sda2');
    assert.equal(tags['TYPE'], 'ext4');
    assert.equal(tags['USAGE'], 'filesystem');
    assert.equal(tags['BLOCK_SIZE'], '1024');
    assert.equal(tags['PART_ENTRY_SCHEME'], 'gpt');
    assert.equal(tags['PART_ENTRY_NAME'], 'boot');
    assert.equal(tags['PART_ENTRY_NUMBER'], '2');
    assert.equal(tags['PART_ENTRY_OFFSET'], '4096');
    assert.equal(tags['PART_ENTRY_SIZE'], '16384');
    assert.equal(tags['PART_ENTRY_DISK'], '8:0');
    const disk = daemon.call('blkid', '/dev/sda') as Record<string, string>;
    assert.equal(disk['PTTYPE'], 'gpt');
    assert.match(disk['PTUUID'] ?? '', /^[0-9a-f-]{36}$/);
  });

  test('devices are found by their tags', () => {
    assert.equal(daemon.call('findfs_uuid', BOOT_UUID), '/dev/sda2');
    assert.equal(daemon.call('findfs_uuid', BOOT_UUID.toUpperCase()), '/dev/sda2');
    assert.equal(daemon.call('findfs_label', 'root'), '/dev/tiny/root');
    assert.equal(daemon.call('findfs_partlabel', 'boot'), '/dev/sda2');
    const { PART_ENTRY_UUID: partUuid } = daemon.call('blkid', '/dev/sda2') as Record<string, string>;
    assert.equal(daemon.call('findfs_partuuid', partUuid), '/dev/sda2');
    assert.throws(() => daemon.call('findfs_label', 'nonesuch'), {
      code: 'ENOENT',
      message: /LABEL=nonesuch/,
    });
  });

  test('filesystems are listed without containers, unknown ones by that name', () => {
    assert.deepEqual(daemon.call('list_filesystems'), {
      '/dev/sda1': 'unknown',
      '/dev/sda2': 'ext4',
      '/dev/tiny/root': 'ext4',
      '/dev/tiny/swap': 'swap',
    });
  });

  test('what can be mounted is available', () => {
    for (const type of ['ext2', 'ext3', 'ext4', 'vfat', 'iso9660']) {
      assert.equal(daemon.call('filesystem_available', type), true, type);
    }
    assert.equal(daemon.call('filesystem_available', 'xfs'), false);
  });
});
