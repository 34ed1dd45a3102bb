import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fuzz } from '../../../test/support/fuzz.ts';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { MemoryContent } from '../content.ts';
import { SqliteReader } from './reader.ts';
import { columnsOf, integerOf, textOf } from './record.ts';

/** A database made by sqlite3, whose rows have text of every length around the limits of a page. */
function make(pageSize: number, rows: number): Uint8Array {
  const folder = temporaryFolder();
  try {
    const path = join(folder.path, 'test.db');
    const script = `
      pragma page_size=${pageSize};
      create table first(a); create table "Wanted"(id integer primary key, n, body text); create index i on first(a);
      with recursive c(x) as (select 1 union all select x + 1 from c where x < ${rows})
        insert into Wanted select x * 3, case x % 5 when 0 then -x when 1 then x * 1000000 else x % 2 end,
          replace(hex(zeroblob((x * 37) % ${pageSize * 3})), '0', char(97 + x % 26)) from c;`;
    execFileSync('sqlite3', [path], { input: script });
    return new Uint8Array(readFileSync(path));
  } finally {
    folder.remove();
  }
}

function rowsOf(bytes: Uint8Array): (readonly [number, number | undefined, string | undefined])[] {
  const reader = new SqliteReader(new MemoryContent(bytes));
  const root = reader.rootOf('wanted');
  if (root === undefined) return [];
  return [...reader.rows(root)].map(({ rowid, record }) => {
    const [, n, body] = columnsOf(record);
    return [rowid, integerOf(record, n), textOf(record, body)] as const;
  });
}

describe('sqlite databases', { skip: needsTool('sqlite3') }, () => {
  for (const [pageSize, rows] of [
    [512, 3000],
    [1024, 2000],
    [4096, 1500],
    [65536, 200],
  ] as const) {
    test(`${rows} rows in pages of ${pageSize} bytes`, () => {
      const expected = Array.from({ length: rows }, (_, i) => {
        const x = i + 1;
        const n = x % 5 === 0 ? -x : x % 5 === 1 ? x * 1_000_000 : x % 2;
        const letter = String.fromCharCode(97 + (x % 26));
        return [x * 3, n, letter.repeat(((x * 37) % (pageSize * 3)) * 2)];
      });
      assert.deepEqual(rowsOf(make(pageSize, rows)), expected);
    });
  }

  test('a table that is not there', () => {
    const reader = new SqliteReader(new MemoryContent(make(512, 1)));
    assert.equal(reader.rootOf('missing'), undefined);
  });

  test('UTF-16 is refused', () => {
    const bytes = make(512, 1);
    bytes[59] = 2;
    assert.throws(() => new SqliteReader(new MemoryContent(bytes)), { code: 'ENOTSUP' });
  });

  test('pages that point at each other are refused', () => {
    const bytes = make(512, 3000);
    const view = new DataView(bytes.buffer);
    const root = new SqliteReader(new MemoryContent(bytes)).rootOf('Wanted') as number;
    view.setUint32((root - 1) * 512 + 8, root);
    assert.throws(() => rowsOf(bytes), { code: 'EUCLEAN' });
  });

  test('mutations', () => {
    fuzz({ seed: 3, rounds: 300, image: make(512, 200), mutations: 8, read: (bytes) => void rowsOf(bytes) });
  });
});
