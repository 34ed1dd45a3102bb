import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fuzz } from '../../../test/support/fuzz.ts';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { MemoryContent } from '../content.ts';
import { HashDatabase } from './reader.ts';

/** Values short and long: on hash pages, on overflow pages, empty. */
function pairs(count: number, longest: number): Map<string, string> {
  return new Map(
    Array.from({ length: count }, (_, i) => [`key${i}`, `${i}:`.padEnd((i * 997) % longest, 'v')] as const),
  );
}

function make(wanted: Map<string, string>, pageSize: number, order: number): Uint8Array {
  const folder = temporaryFolder();
  try {
    const path = join(folder.path, 'hash.db');
    const body = [...wanted].flatMap(([key, value]) => [` ${key}`, ` ${value}`]).join('\n');
    execFileSync(
      'db_load',
      ['-t', 'hash', '-c', `db_pagesize=${pageSize}`, '-c', `db_lorder=${order}`, path],
      {
        input: `VERSION=3\nformat=print\ntype=hash\nHEADER=END\n${body}\nDATA=END\n`,
      },
    );
    return new Uint8Array(readFileSync(path));
  } finally {
    folder.remove();
  }
}

function read(bytes: Uint8Array): Map<string, string> {
  const text = new TextDecoder();
  const found = new Map<string, string>();
  for (const { key, value } of new HashDatabase(new MemoryContent(bytes)).pairs()) {
    found.set(text.decode(key), text.decode(value.prefix(value.size)));
  }
  return found;
}

describe('Berkeley DB hashes', { skip: needsTool('db_load') }, () => {
  for (const [pageSize, order, count, longest] of [
    [512, 1234, 3000, 200],
    [512, 4321, 500, 5000],
    [4096, 1234, 400, 30000],
    [65536, 4321, 300, 100000],
  ] as const) {
    test(`${count} pairs in pages of ${pageSize} bytes, byte order ${order}`, () => {
      const wanted = pairs(count, longest);
      const found = read(make(wanted, pageSize, order));
      assert.deepEqual(new Map([...found].toSorted()), new Map([...wanted].toSorted()));
    });
  }

  test('a value is had in parts too', () => {
    const wanted = pairs(50, 20000);
    for (const { key, value } of new HashDatabase(new MemoryContent(make(wanted, 512, 1234))).pairs()) {
      const text = wanted.get(new TextDecoder().decode(key)) as string;
      for (const part of [0, 1, 10, 700, 701, 1399, text.length].filter((length) => length <= text.length)) {
        assert.equal(new TextDecoder().decode(value.prefix(part)), text.slice(0, part));
      }
    }
  });

  test('a chain of overflow pages in a circle ends with the value', () => {
    const bytes = make(new Map([['k', 'x'.repeat(5000)]]), 512, 1234);
    const view = new DataView(bytes.buffer);
    for (let page = 1; page * 512 < bytes.length; page++) {
      if (bytes[page * 512 + 25] === 7) view.setUint32(page * 512 + 16, page, true);
    }
    assert.equal(read(bytes).get('k')?.length, 5000);
  });

  test('a chain of bucket pages in a circle is refused', () => {
    const bytes = make(pairs(300, 200), 512, 1234);
    const view = new DataView(bytes.buffer);
    for (let page = 1; page * 512 < bytes.length; page++) {
      if (bytes[page * 512 + 25] === 13) view.setUint32(page * 512 + 16, page, true);
    }
    assert.throws(() => read(bytes), { code: 'EUCLEAN' });
  });

  test('encryption is refused', () => {
    const bytes = make(pairs(3, 10), 512, 1234);
    bytes[24] = 1;
    assert.throws(() => read(bytes), { code: 'ENOTSUP' });
  });

  test('mutations', () => {
    const image = make(pairs(200, 2000), 512, 1234);
    fuzz({
      seed: 5,
      rounds: 300,
      image,
      mutations: 8,
      regions: [
        [0, 512],
        [0, image.length],
      ],
      read: (bytes) => void read(bytes),
    });
  });
});
