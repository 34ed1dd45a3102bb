import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsTool } from '../support/tools.ts';
import { needsKernelMount } from './kernel.ts';
import { runRandom } from './run.ts';
import { randomTargets } from './targets.ts';

describe('random operations against a model (scripts/proof-random.ts does it at length)', () => {
  for (const target of randomTargets) {
    test(target.name, { skip: needsTool(target.tool) }, () => {
      const outcome = runRandom(target, { seed: 3, operations: 240, batch: 60, kernel: 2 });
      assert.equal(outcome.failure, undefined);
      assert.equal(outcome.operations, 240);
    });
  }

  test('the kernel reads what was written', { skip: needsKernelMount() || needsTool('mke2fs') }, () => {
    const [target] = randomTargets;
    assert.ok(target !== undefined);
    const outcome = runRandom(target, { seed: 4, operations: 50, batch: 50, kernel: 1 });
    assert.equal(outcome.failure, undefined);
    assert.equal(outcome.mounts, 1);
  });
});
