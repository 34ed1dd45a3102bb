import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { engineDaemon, TINY_GUEST, type EngineDaemon } from '../../../test/support/engine-daemon.ts';

describe('devices of the tiny guest', () => {
  let daemon: EngineDaemon;
  before(() => {
    daemon = engineDaemon({ path: TINY_GUEST, label: 'tiny' }, TINY_GUEST);
  });
  after(() => daemon.close());

  test('drives and partitions are listed in order', () => {
    assert.deepEqual(daemon.call('list_devices'), ['/dev/sda', '/dev/sdb']);
    assert.deepEqual(daemon.call('list_partitions'), [
      '/dev/sda1',
      '/dev/sda2',
      '/dev/sda3',
      '/dev/sdb1',
      '/dev/sdb2',
      '/dev/sdb3',
    ]);
    assert.equal(daemon.call('nr_devices'), 2);
    assert.deepEqual(daemon.call('list_dm_devices'), []);
    assert.deepEqual(daemon.call('list_md_devices'), []);
  });

  test('labels of drives stand for them and their partitions', () => {
    assert.deepEqual(daemon.call('list_disk_labels'), {
      tiny: '/dev/sda',
      tiny1: '/dev/sda1',
      tiny2: '/dev/sda2',
      tiny3: '/dev/sda3',
    });
    assert.equal(daemon.call('part_to_dev', '/dev/disk/guestfs/tiny2'), '/dev/sda');
  });

  test('a partition knows its disk and number, a disk does not', () => {
    assert.equal(daemon.call('part_to_dev', '/dev/sdb3'), '/dev/sdb');
    assert.equal(daemon.call('part_to_partnum', '/dev/vdb3'), 3);
    assert.throws(() => daemon.call('part_to_dev', '/dev/sda'), {
      code: 'EINVAL',
      message: /\/dev\/sda is not a partition/,
    });
    assert.throws(() => daemon.call('part_to_partnum', '/dev/sdc1'), {
      code: 'ENOENT',
      message: /\/dev\/sdc1: no such device among \/dev\/sda, \/dev\/sdb/,
    });
  });

  test('only drives are whole devices', () => {
    assert.equal(daemon.call('is_whole_device', '/dev/sda'), true);
    assert.equal(daemon.call('is_whole_device', '/dev/sda1'), false);
    assert.equal(daemon.call('is_whole_device', '/dev/tiny/root'), false);
    assert.throws(() => daemon.call('is_whole_device', '/dev/sdq'), { code: 'ENOENT', device: '/dev/sdq' });
  });

  test('a mountable is taken apart', () => {
    assert.deepEqual(daemon.call('internal_parse_mountable', '/dev/sda1'), {
      imType: 0,
      imDevice: '/dev/sda1',
      imVolume: '',
    });
    assert.deepEqual(daemon.call('internal_parse_mountable', 'btrfsvol:/dev/sda1/a/b'), {
      imType: 1,
      imDevice: '/dev/sda1',
      imVolume: 'a/b',
    });
  });
});

describe('block devices of the tiny guest', () => {
  let daemon: EngineDaemon;
  before(() => {
    daemon = engineDaemon(TINY_GUEST);
  });
  after(() => daemon.close());

  test('sizes are what the guest sees', () => {
    assert.equal(daemon.call('blockdev_getsize64', '/dev/sda'), 64 * 1024 * 1024);
    assert.equal(daemon.call('blockdev_getsz', '/dev/sda'), 128 * 1024);
    assert.equal(daemon.call('blockdev_getsize64', '/dev/sda2'), 16384 * 512);
    assert.equal(daemon.call('blockdev_getss', '/dev/sda'), 512);
    assert.equal(daemon.call('blockdev_getbsz', '/dev/sda2'), 4096);
    assert.equal(daemon.call('blkdiscardzeroes', '/dev/sda'), false);
  });

  test('the read-only flag is the drive until it is set', () => {
    assert.equal(daemon.call('blockdev_getro', '/dev/sda1'), true);
    daemon.call('blockdev_setrw', '/dev/sda1');
    assert.equal(daemon.call('blockdev_getro', '/dev/sda1'), false);
    daemon.call('blockdev_setro', '/dev/sda1');
    assert.equal(daemon.call('blockdev_getro', '/dev/sda1'), true);
  });

  test('what has nothing to do still checks its device', () => {
    for (const name of ['blockdev_flushbufs', 'blockdev_rereadpt']) {
      daemon.call(name, '/dev/sda');
      assert.throws(() => daemon.call(name, '/dev/sdz'), { code: 'ENOENT' }, name);
    }
    for (const name of ['blockdev_setra', 'blockdev_setbsz']) {
      daemon.call(name, '/dev/sda', 128);
      assert.throws(() => daemon.call(name, '/dev/sdz', 128), { code: 'ENOENT' }, name);
    }
  });

  test('drives with sectors of 4096 bytes say so', () => {
    const other = engineDaemon({ path: TINY_GUEST, blockSize: 4096 });
    assert.equal(other.call('blockdev_getss', '/dev/sda'), 4096);
    other.close();
    assert.throws(() => engineDaemon({ path: TINY_GUEST, blockSize: 1000 }), { code: 'EINVAL' });
  });
});
