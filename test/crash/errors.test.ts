import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsTool } from '../support/tools.ts';
import { runErrors } from './errors.ts';
import { randomNumbers } from './recorder.ts';
import { baseImage } from './run.ts';
import { targets } from './targets.ts';
import { workloads } from './workloads.ts';

const MIB = 1024 * 1024;

describe('a device that fails (scripts/proof-errors.ts does it at length)', () => {
  for (const target of targets) {
    test(target.name, { skip: needsTool(target.tool) }, () => {
      const base = baseImage(target);
      const random = randomNumbers(7);
      let runs = 0;
      const failures: string[] = [];
      for (const workload of workloads(target.kind, 1, 7)) {
        const outcome = runErrors(
          target,
          base,
          workload,
          () => random() < (target.size > 16 * MIB ? 0.003 : 0.01),
        );
        runs += outcome.runs;
        failures.push(...outcome.failures);
      }
      assert.ok(runs > 0, 'nothing failed');
      assert.deepEqual(failures, []);
    });
  }
});
