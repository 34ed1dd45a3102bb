import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseOptions, type GivenOption } from './options.ts';
import { SharedOptions } from './request.ts';
import type { OptionSpec } from './spec.ts';
import { UsageError } from './usage-error.ts';

const specs: OptionSpec[] = [
  { name: 'add', short: 'a', long: ['add'], value: 'required', help: '' },
  { name: 'long', short: 'l', long: ['long'], help: '' },
  { name: 'recursive', short: 'R', long: ['recursive'], help: '' },
  { name: 'format', long: ['format'], value: 'optional', help: '' },
  { name: 'lvs', long: ['lvs', 'logical-volumes'], help: '' },
];
const names = (args: string[]): string[] =>
  parseOptions(specs, args).options.map(({ name, value }) =>
    value === undefined ? name : `${name}=${value}`,
  );

describe('parseOptions', () => {
  test('bundles letters and takes values glued on or following', () => {
    assert.deepEqual(names(['-lR', '-adisk', '-a', 'x', '-lay']), [
      'long',
      'recursive',
      'add=disk',
      'add=x',
      'long',
      'add=y',
    ]);
  });
  test('takes long options with = or following, and optional values only with =', () => {
    assert.deepEqual(names(['--add=x=y', '--add', 'z', '--format', '--format=raw', '--format=']), [
      'add=x=y',
      'add=z',
      'format',
      'format=raw',
      'format=',
    ]);
    assert.deepEqual(parseOptions(specs, ['--format', 'raw']).operands, ['raw']);
  });
  test('completes abbreviations that fit one option only', () => {
    assert.deepEqual(names(['--rec', '--logical', '--form=raw']), ['recursive', 'lvs', 'format=raw']);
    assert.throws(() => names(['--lo']), /ambiguous: --long, --logical-volumes/);
  });
  test('mixes options and operands until --', () => {
    const { operands, positions } = parseOptions(specs, ['x', '-l', '-', 'y', '--', '-l', '--long']);
    assert.deepEqual(operands, ['x', '-', 'y', '-l', '--long']);
    assert.deepEqual(positions, [0, 2, 3, 5, 6]);
  });
  test('says what is wrong', () => {
    for (const [args, message] of [
      [['--nosuch'], /unknown option --nosuch/],
      [['-lz'], /unknown option -z/],
      [['-a'], /-a needs a value/],
      [['--add'], /--add needs a value/],
      [['--long=x'], /--long takes no value/],
      [['--=x'], /unknown option --/],
    ] as const) {
      assert.throws(
        () => parseOptions(specs, args),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    }
  });
});

describe('SharedOptions', () => {
  const backings = (...given: [string, string][]): unknown[] => {
    const options = new SharedOptions();
    for (const [name, value] of given) options.take({ name, value } as GivenOption);
    return options.disks.map(({ disk, backing }) => `${disk} ${backing}`);
  };

  test('--allow-backing holds for the disks that follow, or for all where none follows', () => {
    assert.deepEqual(backings(['add', 'a'], ['allow-backing', 'any'], ['add', 'b']), [
      'a undefined',
      'b any',
    ]);
    assert.deepEqual(backings(['add', 'a'], ['add', 'b'], ['allow-backing', 'folder']), [
      'a folder',
      'b folder',
    ]);
    assert.deepEqual(backings(['allow-backing', 'none'], ['add', 'a'], ['allow-backing', 'any']), ['a none']);
  });
});
