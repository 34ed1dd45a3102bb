import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cutJob, diskJobs, failJob, needsForJobs } from './disk-run.ts';
import { randomNumbers } from './recorder.ts';

/** Shares of what the scripts try: of cuts, and of calls that fail. */
const SHARES: Readonly<Record<string, readonly [cuts: number, calls: number]>> = {
  gpt: [1, 0.2],
  msdos: [1, 0.2],
  lvm: [0.3, 0.01],
  resize2fs: [0.01, 0.002],
  mkfs: [0.04, 0.004],
  tune: [0.1, 0.003],
};

describe('tables, volumes and whole filesystems (scripts/proof-cuts.ts and proof-errors.ts do it at length)', () => {
  for (const [kind, jobs] of diskJobs) {
    const [share, calls] = SHARES[kind] ?? [0.1, 0.01];
    const skip = needsForJobs(jobs);
    test(`${kind}: power cuts`, { skip }, () => {
      const failures: string[] = [];
      let runs = 0;
      for (const job of jobs) {
        const outcome = cutJob(job, { seed: 21, samples: 20, exhaustive: 5, tears: 3, share });
        runs += outcome.runs;
        failures.push(...outcome.failures);
      }
      assert.ok(runs > 0, 'no cut was tried');
      assert.deepEqual(failures, []);
    });

    test(`${kind}: a device that fails`, { skip }, () => {
      const random = randomNumbers(22);
      const failures: string[] = [];
      let runs = 0;
      for (const job of jobs) {
        const outcome = failJob(job, () => random() < calls);
        runs += outcome.runs;
        failures.push(...outcome.failures);
      }
      assert.ok(runs > 0, 'nothing failed');
      assert.deepEqual(failures, []);
    });
  }
});
