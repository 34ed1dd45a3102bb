/**
 * Brings the support table of README.md up to date: `tsx scripts/support-table.ts LOG [--check]`. LOG is what a run
 * of the tests with `GUESTFS_ACTION_LOG=LOG` wrote: one JSON string a line, the names of the actions that ended
 * well. What ended well in the appliance is in LOG.appliance, which scripts/compare-backends.ts makes. With `--check` it writes nothing and fails where the table differs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { supportTable, withSupportTable } from './generate/support.ts';

const [log] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
if (log === undefined) {
  process.stderr.write('usage: support-table.ts LOG [--check]\n');
  process.exit(2);
}

function names(file: string): Set<string> {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return new Set(lines.map((line) => JSON.parse(line) as string));
}

const proven = { engine: names(log), appliance: names(`${log}.appliance`) };
const readme = join(import.meta.dirname, '..', 'README.md');
const old = readFileSync(readme, 'utf8');
const text = withSupportTable(old, supportTable(proven));
if (text === old) process.exit(0);
if (process.argv.includes('--check')) {
  process.stderr.write('the support table of README.md is stale: run scripts/support-table.ts\n');
  process.exit(1);
}
writeFileSync(readme, text);
