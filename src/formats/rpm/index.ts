import { HashDatabase } from '../berkeley-db/reader.ts';
import type { Blob, FileContent } from '../content.ts';
import { ndbBlobs } from '../ndb/index.ts';
import { LARGEST_DATABASE, PackageBudget, type PackageRecord } from '../package.ts';
import { SqliteReader } from '../sqlite/reader.ts';
import { columnsOf, isBlob } from '../sqlite/record.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import { parseRpmHeader } from './header.ts';

/** How rpm keeps its packages: `Packages` (Berkeley DB), `Packages.db` (ndb) or `rpmdb.sqlite`. */
export type RpmBackend = 'bdb' | 'ndb' | 'sqlite';

/** The headers of the database, in its order. */
function* headers(backend: RpmBackend, content: FileContent, wal?: FileContent): Generator<Blob, void> {
  if (backend === 'ndb') {
    yield* ndbBlobs(content);
  } else if (backend === 'bdb') {
    for (const { key, value } of new HashDatabase(content).pairs()) {
      // Key 0 keeps the number that the next package gets.
      if (key.some((byte) => byte !== 0)) yield value;
    }
  } else {
    const database = new SqliteReader(content, wal);
    const root = database.rootOf('Packages');
    if (root === undefined) throw new CorruptError('rpmdb.sqlite', 'has no table Packages');
    for (const { record } of database.rows(root)) {
      const column = columnsOf(record).find(isBlob);
      if (column === undefined) continue;
      const { offset, size } = column;
      yield { size, prefix: (length) => record.prefix(offset + length).subarray(offset) };
    }
  }
}

/**
 * The packages of an rpm database in the database's own order. `wal` is the log beside rpmdb.sqlite, if there is
 * one. Throws CorruptError for a damaged database, EFBIG for one of more than 512 MiB or 200000 packages. The
 * pseudo-packages of imported keys (`gpg-pubkey`) are among them, as `rpm -qa` shows them.
 */
export function* rpmPackages(
  backend: RpmBackend,
  content: FileContent,
  wal?: FileContent,
): Generator<PackageRecord, void> {
  if (content.size > LARGEST_DATABASE) {
    throw new GuestfsError(
      'EFBIG',
      `the rpm database has ${content.size} bytes, at most ${LARGEST_DATABASE} are read`,
    );
  }
  const budget = new PackageBudget('the rpm database');
  for (const blob of headers(backend, content, wal)) {
    const record = parseRpmHeader(blob);
    if (record !== undefined) yield budget.add(record);
  }
}
