/**
 * A sample of scripts/compare-backends.ts: the same commands on the engine and in the appliance, and some that only the
 * appliance has.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { compareLists, obstacle } from '../support/compare-lists.ts';
import { temporaryFolder } from '../support/tools.ts';
import { runKernelCommands } from '../support/run-kernel-commands.ts';

/** Quick ones of kernel-commands.txt that do not need each other. */
const KERNEL =
  /^(utsname|debug-upload|internal-upload|blockdev-\S+|internal-rhbz914931|md-\S+|dmesg|internal-exit)/;

describe('engine and appliance', { skip: obstacle() }, () => {
  const minutes = 60_000;
  const { path, remove } = temporaryFolder();
  before(() => {
    // Handles of the lists take it from there.
    process.env['LIBGUESTFS_CACHEDIR'] = path;
  });
  after(remove);

  test('answer alike to what reads', { timeout: 10 * minutes }, async () => {
    const { commands, unlisted } = await compareLists('read');
    assert.deepEqual(unlisted, []);
    assert.ok(commands > 300);
  });

  test('answer alike to what writes', { timeout: 10 * minutes }, async () => {
    const { unlisted } = await compareLists('write', (_command, index) => index < 220);
    assert.deepEqual(unlisted, []);
  });

  test('fail alike', { timeout: 10 * minutes }, async () => {
    // What is asked with nothing mounted; scripts/compare-backends.ts asks much more.
    const { unlisted, failed } = await compareLists(
      'errors',
      (_command, index) => index < 240 && index % 3 === 0,
    );
    assert.deepEqual(unlisted, []);
    assert.ok(failed.size > 60, String(failed.size));
  });

  test('and the appliance does what only a kernel can', { timeout: 10 * minutes }, async () => {
    const { failures } = await runKernelCommands((command) => KERNEL.test(command));
    assert.deepEqual(failures, []);
  });
});
