/**
 * Random operations: `tsx scripts/proof-random.ts [TARGET...] [--operations N] [--batch N] [--seed N] [--rounds N]
 * [--kernel N]`.
 * Applies operations chosen by a seed to filesystems that real tools made and to a model, and compares all files after
 * each batch: in the running session, opened again, and mounted by the kernel (as root), with e2fsck or fsck.fat.
 * Prints a table.
 */
import { parseArgs } from 'node:util';
import { randomQcow2, runRandomQcow2 } from '../test/random/qcow2.ts';
import { runRandom } from '../test/random/run.ts';
import { randomTargets } from '../test/random/targets.ts';
import { hasTool } from '../test/support/tools.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    operations: { type: 'string', default: '2000' },
    batch: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    kernel: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '1' },
  },
});
let failed = 0;
process.stdout.write(
  '| filesystem | operations | full | checks | by the kernel | failures |\n|---|---|---|---|---|---|\n',
);
for (const target of randomTargets) {
  if (positionals.length > 0 && !positionals.includes(target.name)) continue;
  if (!hasTool(target.tool)) {
    process.stdout.write(`| ${target.name} | skipped: ${target.tool} is missing | | | | |\n`);
    continue;
  }
  const sum = { operations: 0, full: 0, checks: 0, mounts: 0, failures: 0 };
  for (let round = 0; round < Number(values.rounds); round++) {
    const outcome = runRandom(target, {
      seed: Number(values.seed) + round,
      operations: Number(values.operations),
      batch: Number(values.batch),
      kernel: Number(values.kernel),
    });
    sum.operations += outcome.operations;
    sum.full += outcome.full;
    sum.checks += outcome.checks;
    sum.mounts += outcome.mounts;
    if (outcome.failure === undefined) continue;
    sum.failures++;
    process.stderr.write(`${outcome.failure}\n`);
  }
  failed += sum.failures;
  process.stdout.write(`| ${[target.name, ...Object.values(sum)].join(' | ')} |\n`);
}
process.stdout.write('\n| image | operations | checks | failures |\n|---|---|---|---|\n');
for (const target of randomQcow2) {
  if (positionals.length > 0 && !positionals.includes(target.name)) continue;
  if (!hasTool('qemu-img')) {
    process.stdout.write(`| ${target.name} | skipped: qemu-img is missing | | |\n`);
    continue;
  }
  const sum = { operations: 0, checks: 0, failures: 0 };
  for (let round = 0; round < Number(values.rounds); round++) {
    const outcome = await runRandomQcow2(target, {
      seed: Number(values.seed) + round,
      operations: Number(values.operations),
      batch: Number(values.batch),
    });
    sum.operations += outcome.operations;
    sum.checks += outcome.checks;
    if (outcome.failure === undefined) continue;
    sum.failures++;
    process.stderr.write(`${outcome.failure}\n`);
  }
  failed += sum.failures;
  process.stdout.write(`| ${[target.name, ...Object.values(sum)].join(' | ')} |\n`);
}
process.exitCode = failed > 0 ? 1 : 0;
