import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsTool, run } from '../../../test/support/tools.ts';
import { encodeText } from '../../bytes/text.ts';
import { hashVersion, nameHash } from './hash.ts';

const NAMES = [
  'a',
  'passwd',
  'exactly-sixteen!',
  'exactly-thirty-two-bytes-long-!!',
  'a name that is quite a bit longer than one block of the half MD4 function',
  'ünïcødé-日本',
  'x'.repeat(255),
];
const SEED = '01234567-89ab-cdef-0123-456789abcdef';

/** The seed's 16 bytes as four little-endian words. */
function words(uuid: string): number[] {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  return [0, 4, 8, 12].map((at) => bytes.readUInt32LE(at));
}

function hash(version: number, name: string, seed: number[]): string {
  const { major, minor } = nameHash(version, encodeText(name), seed)!;
  const hex = (value: number): string => `0x${value.toString(16)}`;
  return `${hex(major)} (minor ${hex(minor)})`;
}

describe('hashes equal those of debugfs', () => {
  // Names of debugfs and our versions; those of debugfs take characters as unsigned with the suffix.
  const versions: [string, number][] = [
    ['legacy', 0],
    ['half_md4', 1],
    ['tea', 2],
    ['legacy_unsigned', 3],
    ['half_md4_unsigned', 4],
    ['tea_unsigned', 5],
  ];
  for (const [name, version] of versions) {
    test(name, { skip: needsTool('debugfs') }, () => {
      const known = name.replace('_unsigned', '');
      for (const text of NAMES) {
        // The unsigned variants differ only where a byte is above 127, which debugfs cannot be asked for.
        if (name !== known && !/^[ -~]*$/.test(text)) continue;
        for (const seed of [undefined, SEED]) {
          const out = run(
            'debugfs',
            '-R',
            `dx_hash -h ${known} ${seed === undefined ? '' : `-s ${seed}`} "${text}"`,
          );
          const ours = hash(version, text, seed === undefined ? [0, 0, 0, 0] : words(seed));
          assert.ok(out.trim().endsWith(ours), `${out.trim()} ends with ${ours}`);
        }
      }
    });
  }
});

test('bytes above 127 make the variants differ', () => {
  const name = encodeText('ünïcødé');
  for (const version of [0, 1, 2]) {
    assert.notDeepEqual(nameHash(version, name, [1, 2, 3, 4]), nameHash(version + 3, name, [1, 2, 3, 4]));
  }
});

test('the superblock says which variant a stored version means', () => {
  assert.equal(hashVersion(1, 0x1), 1);
  assert.equal(hashVersion(1, 0x2), 4);
  assert.equal(hashVersion(4, 0x2), 4);
  assert.equal(nameHash(6, encodeText('siphash'), [0, 0, 0, 0]), undefined);
});
