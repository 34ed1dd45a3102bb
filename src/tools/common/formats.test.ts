import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { csvLine } from './csv.ts';
import { escapeForTerminal, escapeName } from './escape.ts';
import { humanSize } from './human.ts';
import { jsonDocument } from './json.ts';
import { progressLine } from './progress.ts';
import { parseKey, parseMount } from './request.ts';
import { tableText } from './table.ts';
import { diskPath } from './uri.ts';
import { sortBytes } from '../../vfs/order.ts';
import { encodeText, decodeText } from '../../bytes/text.ts';

describe('escapes for terminals', () => {
  test('leave text, tabs and line ends alone', () => {
    const text = 'a\tb\r\nÄ 漢字 😀\n';
    assert.equal(escapeForTerminal(text), text);
  });
  test('show what a terminal would obey', () => {
    assert.equal(escapeForTerminal('\u001b[31m\u0007\u007f'), '\\x1b[31m\\x07\\x7f');
    assert.equal(escapeForTerminal('\u009b1m\u202e'), '\\u009b1m\\u202e');
    assert.equal(escapeForTerminal('over\rwritten'), 'over\\x0dwritten');
    assert.equal(escapeForTerminal('\udcff\udc80'), '\\xff\\x80');
    assert.equal(escapeName('a\nb\tc'), 'a\\x0ab\\x09c');
  });
});

describe('sizes, tables, CSV, JSON', () => {
  test('human sizes are those of df -h with rounding to the nearest', () => {
    const expected: [number, string][] = [
      [0, '0'],
      [1023, '1023'],
      [1024, '1.0K'],
      [3000, '2.9K'],
      [8610816, '8.2M'],
      [10189, '10K'],
      [10 * 1024 * 1024 - 1, '10M'],
      [1024 * 1024 - 1, '1.0M'],
      [1.5 * 2 ** 40, '1.5T'],
      [2 ** 50, '1.0P'],
    ];
    for (const [bytes, text] of expected) assert.equal(humanSize(bytes), text);
  });
  test('CSV quotes commas, quotes and white space', () => {
    assert.equal(csvLine(['a', 'b c', 'd,e', 'f"g', 'h\ni', '']), 'a,"b c","d,e","f""g","h\ni",\n');
  });
  test('tables are aligned, with one space where they are wide', () => {
    assert.equal(
      tableText([
        ['Name', 'X'],
        ['a', 'b'],
      ]),
      'Name  X\na     b\n',
    );
    assert.equal(tableText([['a\nb', 'c\td']]), 'a\\x0ab  c\\x09d\n');
    const wide = 'w'.repeat(80);
    assert.equal(tableText([[wide, 'X']]), `${wide} X\n`);
  });
  test('JSON keeps guest bytes and bigints, and escapes what harms a terminal', () => {
    assert.equal(
      jsonDocument({ a: '\udcff', b: 12n, c: '\u009b' }),
      '{\n  "a": "\\udcff",\n  "b": "12",\n  "c": "\\u009b"\n}\n',
    );
  });
  test('a progress bar fills its columns', () => {
    const line = progressLine(1, 2, { turns: 1, left: 30, columns: 40 });
    assert.match(line, /^- {2}50% \[#+-+\] 00:30$/);
    assert.ok(line.length < 40);
    assert.match(progressLine(2, 2, { turns: 2, left: 0, columns: 40 }), /^ {2}100% \[#+\] 00:00$/);
    assert.match(progressLine(0, 0, { turns: 0, left: undefined, columns: 10 }), /^\/ {3}0% \[----\] --:--$/);
  });
  test('names sort by their bytes', () => {
    const names = [
      'b',
      'a',
      'é',
      '\udcff',
      '\udc80',
      '😀',
      'ab',
      '漢',
      '\u07ff',
      '\u0800',
      '~',
      '',
      '\uffff',
    ];
    const sorted = sortBytes([...names]);
    const byBytes = names
      .map((name) => Buffer.from(encodeText(name)))
      .toSorted(Buffer.compare)
      .map((bytes) => decodeText(bytes));
    assert.deepEqual(sorted, byBytes);
  });
});

describe('values of shared options', () => {
  test('-m', () => {
    assert.deepEqual(parseMount('/dev/sda1'), {
      device: '/dev/sda1',
      mountpoint: '/',
      options: undefined,
      type: undefined,
    });
    assert.deepEqual(parseMount('/dev/sda1::noatime:ext4'), {
      device: '/dev/sda1',
      mountpoint: '/',
      options: 'noatime',
      type: 'ext4',
    });
    assert.equal(parseMount('btrfsvol:/dev/sda1/home:/home').device, 'btrfsvol:/dev/sda1/home');
    assert.throws(() => parseMount(':/x'), /the device is missing/);
  });
  test('--key', () => {
    assert.deepEqual(parseKey('/dev/sda2:key:a:b'), { id: '/dev/sda2', kind: 'key', value: 'a:b' });
    assert.deepEqual(parseKey('all:file:/k'), { id: 'all', kind: 'file', value: '/k' });
    assert.deepEqual(parseKey('U-U:clevis'), { id: 'U-U', kind: 'clevis', value: '' });
    assert.throws(() => parseKey('foo'), /expected ID:key:TEXT/);
  });
  test('-a', () => {
    assert.equal(diskPath('a b.img'), 'a b.img');
    assert.equal(diskPath('file:///x/a%20b.img'), '/x/a b.img');
    assert.throws(() => diskPath('nbd://localhost'), { code: 'ENOTSUP' });
    assert.throws(() => diskPath('foo://x'), /unknown protocol 'foo'/);
  });
});
