import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32cRaw, crc32cZeroes } from './crc32c.ts';

test('crc32cZeroes is what zeroes do, of any number', () => {
  for (const count of [0, 1, 2, 3, 7, 12, 255, 4084, 65524]) {
    assert.equal(crc32cZeroes(0xdeadbeef, count), crc32cRaw(0xdeadbeef, new Uint8Array(count)), `${count}`);
  }
});

test('the CRC of a change tells the CRC of what is changed', () => {
  const bytes = Uint8Array.from({ length: 4084 }, (_, i) => (i * 31) & 0xff);
  const changed = bytes.slice();
  changed.fill(0xa5, 1000, 1060);
  const difference = crc32cRaw(0, bytes, 1000, 1060) ^ crc32cRaw(0, changed, 1000, 1060);
  const behind = crc32cZeroes(difference, bytes.length - 1060);
  assert.equal((crc32cRaw(77, bytes) ^ behind) >>> 0, crc32cRaw(77, changed));
});
