import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engineDaemon, type EngineDaemon } from '../../../test/support/engine-daemon.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';

const MIB = 1024 * 1024;

describe('LVM actions that write', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder.path, name);
  const call = (name: string, ...args: unknown[]): unknown => daemon.call(name, ...args);
  const refused = (code: string, message: RegExp, name: string, ...args: unknown[]): void =>
    assert.throws(() => call(name, ...args), { code, message });
  let daemon: EngineDaemon;
  const open = (): void => {
    daemon = engineDaemon(
      ...['a', 'b', 'c'].map((name) => ({ path: path(name), format: 'raw', readonly: false })),
    );
  };

  before(() => {
    for (const name of ['a', 'b', 'c']) {
      writeFileSync(path(name), '');
      truncateSync(path(name), 101 * MIB);
    }
    open();
  });
  after(() => {
    daemon.close();
    folder.remove();
  });

  test('a disk with LVM is made from nothing', () => {
    call('part_init', '/dev/sda', 'gpt');
    call('part_add', '/dev/sda', 'p', 2048, 102_399);
    call('part_add', '/dev/sda', 'p', 102_400, -34);
    refused('EINVAL', /has partitions/, 'pvcreate', '/dev/sda');
    call('pvcreate', '/dev/sda2');
    call('pvcreate', '/dev/sdb');
    assert.deepEqual(call('pvs'), ['/dev/sda2', '/dev/sdb']);
    call('vgcreate', 'VG', ['/dev/sda2', '/dev/sdb']);
    call('lvcreate', 'LV1', 'VG', 10);
    call('lvcreate_free', 'LV2', 'VG', 50);
    call('lvcreate_free', 'LV3', 'VG', 100);
    assert.deepEqual(call('lvs'), ['/dev/VG/LV1', '/dev/VG/LV2', '/dev/VG/LV3']);
    assert.equal(call('blockdev_getsize64', '/dev/VG/LV1'), 12 * MIB);
    assert.equal(call('vfs_type', '/dev/sda2'), 'LVM2_member');
    const pvs = call('pvs_full') as { pvFree: number }[];
    assert.deepEqual(
      pvs.map(({ pvFree }) => pvFree),
      [0, 0],
    );
    assert.match(new TextDecoder().decode(call('vgmeta', 'VG') as Uint8Array), /LV3 \{/);
  });

  test('another session finds it, and renames and resizes', () => {
    call('sync');
    daemon.close();
    open();
    assert.deepEqual(call('lvs'), ['/dev/VG/LV1', '/dev/VG/LV2', '/dev/VG/LV3']);
    call('lvremove', '/dev/VG/LV3');
    call('lvresize', '/dev/VG/LV1', 20);
    call('lvresize_free', '/dev/VG/LV1', 100);
    call('lvrename', '/dev/VG/LV1', '/dev/VG/NEW');
    call('vgrename', 'VG', 'Group');
    assert.deepEqual(call('lvs'), ['/dev/Group/LV2', '/dev/Group/NEW']);
    assert.deepEqual(call('vgs'), ['Group']);
    refused('ENOENT', /LV1/, 'lvresize', '/dev/VG/LV1', 20);
    const uuid = call('vguuid', 'Group');
    refused('EBUSY', /are active/, 'vgchange_uuid', 'Group');
    call('vg_activate_all', false);
    call('vgchange_uuid', 'Group');
    call('vgchange_uuid_all');
    assert.notEqual(call('vguuid', 'Group'), uuid);
    const before = call('pvuuid', '/dev/sdb');
    call('pvchange_uuid', '/dev/sdb');
    call('pvchange_uuid_all');
    assert.notEqual(call('pvuuid', '/dev/sdb'), before);
    call('vg_activate_all', true);
    assert.deepEqual(call('lvs'), ['/dev/Group/LV2', '/dev/Group/NEW']);
  });

  test('partitions under active volumes are left alone', () => {
    refused('EBUSY', /\/dev\/sda2 is in use: logical volumes on it are active/, 'part_del', '/dev/sda', 2);
    refused('EBUSY', /active/, 'part_init', '/dev/sda', 'mbr');
    refused('EBUSY', /\/dev\/sdb is in use/, 'part_disk', '/dev/sdb', 'mbr');
    call('part_set_name', '/dev/sda', 2, 'lvm');
    call('part_del', '/dev/sda', 1);
    call('part_resize', '/dev/sda', 2, -34);
    assert.deepEqual(call('pvs'), ['/dev/sda2', '/dev/sdb']);
  });

  test('a partition that grew: pvresize, lvresize_free', () => {
    call('part_disk', '/dev/sdc', 'mbr');
    call('part_resize', '/dev/sdc', 1, 102_399);
    call('vgcreate', 'C', ['/dev/sdc1']);
    call('lvcreate_free', 'all', 'C', 100);
    const size = Number(call('blockdev_getsize64', '/dev/C/all'));
    call('part_resize', '/dev/sdc', 1, -1);
    call('pvresize', '/dev/sdc1');
    call('lvresize_free', '/dev/C/all', 100);
    assert.ok(Number(call('blockdev_getsize64', '/dev/C/all')) > size + 40 * MIB);
    refused('EBUSY', /logical volumes use/, 'pvresize_size', '/dev/sdc1', 50 * MIB);
    call('lvresize', '/dev/C/all', 20);
    call('pvresize_size', '/dev/sdc1', 50 * MIB);
  });

  test('what is mounted stays', { skip: needsTool('mke2fs') }, () => {
    // LV "all" begins with the first extent: partition, then 1 MiB of metadata.
    run('mke2fs', '-q', '-F', '-E', `offset=${128 * 512 + MIB}`, path('c'), '20M');
    call('mount', '/dev/C/all', '/');
    refused('EBUSY', /\/dev\/C\/all is in use/, 'lvremove', '/dev/C/all');
    refused('EBUSY', /in use/, 'lvremove', '/dev/C');
    refused('EBUSY', /in use/, 'vgremove', 'C');
    refused('EBUSY', /in use/, 'vgrename', 'C', 'D');
    refused('EBUSY', /in use/, 'lvrename', '/dev/C/all', '/dev/C/none');
    refused('EBUSY', /in use/, 'lvm_remove_all');
    refused('EBUSY', /volume group C/, 'pvremove', '/dev/sdc1');
    call('umount_all');
    call('lvremove', '/dev/C');
    call('vgremove', 'C');
    call('pvremove', '/dev/sdc1');
    assert.deepEqual(call('pvs'), ['/dev/sda2', '/dev/sdb']);
    call('lvm_remove_all');
    assert.deepEqual([call('pvs'), call('vgs'), call('lvs')], [[], [], []]);
    call('part_del', '/dev/sda', 2);
  });
});
