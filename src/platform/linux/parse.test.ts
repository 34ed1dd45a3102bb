import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMountInfo } from './mount-table.ts';
import { compareDisks, volumePath } from './sysfs.ts';
import { parseGetfattr, parseLsattr, parseStatf } from './tool-calls.ts';

test('mountinfo', () => {
  const text = [
    '26 0 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    '41 26 0:38 /sub /mnt/a\\040b ro,nosuid - btrfs /dev/loop1 rw,subvolid=256,subvol=/sub',
    'not a line of it',
    '',
  ].join('\n');
  assert.deepEqual(parseMountInfo(text), [
    {
      id: 26,
      device: '254:0',
      root: '/',
      mountpoint: '/',
      options: ['rw', 'relatime'],
      type: 'ext4',
      source: '/dev/vda',
      superOptions: ['rw'],
    },
    {
      id: 41,
      device: '0:38',
      root: '/sub',
      mountpoint: '/mnt/a b',
      options: ['ro', 'nosuid'],
      type: 'btrfs',
      source: '/dev/loop1',
      superOptions: ['rw', 'subvolid=256', 'subvol=/sub'],
    },
  ]);
});

test('disks are in the order of their addresses, not of their names', () => {
  const disks = [
    { name: 'vdb' },
    { name: 'sdb', address: [2, 0, 0, 0] },
    { name: 'vdaa' },
    { name: 'sda', address: [2, 0, 10, 0] },
    { name: 'sdc', address: [2, 0, 2, 0] },
  ];
  assert.deepEqual(
    disks.toSorted(compareDisks).map(({ name }) => name),
    ['sdb', 'sdc', 'sda', 'vdb', 'vdaa'],
  );
});

test('a dash in the name of a group or volume is two in that of the mapper', () => {
  assert.equal(volumePath('VG-LV'), '/dev/VG/LV');
  assert.equal(volumePath('my--group-my--volume'), '/dev/my-group/my-volume');
  assert.equal(volumePath('crypt'), undefined);
});

test('what getfattr, stat and lsattr print', () => {
  assert.deepEqual(
    parseGetfattr('# file: f\nuser.a=0x780a225c0179\nuser.empty=0x\nuser.with\\040space=0x41\n\n'),
    [
      { name: 'user.a', value: new Uint8Array([0x78, 0x0a, 0x22, 0x5c, 0x01, 0x79]) },
      { name: 'user.empty', value: new Uint8Array(0) },
      { name: 'user.with space', value: new Uint8Array([0x41]) },
    ],
  );
  const stat = parseStatf('4096 4096 66053021 55936093 16480800 16777216 16272985 5587c26436ac6670 255\n');
  assert.equal(stat.fsid, 0x5587c26436ac6670n);
  assert.equal(stat.bavail, 16480800);
  assert.equal(stat.namemax, 255);
  assert.deepEqual(parseLsattr('3343128518 --------------e------- f\n'), {
    flags: 0x80000,
    generation: 3343128518,
  });
  assert.deepEqual(parseLsattr('--S-i---------e------- f\n'), { flags: 0x80018, generation: 0 });
});
