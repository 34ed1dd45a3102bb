/**
 * All proofs one after the other: `npm run proof`, with `-- --quick` in a tenth of the time. Prints the tables of
 * proof-cuts.ts, proof-errors.ts, proof-random.ts and proof-kill.ts.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const quick = process.argv.includes('--quick');
const runs: readonly (readonly [script: string, full: readonly string[], quick: readonly string[]])[] = [
  ['proof-cuts.ts', [], ['--sampled', '5', '--samples', '50', '--share', '0.3']],
  ['proof-errors.ts', [], ['--sampled', '1', '--share', '0.05']],
  ['proof-random.ts', ['--rounds', '5'], ['--operations', '400']],
  ['proof-kill.ts', [], ['--kills', '3', '--size', '128']],
];
let failed = false;
for (const [script, full, short] of runs) {
  const { status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, script), ...(quick ? short : full)],
    { stdio: 'inherit', cwd: join(import.meta.dirname, '..') },
  );
  if (status !== 0) failed = true;
  process.stdout.write('\n');
}
process.exitCode = failed ? 1 : 0;
