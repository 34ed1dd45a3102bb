import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ToolError, UsageError } from '../common/usage-error.ts';
import { newSize, planLayout, type PlanInput, type Request } from './plan.ts';

const MIB = 1024 * 1024;

function input(requests: Record<string, Request>, over: Partial<PlanInput> = {}): PlanInput {
  return {
    partitions: [
      { device: '/dev/sda1', number: 1, start: MIB, size: 100 * MIB, extended: false },
      { device: '/dev/sda2', number: 2, start: 101 * MIB, size: 500 * MIB, extended: false },
    ],
    requests: new Map(Object.entries(requests)),
    targetSize: 2048 * MIB,
    sectorSize: 512,
    alignment: 128,
    table: 'mbr',
    alignFirst: false,
    extra: true,
    ...over,
  };
}

describe('layout of a resized disk', () => {
  test('a plain copy leaves a partition of what is left', () => {
    const plan = planLayout(input({}));
    assert.deepEqual(
      plan.partitions.map(({ start, size }) => [start / MIB, size / MIB]),
      [
        [1, 100],
        [101, 500],
      ],
    );
    assert.deepEqual(plan.extra, { start: 601 * MIB, size: (2048 - 601) * MIB });
  });
  test('expand takes everything to the end, and with a GPT leaves room for its copy', () => {
    const mbr = planLayout(input({ '/dev/sda2': { kind: 'expand' } }));
    assert.equal(mbr.partitions[1]?.size, (2048 - 101) * MIB);
    assert.equal(mbr.extra, undefined);
    const gpt = planLayout(input({ '/dev/sda1': { kind: 'expand' } }, { table: 'gpt' }));
    const [first, second] = gpt.partitions;
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(second.start % (128 * 512), 0);
    assert.ok(second.start >= first.start + first.size);
    assert.ok(second.start + second.size <= 2048 * MIB - 34 * 512);
  });
  test('a deleted first partition leaves its room to those behind it', () => {
    const plan = planLayout(input({ '/dev/sda1': { kind: 'delete' } }, { targetSize: 501 * MIB }));
    assert.deepEqual(
      plan.partitions.map(({ start, size }) => [start / MIB, size / MIB]),
      [[1, 500]],
    );
  });
  test('shrink takes away just what is missing', () => {
    const plan = planLayout(input({ '/dev/sda2': { kind: 'shrink' } }, { targetSize: 400 * MIB }));
    assert.equal(plan.partitions[1]?.size, 299 * MIB);
  });
  test('what does not fit is an error that says how much is missing', () => {
    assert.throws(() => planLayout(input({}, { targetSize: 500 * MIB })), /need 101M more/);
    const expand = input({ '/dev/sda2': { kind: 'expand' } }, { targetSize: 500 * MIB });
    assert.throws(() => planLayout(expand), /need 101M more/, 'what is to grow is not shrunk');
    const huge: Request = { kind: 'shrink' };
    assert.throws(() => planLayout(input({ '/dev/sda1': huge }, { targetSize: 400 * MIB })), ToolError);
  });
  test('sizes', () => {
    assert.equal(newSize('10M', 5 * MIB, 'x'), 10 * MIB);
    assert.equal(newSize('+1M', 5 * MIB, 'x'), 6 * MIB);
    assert.equal(newSize('-1M', 5 * MIB, 'x'), 4 * MIB);
    assert.equal(newSize('50%', 5 * MIB, 'x'), 2.5 * MIB);
    assert.equal(newSize('+100%', 5 * MIB, 'x'), 10 * MIB);
    assert.throws(() => newSize('-100%', 5 * MIB, 'x'), UsageError);
  });
});
