import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UsageError } from '../common/usage-error.ts';
import { parsePreparedDisk, preparedHelp, preparedTypes } from './prepared-disk.ts';

describe('-N', () => {
  test('file, type and parameters are taken apart, what is missing is filled in', () => {
    const disk = parsePreparedDisk('blank.img=lvfs:/dev/V/L:ext4::gpt', 1);
    assert.equal(disk.file, 'blank.img');
    assert.equal(disk.type.name, 'lvfs');
    assert.deepEqual(disk.values, ['/dev/V/L', 'ext4', '1G', 'gpt']);
    assert.equal(disk.size, 2 ** 30);
    assert.equal(parsePreparedDisk('fs:ext4:10M', 2).file, 'test2.img');
    assert.equal(parsePreparedDisk('disk:10M', 2).size, 10 * 2 ** 20);
  });
  test('what cannot be is a usage error', () => {
    for (const text of ['nothing', '', 'disk:0', 'disk:1G:mbr', 'disk:-1M']) {
      assert.throws(() => parsePreparedDisk(text, 1), UsageError, text);
    }
  });
  test('help names every type', () => {
    for (const { name } of preparedTypes) assert.match(preparedHelp(), new RegExp(`-N ${name}:`));
  });
});
