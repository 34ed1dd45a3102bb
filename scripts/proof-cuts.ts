/**
 * Power cuts: `tsx scripts/proof-cuts.ts [TARGET...] [--sampled N] [--samples N] [--share S] [--tears N] [--seed N]`. Runs workloads on a
 * device that records every write and flush, then looks at each state that a cut may have left, with a real checker and
 * against the tree that was promised. Prints a table of workloads, cut points and failures.
 */
import { parseArgs } from 'node:util';
import { baseImage, runWorkload } from '../test/crash/run.ts';
import { cutJob, diskJobs, needsForJobs } from '../test/crash/disk-run.ts';
import { qcow2Targets, runQcow2Target } from '../test/crash/qcow2.ts';
import { targets } from '../test/crash/targets.ts';
import { workloads } from '../test/crash/workloads.ts';
import { hasTool } from '../test/support/tools.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sampled: { type: 'string', default: '20' },
    samples: { type: 'string', default: '200' },
    exhaustive: { type: 'string', default: '8' },
    share: { type: 'string', default: '1' },
    tears: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const options = {
  seed,
  samples: Number(values.samples),
  exhaustive: Number(values.exhaustive),
  share: Number(values.share),
  tears: Number(values.tears),
};
let failed = 0;
process.stdout.write('| power cuts in | workloads | cuts | failures |\n|---|---|---|---|\n');
for (const target of targets) {
  if (positionals.length > 0 && !positionals.includes(target.name)) continue;
  if (!hasTool(target.tool)) {
    process.stdout.write(`| ${target.name} | skipped: ${target.tool} is missing | | |\n`);
    continue;
  }
  const base = baseImage(target);
  let cuts = 0;
  const failures: string[] = [];
  const all = workloads(target.kind, Number(values.sampled), seed);
  for (const workload of all) {
    const outcome = runWorkload(target, base, workload, options);
    cuts += outcome.cuts;
    for (const failure of outcome.failures) failures.push(`${outcome.name}: ${failure}`);
    if (values.verbose)
      process.stderr.write(
        `${target.name}: ${outcome.name}: ${outcome.cuts} cuts, ${outcome.failures.length} failures\n`,
      );
  }
  failed += failures.length;
  process.stdout.write(`| ${target.name} | ${all.length} | ${cuts} | ${failures.length} |\n`);
  for (const failure of failures.slice(0, 10)) process.stderr.write(`${target.name}: ${failure}\n`);
}
for (const [kind, jobs] of diskJobs) {
  if (positionals.length > 0 && !positionals.includes(kind)) continue;
  const missing = needsForJobs(jobs);
  if (missing !== false) {
    process.stdout.write(`| ${kind} | skipped: ${missing} | | |\n`);
    continue;
  }
  let cuts = 0;
  const failures: string[] = [];
  for (const job of jobs) {
    const outcome = cutJob(job, options);
    cuts += outcome.runs;
    failures.push(...outcome.failures);
  }
  failed += failures.length;
  process.stdout.write(`| ${kind} | ${jobs.length} | ${cuts} | ${failures.length} |\n`);
  for (const failure of failures.slice(0, 10)) process.stderr.write(`${kind}: ${failure}\n`);
}
for (const target of qcow2Targets) {
  if (positionals.length > 0 && !positionals.includes(target.name)) continue;
  if (!hasTool('qemu-img') || !hasTool('qemu-io')) {
    process.stdout.write(`| ${target.name} | skipped: qemu-img or qemu-io is missing | | |\n`);
    continue;
  }
  const workloads = 2 * Number(values.sampled);
  const outcome = runQcow2Target(target, workloads, options);
  failed += outcome.failures.length;
  process.stdout.write(`| ${target.name} | ${workloads} | ${outcome.cuts} | ${outcome.failures.length} |\n`);
  for (const failure of outcome.failures.slice(0, 10)) process.stderr.write(`${target.name}: ${failure}\n`);
}
process.exitCode = failed > 0 ? 1 : 0;
