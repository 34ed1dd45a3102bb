import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsTool } from '../support/tools.ts';
import { qcow2Targets, runQcow2Target } from './qcow2.ts';

/** A sample of what scripts/proof-cuts.ts does at length. */
const SAMPLE = { seed: 20, samples: 6, exhaustive: 5, share: 0.25, tears: 1 };

describe('power cuts of qcow2 images', { skip: needsTool('qemu-img', 'qemu-io') }, () => {
  for (const target of qcow2Targets) {
    test(target.name, () => {
      const { cuts, failures } = runQcow2Target(target, 4, SAMPLE);
      assert.ok(cuts > 0, 'no cut was tried');
      assert.deepEqual(failures, []);
    });
  }
});
