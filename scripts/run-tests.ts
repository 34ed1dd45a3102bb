/**
 * Runs the tests: `tsx scripts/run-tests.ts [PATH...]`, each path a folder or a test file (default: src, test and
 * examples). Every test file runs in a process of its own, two at a time.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

function testFiles(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(path, name))
    .toSorted();
}

const args = process.argv.slice(2);
const places = args.length > 0 ? args : ['src', 'test', 'examples'].map((name) => join(root, name));
const files = places.flatMap(testFiles);
if (files.length === 0) {
  process.stderr.write(`no test file below ${places.join(' ')}\n`);
  process.exit(1);
}
// A full run proves which actions work; scripts/support-table.ts turns the log into the table of the README.
const full = args.length === 0;
const log = join(root, '.cache', 'actions.log');
if (full) {
  mkdirSync(join(root, '.cache'), { recursive: true });
  rmSync(log, { force: true });
}
const result = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-concurrency=2', '--test-reporter=spec', ...files],
  { stdio: 'inherit', cwd: root, env: full ? { GUESTFS_ACTION_LOG: log, ...process.env } : process.env },
);
process.exit(result.status ?? 1);
