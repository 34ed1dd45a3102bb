import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engineDaemon, type EngineDaemon } from '../../../test/support/engine-daemon.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';

const GUID = '21686148-6449-6E6F-744E-656564454649';
const ESP = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const LINUX = '0FC63DAF-8483-4772-8E79-3D69D8477DE4';

describe('partition tables are written as stock libguestfs writes them', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder.path, name);
  let daemon: EngineDaemon;
  const call = (name: string, ...args: unknown[]): unknown => daemon.call(name, ...args);
  const list = (device: string): number[][] =>
    (call('part_list', device) as { partNum: number; partStart: number; partEnd: number }[]).map(
      ({ partNum, partStart, partEnd }) => [partNum, partStart / 512, (partEnd + 1) / 512 - 1],
    );
  const refused = (code: string, message: RegExp, name: string, ...args: unknown[]): void =>
    assert.throws(() => call(name, ...args), { code, message });

  before(() => {
    const drives = ['a.img', 'b.img', 'c.img'].map((name) => {
      writeFileSync(path(name), '');
      truncateSync(path(name), 100 * 1024 * 1024);
      return { path: path(name), format: 'raw', readonly: false };
    });
    daemon = engineDaemon(...drives);
  });
  after(() => {
    daemon.close();
    folder.remove();
  });

  // Sectors, names and types below are what guestfish 1.48 was seen to make of the same commands.
  test('part_disk', () => {
    call('part_disk', '/dev/sda', 'mbr');
    assert.deepEqual(list('/dev/sda'), [[1, 128, 204_672]]);
    assert.equal(call('part_get_parttype', '/dev/sda'), 'msdos');
    assert.equal(call('part_get_mbr_id', '/dev/sda', 1), 0x83);
    call('part_disk', '/dev/sda', 'gpt');
    assert.deepEqual(list('/dev/sda'), [[1, 128, 204_672]]);
    assert.equal(call('part_get_gpt_type', '/dev/sda', 1), LINUX);
    assert.equal(call('part_get_name', '/dev/sda', 1), 'p1');
    assert.deepEqual(call('list_partitions'), ['/dev/sda1']);
    assert.equal(call('blockdev_getsize64', '/dev/sda1'), 104_727_040);
  });

  test('an MBR: part_init, part_add, part_resize, part_del and the rest', () => {
    const sdb = '/dev/sdb';
    call('part_init', sdb, 'mbr');
    call('part_add', sdb, 'p', 64, 2047);
    refused('EINVAL', /\/dev\/sdb: .*overlap/, 'part_add', sdb, 'primary', 1000, 3000);
    call('part_add', sdb, 'p', 4096, 8191);
    call('part_add', sdb, 'e', 10_000, -2049);
    call('part_add', sdb, 'l', 10_064, 20_000);
    call('part_add', sdb, 'l', 20_064, 30_000);
    refused('EINVAL', /overlap/, 'part_add', sdb, 'l', 30_001, 40_000);
    call('part_add', sdb, 'l', 40_002, 50_001);
    call('part_add', sdb, 'l', 60_000, 70_000);
    refused('EINVAL', /cannot be negative/, 'part_add', sdb, 'p', -100, -1);
    refused('EINVAL', /expected primary, logical or extended/, 'part_add', sdb, 'x', 9000, 9100);
    refused('EINVAL', /cannot end before/, 'part_add', sdb, 'p', 9000, 8900);
    refused('EINVAL', /not all on the disk/, 'part_add', sdb, 'p', 9000, 900_000);
    assert.deepEqual(list(sdb), [
      [1, 64, 2047],
      [2, 4096, 8191],
      [3, 10_000, 202_751],
      [5, 10_064, 20_000],
      [6, 20_064, 30_000],
      [7, 40_002, 50_001],
      [8, 60_000, 70_000],
    ]);
    call('part_set_bootable', sdb, 1, true);
    call('part_set_bootable', sdb, 2, true);
    assert.equal(call('part_get_bootable', sdb, 1), false);
    call('part_set_bootable', sdb, 5, true);
    assert.equal(call('part_get_bootable', sdb, 5), true);
    assert.equal(call('part_get_bootable', sdb, 2), false);
    refused('EINVAL', /no partition 9/, 'part_set_bootable', sdb, 9, true);
    call('part_set_mbr_id', sdb, 1, 0x82);
    assert.equal(call('part_get_mbr_id', sdb, 1), 0x82);
    refused('EINVAL', /logical partitions/, 'part_set_mbr_id', sdb, 3, 0x83);
    for (const [action, ...args] of [
      ['part_set_name', 1, 'hello'],
      ['part_set_gpt_type', 1, GUID],
      ['part_set_gpt_guid', 1, GUID],
      ['part_set_gpt_attributes', 1, 4n],
      ['part_set_disk_guid', GUID],
      ['part_expand_gpt'],
    ] as const) {
      refused('EINVAL', /only a GPT has this/, action, sdb, ...args);
    }
    call('part_resize', sdb, 2, 9000);
    refused('EINVAL', /overlap/, 'part_resize', sdb, 2, 12_000);
    refused('EINVAL', /cannot end before/, 'part_resize', sdb, 2, 100);
    call('part_del', sdb, 6);
    assert.deepEqual(list(sdb), [
      [1, 64, 2047],
      [2, 4096, 9000],
      [3, 10_000, 202_751],
      [5, 10_064, 20_000],
      [6, 40_002, 50_001],
      [7, 60_000, 70_000],
    ]);
    refused('EINVAL', /no partition 4/, 'part_del', sdb, 4);
    call('part_del', sdb, 3);
    assert.deepEqual(call('list_partitions'), ['/dev/sda1', '/dev/sdb1', '/dev/sdb2']);
  });

  test('a GPT: the same and its GUIDs', { skip: needsTool('sgdisk') }, () => {
    const sdc = '/dev/sdc';
    call('part_init', sdc, 'gpt');
    call('part_add', sdc, 'p', 34, 2047);
    call('part_add', sdc, 'l', 2048, 4095);
    call('part_add', sdc, 'e', 4096, 8191);
    call('part_add', sdc, 'p', 20_000, -34);
    refused('EINVAL', /overlap/, 'part_add', sdc, 'p', 20_000, -35);
    refused('EINVAL', /usable/, 'part_add', sdc, 'p', 20, 40);
    assert.equal(call('part_get_name', sdc, 3), 'extended');
    call('part_set_name', sdc, 1, 'hello world');
    assert.equal(call('part_get_name', sdc, 1), 'hello world');
    call('part_set_gpt_type', sdc, 1, GUID);
    refused('EINVAL', /no partition 19/, 'part_set_gpt_type', sdc, 19, GUID);
    call('part_set_gpt_guid', sdc, 1, GUID);
    assert.equal(call('part_get_gpt_guid', sdc, 1), GUID);
    call('part_set_disk_guid', sdc, GUID);
    assert.equal(call('part_get_disk_guid', sdc), GUID);
    call('part_set_disk_guid_random', sdc);
    assert.match(String(call('part_get_disk_guid', sdc)), /^[0-9A-F]{8}-[0-9A-F]{4}-4/);
    call('part_set_gpt_attributes', sdc, 1, 5n);
    assert.equal(call('part_get_gpt_attributes', sdc, 1), 5n);
    call('part_set_bootable', sdc, 1, true);
    assert.equal(call('part_get_gpt_type', sdc, 1), ESP);
    call('part_set_bootable', sdc, 1, false);
    assert.equal(call('part_get_gpt_type', sdc, 1), LINUX);
    call('part_del', sdc, 2);
    call('part_expand_gpt', sdc);
    refused('EINVAL', /only an MBR has ids/, 'part_set_mbr_id', sdc, 1, 0x83);
    assert.deepEqual(list(sdc), [
      [1, 34, 2047],
      [3, 4096, 8191],
      [4, 20_000, 204_766],
    ]);
    assert.match(run('sgdisk', '-v', path('c.img')), /No problems found/);
  });

  test('sfdisk, sfdiskM and sfdisk_N', () => {
    const sdb = '/dev/sdb';
    call('sfdisk', sdb, 0, 0, 0, [',100', ',200,82,*', ',300', ',']);
    assert.deepEqual(list(sdb), [
      [1, 2048, 2147],
      [2, 4096, 4295],
      [3, 6144, 6443],
      [4, 8192, 204_799],
    ]);
    call('sfdiskM', sdb, [',10', ',20,8e']);
    assert.deepEqual(list(sdb), [
      [1, 2048, 22_527],
      [2, 22_528, 63_487],
    ]);
    call('sfdisk_N', sdb, 2, 0, 0, 0, ',30000,82');
    assert.equal(call('part_get_mbr_id', sdb, 2), 0x82);
    refused('ENOTSUP', /geometry/, 'sfdisk', sdb, 10, 255, 63, [',1']);
  });

  test('what cannot be', () => {
    refused('ENOTSUP', /type sun/, 'part_init', '/dev/sda', 'sun');
    refused('EINVAL', /expected gpt or mbr/, 'part_init', '/dev/sda', 'foo');
    call('part_disk', '/dev/sda', 'mbr');
    refused('EINVAL', /is a partition/, 'part_init', '/dev/sda1', 'mbr');
    refused('ENOENT', /sdx/, 'part_init', '/dev/sdx', 'mbr');
  });

  test('what is in use is not disturbed', { skip: needsTool('mke2fs') }, () => {
    call('part_init', '/dev/sda', 'mbr');
    call('part_add', '/dev/sda', 'p', 2048, 51_199);
    call('part_add', '/dev/sda', 'p', 51_200, 102_399);
    run('mke2fs', '-q', '-F', '-E', `offset=${2048 * 512}`, path('a.img'), '24M');
    call('part_set_mbr_id', '/dev/sda', 1, 0x83);
    call('mount', '/dev/sda1', '/');
    refused('EBUSY', /\/dev\/sda1 is in use: it is mounted on \//, 'part_del', '/dev/sda', 1);
    refused('EBUSY', /mounted/, 'part_init', '/dev/sda', 'gpt');
    refused('EBUSY', /mounted/, 'part_resize', '/dev/sda', 1, 40_000);
    call('part_del', '/dev/sda', 2);
    call('part_resize', '/dev/sda', 1, 60_000);
    assert.deepEqual(list('/dev/sda'), [[1, 2048, 60_000]]);
    call('umount_all');
    call('part_del', '/dev/sda', 1);
  });
});
