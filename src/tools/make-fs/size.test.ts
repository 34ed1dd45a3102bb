import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateSize } from './size.ts';

const MIB = 1024 * 1024;

test('filesystems that need a large disk get one, and room for what is theirs', () => {
  const input = { files: 10, kib: 100, kib4: 120, compress: undefined };
  assert.equal(estimateSize(input, 'xfs', false), 300 * MIB);
  assert.equal(estimateSize(input, 'btrfs', true), 258 * MIB);
  const large = { files: 1000, kib: 400 * 1024, kib4: 401 * 1024, compress: undefined };
  for (const type of ['xfs', 'btrfs', 'ntfs']) {
    assert.ok(estimateSize(large, type, false) > estimateSize(large, 'ext2', false), type);
  }
});
