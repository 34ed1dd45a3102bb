import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, crc32Raw } from './crc32.ts';

const bytes = new TextEncoder().encode('123456789');

test('crc32 gives the check value of the catalogue of CRCs', () => {
  assert.equal(crc32(bytes), 0xcbf43926);
  assert.equal(crc32(new Uint8Array(0)), 0);
});

test('crc32Raw goes on where it stopped, at any place', () => {
  const whole = crc32Raw(0xffffffff, bytes);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.equal(crc32Raw(crc32Raw(0xffffffff, bytes, 0, cut), bytes, cut), whole);
  }
  assert.equal(~whole >>> 0, crc32(bytes));
});
