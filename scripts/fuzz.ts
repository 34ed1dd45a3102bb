/**
 * Fuzzes longer than the tests do: `npm run fuzz [-- FACTOR [SEED]]` runs every test file that fuzzes with FACTOR
 * times the rounds (default 20), seeds moved by SEED (default: the time). The seed is printed, so that a failure can
 * be had again.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const [factor = '20', seed = String(Math.floor(Date.now() / 1000) % 1_000_000)] = process.argv.slice(2);
const files = ['src', 'test']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(root, folder, name),
    ),
  )
  .filter((path) => path.endsWith('.test.ts'))
  .filter((path) => /\bfuzz\(/.test(readFileSync(path, 'utf8')));
process.stdout.write(`fuzzing ${files.length} test files, factor ${factor}, seed ${seed}\n`);
const result = spawnSync(
  process.execPath,
  ['--import', 'tsx', join(root, 'scripts', 'run-tests.ts'), ...files],
  {
    stdio: 'inherit',
    cwd: root,
    env: { ...process.env, FUZZ_FACTOR: factor, FUZZ_SEED: seed },
  },
);
process.exit(result.status ?? 1);
