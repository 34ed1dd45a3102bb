import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseNumber, type NumberRule } from './numbers.ts';
import { ShellError } from './shell-error.ts';
import { expandTilde, tokenizeLine } from './tokenize.ts';
import { parseBoolean, splitList } from './values.ts';

/** The words of a command line, as stock guestfish's `echo` was seen to print them. */
function words(line: string): string[] {
  const parsed = tokenizeLine(line);
  assert.equal(parsed.kind, 'command');
  return parsed.kind === 'command' ? parsed.words.map(({ text }) => text) : [];
}

describe('lines of the shell', () => {
  test('double quotes take escapes, which are bytes', () => {
    assert.deepEqual(words(String.raw`echo "a\tb\x41\101\n\"q\"\\"`), ['a\tbAA\n"q"\\']);
    assert.deepEqual(words(String.raw`echo héé "h\xc3\xa9" "\xff" "\a\b\f\r\v\'\?"`), [
      'héé',
      'hé',
      '\udcff',
      "\u0007\b\f\r\v'?",
    ]);
  });
  test('single quotes take nothing, words in the middle keep their quotes', () => {
    assert.deepEqual(words(String.raw`echo 'a\tb "x"'`), [String.raw`a\tb "x"`]);
    assert.deepEqual(words(`echo a"b c"d a'b c'd a\\ b a#b # c`), [
      'a"b',
      'c"d',
      "a'b",
      "c'd",
      'a\\',
      'b',
      'a#b',
      '#',
      'c',
    ]);
    assert.deepEqual(words(`\techo  ""\t'' `), ['', '']);
  });
  test('a bar begins a host command', () => {
    for (const [line, expected, pipe] of [
      ['echo a | tr a b', ['a'], ' tr a b'],
      ['echo a |tr a b', ['a'], 'tr a b'],
      ['echo a|tr', ['a|tr'], undefined],
      ['echo "|" \'|\'', ['|', '|'], undefined],
      ['echo a |', ['a'], ''],
    ] as const) {
      const parsed = tokenizeLine(line);
      assert.ok(parsed.kind === 'command');
      assert.deepEqual([parsed.words.map(({ text }) => text), parsed.pipe], [expected, pipe]);
    }
  });
  test('comments, empty lines, host commands and ignored errors', () => {
    for (const line of ['', '  ', '# x', '\t# x', '-']) assert.equal(tokenizeLine(line).kind, 'nothing');
    assert.deepEqual(tokenizeLine(' ! ls | wc'), { kind: 'host', command: ' ls | wc', ignoreError: false });
    assert.deepEqual(tokenizeLine('-<! echo x'), { kind: 'inline', command: ' echo x', ignoreError: true });
    for (const line of ['-x', '- x', '--x']) {
      assert.deepEqual(tokenizeLine(line), {
        kind: 'command',
        name: 'x',
        words: [],
        pipe: undefined,
        ignoreError: true,
      });
    }
  });
  test('what cannot be read says so', () => {
    for (const line of [
      'x "a',
      "x 'a",
      'x "a"b',
      `x 'a'b'`,
      String.raw`x "\q"`,
      String.raw`x "\x4"`,
      String.raw`x "\18"`,
      String.raw`x "\x00"`,
    ]) {
      assert.throws(() => tokenizeLine(line), ShellError, line);
    }
  });
  test('home directories of the host', () => {
    const home = (user: string): string | undefined => ({ '': '/home/me', root: '/root' })[user];
    assert.deepEqual(
      ['~', '~/x', '~root/x', '~nobody/x', 'a~'].map((word) => expandTilde(word, home)),
      ['/home/me', '/home/me/x', '/root/x', '~nobody/x', 'a~'],
    );
    assert.deepEqual(words('x "~"'), ['~']);
  });
});

describe('values', () => {
  test('lists', () => {
    for (const [text, expected] of [
      ["a\\'b c", ["a'b", 'c']],
      ["a'b c'd", ['ab cd']],
      ["'a b'c", ['a bc']],
      ["'a \\'b' c", ["a 'b", 'c']],
      ['"a b" c', ['"a', 'b"', 'c']],
      ['a\\ b', ['a\\', 'b']],
      ['  a \tb\nc  ', ['a', 'b', 'c']],
      ['', []],
      ["a '' b", ['a', '', 'b']],
    ] as const) {
      assert.deepEqual(splitList(text), expected);
    }
    assert.throws(() => splitList("'a"), ShellError);
  });
  test('booleans', () => {
    for (const text of ['1', 'true', 'T', 'yes', 'Y', 'on']) assert.equal(parseBoolean(text, 'x'), true);
    for (const text of ['0', 'FALSE', 'f', 'nO', 'n', 'off']) assert.equal(parseBoolean(text, 'x'), false);
    for (const text of ['', 'maybe', '2']) assert.throws(() => parseBoolean(text, 'x'), ShellError);
  });
  test('numbers', () => {
    const rule: NumberRule = { what: 'x', bits: 64 };
    for (const [text, value] of [
      ['0', 0n],
      ['1234', 1234n],
      ['02322', 1234n],
      ['0x4d2', 1234n],
      ['-5', -5n],
      ['1k', 1024n],
      ['1K', 1024n],
      ['1KiB', 1024n],
      ['1KB', 1000n],
      ['0x10M', 16777216n],
      ['2GB', 2000000000n],
    ] as const) {
      assert.equal(parseNumber(text, rule), value);
    }
    for (const text of ['', 'foo', '08', '1.5', '5KX', '1kb', '1b', '8E', '- 5']) {
      assert.throws(() => parseNumber(text, rule), ShellError, text);
    }
  });
  test('suffixes respect the unit', () => {
    const parse = (text: string, unit: NonNullable<NumberRule['unit']>): bigint =>
      parseNumber(text, { what: 'x', bits: 32, unit });
    assert.equal(parse('100M', 'MiB'), 100n);
    assert.equal(parse('100', 'MiB'), 100n);
    assert.equal(parse('2G', 'MiB'), 2048n);
    assert.equal(parse('1M', 'sectors'), 2048n);
    assert.equal(parse('1K', 'lines'), 1024n);
    assert.throws(() => parse('1K', 'MiB'), /not a whole number of MiB/);
    assert.throws(() => parse('1K', 'seconds'), /makes no sense/);
    assert.throws(() => parseNumber('2G', { what: 'x', bits: 32 }), /does not fit into 32 bits/);
  });
});
