/**
 * Brings the support table of README.md up to date: `tsx scripts/support-table.ts LOG [--check]`. LOG is what a run
 * of the tests with `GUESTFS_ACTION_LOG=LOG` wrote: one JSON string a line, the names of the actions that ended
 * well. With `--check` it writes nothing and fails where the table differs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { supportTable, withSupportTable } from './generate/support.ts';

const [log] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
if (log === undefined) {
  process.stderr.write('usage: support-table.ts LOG [--check]\n');
  process.exit(2);
}
const names = readFileSync(log, 'utf8').split('\n').filter(Boolean);
const proven = new Set(names.map((line) => JSON.parse(line) as string));
const readme = join(import.meta.dirname, '..', 'README.md');
const old = readFileSync(readme, 'utf8');
const text = withSupportTable(old, supportTable(proven));
if (text === old) process.exit(0);
if (process.argv.includes('--check')) {
  process.stderr.write('the support table of README.md is stale: run scripts/support-table.ts\n');
  process.exit(1);
}
writeFileSync(readme, text);
