import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CorruptError } from '../../errors/index.ts';
import { parseConfig } from './config.ts';

const parse = (text: string) => parseConfig(new TextEncoder().encode(text));

describe('LVM2 configuration text', () => {
  test('sections, strings, numbers, arrays and comments', () => {
    const root = parse(`# head
vg { # a group
  id="a-b" seqno = 3
  ratio = 1.5 negative = -7
  list = [ "x", 1, "y" , ] empty = []
  inner { name = 'as \\ it is' }
}
contents = "text"`);
    const vg = root.sections.get('vg');
    assert.deepEqual(
      [...(vg?.values ?? [])],
      [
        ['id', 'a-b'],
        ['seqno', 3],
        ['ratio', 1.5],
        ['negative', -7],
        ['list', ['x', 1, 'y']],
        ['empty', []],
      ],
    );
    assert.equal(vg?.sections.get('inner')?.values.get('name'), 'as \\ it is');
    assert.equal(root.values.get('contents'), 'text');
  });

  test('a backslash quotes the next byte between double quotes', () => {
    assert.equal(parse('a = "x\\"y\\\\z"').values.get('a'), 'x"y\\z');
  });

  test('the text ends at the first NUL', () => {
    assert.equal(parse('a = 1\0}}}').values.get('a'), 1);
  });

  test('bytes that are no UTF-8 are kept', () => {
    const bytes = Uint8Array.of(0x61, 0x3d, 0x22, 0xff, 0x22);
    assert.equal(parseConfig(bytes).values.get('a'), '\udcff');
  });

  for (const [what, text] of [
    ['an unclosed section', 'a {'],
    ['a brace too many', 'a { } }'],
    ['an unclosed string', 'a = "x'],
    ['a string that ends in a backslash', 'a = "x\\'],
    ['an unclosed array', 'a = [1, 2'],
    ['an array in an array', 'a = [[1]]'],
    ['a value without a name', '= 3'],
    ['a name without a value', 'a'],
    ['a number beyond 2^53', 'a = 18446744073709551615'],
    ['sections nested too deep', 'a {'.repeat(100)],
  ] as const) {
    test(`${what} is an error that tells where`, () => {
      assert.throws(
        () => parse(text),
        (error) => error instanceof CorruptError && typeof error.offset === 'number',
      );
    });
  }
});
