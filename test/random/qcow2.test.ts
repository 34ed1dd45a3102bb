import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsTool } from '../support/tools.ts';
import { randomQcow2, runRandomQcow2 } from './qcow2.ts';

describe(
  'random operations on qcow2 images against a model and QEMU',
  { skip: needsTool('qemu-img') },
  () => {
    for (const target of randomQcow2) {
      test(target.name, async () => {
        const outcome = await runRandomQcow2(target, { seed: 5, operations: 120, batch: 30 });
        assert.equal(outcome.failure, undefined);
        assert.equal(outcome.operations, 120);
      });
    }
  },
);
