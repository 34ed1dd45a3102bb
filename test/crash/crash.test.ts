import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsTool } from '../support/tools.ts';
import { baseImage, runWorkload } from './run.ts';
import { targets } from './targets.ts';
import { workloads } from './workloads.ts';

/** A sample of what scripts/proof-cuts.ts does at length. */
const SAMPLE = { seed: 20, samples: 10, exhaustive: 5, share: 0.04 };

describe('power cuts', () => {
  for (const target of targets) {
    test(target.name, { skip: needsTool(target.tool) }, () => {
      const base = baseImage(target);
      const failures: string[] = [];
      let cuts = 0;
      for (const workload of workloads(target.kind, 3, SAMPLE.seed)) {
        const outcome = runWorkload(target, base, workload, SAMPLE);
        cuts += outcome.cuts;
        failures.push(...outcome.failures.map((failure) => `${outcome.name}: ${failure}`));
      }
      assert.ok(cuts > 0, 'no cut was tried');
      assert.deepEqual(failures, []);
    });
  }
});
