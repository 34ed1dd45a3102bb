import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { fuzz } from '../../../test/support/fuzz.ts';
import { CorruptError } from '../../errors/index.ts';
import { type Blob, MemoryContent } from '../content.ts';
import type { PackageRecord } from '../package.ts';
import { parseRpmHeader } from './header.ts';
import { type RpmBackend, rpmPackages } from './index.ts';

function golden(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`../golden/${name}.gz`, import.meta.url))));
}

/** What `rpm -qa` said of the database, a line a package. */
const EXPECTED = readFileSync(new URL('../golden/packages.tsv', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');

function line(record: PackageRecord): string {
  const { name, epoch, version, release, arch, publisher, url, sourcePackage, summary } = record;
  return [name, epoch, version, release, arch, publisher, url, sourcePackage, summary].join('\t');
}

function list(backend: RpmBackend, bytes: Uint8Array, wal?: Uint8Array): PackageRecord[] {
  const log = wal === undefined ? undefined : new MemoryContent(wal);
  return [...rpmPackages(backend, new MemoryContent(bytes), log)];
}

const DATABASES: readonly (readonly [string, RpmBackend])[] = [
  ['rpmdb.sqlite', 'sqlite'],
  ['Packages.db', 'ndb'],
  ['Packages', 'bdb'],
  ['Packages.big-endian', 'bdb'],
];

describe('rpm databases', () => {
  for (const [name, backend] of DATABASES) {
    test(`${name} lists what rpm lists`, () => {
      const packages = list(backend, golden(name));
      assert.deepEqual(packages.map(line).toSorted(), EXPECTED);
      const beta = packages.find((record) => record.name === 'beta');
      assert.equal(beta?.description, 'Description of beta\n in two lines, with ümlaut.');
    });
  }

  test('changes that are in the write-ahead log only are seen, an unended transaction is not', () => {
    const packages = list('sqlite', golden('rpmdb.sqlite'), golden('logged.sqlite-wal'));
    const expected = EXPECTED.filter((text) => !text.startsWith('alpha\t'));
    assert.deepEqual(packages.map(line).toSorted(), expected);
    assert.equal(packages.at(-1)?.name, 'filler1');
  });

  test('a log that ends in the middle of a frame counts to its last commit', () => {
    const wal = golden('logged.sqlite-wal');
    const all = list('sqlite', golden('rpmdb.sqlite'), wal).length;
    assert.equal(list('sqlite', golden('rpmdb.sqlite'), wal.subarray(0, wal.length - 1)).length, all);
    assert.equal(list('sqlite', golden('rpmdb.sqlite'), wal.subarray(0, 100)).length, EXPECTED.length);
  });

  test('a log of other salts is passed over', () => {
    const wal = golden('logged.sqlite-wal');
    wal[16] = wal[16]! ^ 1;
    assert.equal(list('sqlite', golden('rpmdb.sqlite'), wal).length, EXPECTED.length);
  });

  for (const [name, backend] of DATABASES) {
    test(`${name}: what is no database is refused`, () => {
      for (const size of [0, 10, 511, 4096, 100_000]) {
        assert.throws(() => list(backend, new Uint8Array(size)), CorruptError);
      }
    });

    test(`${name}: cut short it is refused or read in part`, () => {
      const bytes = golden(name);
      for (const part of [0.1, 0.3, 0.5, 0.9]) {
        try {
          list(backend, bytes.subarray(0, Math.floor(bytes.length * part)));
        } catch (error) {
          assert.ok(error instanceof CorruptError, String(error));
        }
      }
    });

    test(`${name}: mutations`, () => {
      const image = golden(name);
      fuzz({
        seed: 11,
        rounds: 150,
        image,
        mutations: 12,
        regions: [
          [0, Math.min(image.length, 16384)],
          [0, 4096],
          [0, image.length],
        ],
        read: (bytes) => void list(backend, bytes),
      });
    });
  }
});

/** A header with the given entries. */
function header(
  entries: readonly (readonly [tag: number, type: number, offset: number, count: number])[],
  data: string,
): Blob {
  const text = new TextEncoder().encode(data);
  const bytes = new Uint8Array(8 + entries.length * 16 + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, entries.length);
  view.setUint32(4, text.length);
  entries.forEach((entry, i) => entry.forEach((word, j) => view.setUint32(8 + i * 16 + j * 4, word)));
  bytes.set(text, 8 + entries.length * 16);
  return { size: bytes.length, prefix: (length) => bytes.subarray(0, length) };
}

describe('rpm headers', () => {
  test('the untranslated text is taken wherever it stands', () => {
    const record = parseRpmHeader(
      header(
        [
          [100, 8, 0, 2],
          [1000, 6, 5, 1],
          [1004, 9, 10, 2],
        ],
        'de\0C\0name\0deutsch\0english\0',
      ),
    );
    assert.equal(record?.name, 'name');
    assert.equal(record?.summary, 'english');
  });

  test('one translation too few gives the first', () => {
    const record = parseRpmHeader(
      header(
        [
          [100, 8, 0, 2],
          [1000, 6, 5, 1],
          [1004, 9, 10, 1],
        ],
        'de\0C\0name\0only\0',
      ),
    );
    assert.equal(record?.summary, 'only');
  });

  test('a tag of the wrong type says nothing', () => {
    const record = parseRpmHeader(
      header(
        [
          [1000, 6, 0, 1],
          [1003, 6, 0, 1],
          [1001, 4, 0, 1],
        ],
        'name\0',
      ),
    );
    assert.deepEqual([record?.epoch, record?.version], [0, '']);
  });

  test('a header without a name is none', () => {
    assert.equal(parseRpmHeader(header([[1001, 6, 0, 1]], '1\0')), undefined);
  });

  test('what lies outside of the data is refused', () => {
    assert.throws(() => parseRpmHeader(header([[1000, 6, 100, 1]], 'name\0')), CorruptError);
    assert.throws(
      () =>
        parseRpmHeader(
          header(
            [
              [1000, 6, 0, 1],
              [1003, 4, 3, 1],
            ],
            'name\0',
          ),
        ),
      CorruptError,
    );
    const lying = header([], '');
    lying.prefix(8)[0] = 0xff;
    assert.throws(() => parseRpmHeader(lying), { code: 'EUCLEAN' });
    assert.throws(() => parseRpmHeader({ size: 3, prefix: () => new Uint8Array(3) }), CorruptError);
  });

  test('a blob is read no further than the tags need', () => {
    const blob = header(
      [
        [1000, 6, 0, 1],
        [1117, 8, 5, 1],
      ],
      `name\0${'x'.repeat(100_000)}`,
    );
    let longest = 0;
    parseRpmHeader({
      size: blob.size,
      prefix(length) {
        longest = Math.max(longest, length);
        return blob.prefix(length);
      },
    });
    assert.ok(longest < 200, `${longest} bytes were read`);
  });
});
