/**
 * Writes what is derived from the action records: `npm run generate`. With `--check` it writes nothing and fails
 * if a file on disk differs from what it would write.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { manPages } from '../man/man-pages.ts';
import { apiDocs } from './api-docs.ts';
import { daemonContract } from './daemon-contract.ts';
import { handleMethods } from './handle-methods.ts';
import { runtimeTable } from './runtime-table.ts';
import { structTypes } from './struct-types.ts';

const root = join(import.meta.dirname, '..', '..');
const files: Record<string, () => string> = {
  'src/actions/generated/table.ts': runtimeTable,
  'src/actions/generated/structs.ts': structTypes,
  'src/daemon/generated/contract.ts': daemonContract,
  'src/handle/generated/methods.ts': handleMethods,
};
for (const [name, text] of Object.entries({ ...apiDocs(), ...manPages() })) files[name] = () => text;

const check = process.argv.includes('--check');
let stale = 0;
for (const [name, make] of Object.entries(files)) {
  const path = join(root, name);
  const text = make();
  let old = '';
  try {
    old = readFileSync(path, 'utf8');
  } catch {
    // Not there yet: counts as stale.
  }
  if (old === text) continue;
  stale++;
  if (check) {
    process.stderr.write(`stale: ${name} (run npm run generate)\n`);
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    process.stdout.write(`wrote ${name}\n`);
  }
}
process.exitCode = check && stale > 0 ? 1 : 0;
