import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driveDeviceName, driveIndex, parseDriveName, partitionDeviceName } from './device-names.ts';

test('drives are named as Linux names SCSI disks', () => {
  assert.equal(driveDeviceName(0), '/dev/sda');
  assert.equal(driveDeviceName(25), '/dev/sdz');
  assert.equal(driveDeviceName(26), '/dev/sdaa');
  assert.equal(driveDeviceName(701), '/dev/sdzz');
  assert.equal(driveDeviceName(702), '/dev/sdaaa');
});

test('a name leads back to its index', () => {
  for (let index = 0; index < 1000; index++) {
    assert.equal(driveIndex(driveDeviceName(index).slice('/dev/sd'.length)), index);
  }
  assert.equal(driveIndex('A'), -1);
  assert.equal(driveIndex(''), -1);
});

test('other prefixes mean the same drives', () => {
  for (const prefix of ['sd', 'hd', 'vd', 'xvd']) {
    assert.deepEqual(parseDriveName(`/dev/${prefix}b12`), { disk: '/dev/sdb', index: 1, partition: 12 });
  }
  assert.equal(parseDriveName('/dev/VG/LV'), null);
  assert.equal(parseDriveName('/dev/sd'), null);
});

test('a p goes between a digit and the number of the partition', () => {
  assert.equal(partitionDeviceName('/dev/sda', 3), '/dev/sda3');
  assert.equal(partitionDeviceName('/dev/md0', 3), '/dev/md0p3');
});
