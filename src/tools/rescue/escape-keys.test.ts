import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EscapeKeys, parseEscapeKey, type Typed } from './escape-keys.ts';

const readable = (parts: readonly Typed[]): string[] =>
  parts.map((part) => ('command' in part ? `<${part.command}>` : Buffer.from(part.bytes).toString('latin1')));

describe('the escape key of virt-rescue', () => {
  test('is written as Ctrl and a key', () => {
    assert.equal(parseEscapeKey('^]'), 0x1d);
    assert.equal(parseEscapeKey('^a'), 1);
    assert.equal(parseEscapeKey('^A'), 1);
    assert.equal(parseEscapeKey('none'), undefined);
    for (const wrong of ['', '^', 'x', '^]]', '^1']) {
      assert.throws(() => parseEscapeKey(wrong), /expected \^ and a letter/);
    }
  });

  test('takes the letter after it, also in the next piece; twice it is itself', () => {
    const keys = new EscapeKeys(0x1d);
    const split = (text: string): string[] => readable(keys.split(Buffer.from(text, 'latin1')));
    assert.deepEqual(split('ls\r'), ['ls\r']);
    assert.deepEqual(split('a\x1dsb'), ['a', '<s>', 'b']);
    assert.deepEqual(split('a\x1d'), ['a']);
    assert.deepEqual(split('q'), ['<q>']);
    assert.deepEqual(split('a\x1d\x1db'), ['a', '\x1db']);
    assert.deepEqual(split('\x1d'), []);
    assert.deepEqual(split('\x1d\x1dh'), ['\x1d', '<h>']);
    assert.deepEqual(split('\x03'), ['\x03']);
  });

  test('there may be none', () => {
    const keys = new EscapeKeys(undefined);
    assert.deepEqual(readable(keys.split(Buffer.from('\x1dq', 'latin1'))), ['\x1dq']);
  });
});
