/**
 * Failing devices: `tsx scripts/proof-errors.ts [TARGET...] [--sampled N] [--share S] [--seed N]`. Runs workloads on a
 * device of which one call after the other fails: once or for good, with EIO or ENOSPC. Prints a table.
 */
import { parseArgs } from 'node:util';
import { runErrors } from '../test/crash/errors.ts';
import { randomNumbers } from '../test/crash/recorder.ts';
import { baseImage } from '../test/crash/run.ts';
import { diskJobs, failJob, needsForJobs } from '../test/crash/disk-run.ts';
import { targets } from '../test/crash/targets.ts';
import { workloads } from '../test/crash/workloads.ts';
import { hasTool } from '../test/support/tools.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sampled: { type: 'string', default: '5' },
    share: { type: 'string', default: '0.5' },
    seed: { type: 'string', default: '1' },
  },
});
const random = randomNumbers(Number(values.seed));
let failed = 0;
process.stdout.write('| failing devices under | workloads | failing calls | failures |\n|---|---|---|---|\n');
for (const target of targets) {
  if (positionals.length > 0 && !positionals.includes(target.name)) continue;
  if (!hasTool(target.tool)) {
    process.stdout.write(`| ${target.name} | skipped: ${target.tool} is missing | | |\n`);
    continue;
  }
  const base = baseImage(target);
  const all = workloads(target.kind, Number(values.sampled), Number(values.seed));
  let runs = 0;
  let failures = 0;
  for (const workload of all) {
    const outcome = runErrors(target, base, workload, () => random() < Number(values.share));
    runs += outcome.runs;
    failures += outcome.failures.length;
    for (const failure of outcome.failures) process.stderr.write(`${target.name}: ${failure}\n`);
  }
  failed += failures;
  process.stdout.write(`| ${target.name} | ${all.length} | ${runs} | ${failures} |\n`);
}
for (const [kind, jobs] of diskJobs) {
  if (positionals.length > 0 && !positionals.includes(kind)) continue;
  const missing = needsForJobs(jobs);
  if (missing !== false) {
    process.stdout.write(`| ${kind} | skipped: ${missing} | | |\n`);
    continue;
  }
  let runs = 0;
  let failures = 0;
  for (const job of jobs) {
    const outcome = failJob(job, () => random() < Number(values.share));
    // The states that the failure left, and those after the job was done again.
    runs += outcome.runs / 2;
    failures += outcome.failures.length;
    for (const failure of outcome.failures) process.stderr.write(`${kind}: ${failure}\n`);
  }
  failed += failures;
  process.stdout.write(`| ${kind} | ${jobs.length} | ${runs} | ${failures} |\n`);
}
process.exitCode = failed > 0 ? 1 : 0;
