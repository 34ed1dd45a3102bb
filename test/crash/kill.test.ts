import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needsTool } from '../support/tools.ts';
import { KillBench, killInputs, killJobs, killMany } from './kill.ts';
import { randomNumbers } from './recorder.ts';
import { workFolder } from './targets.ts';

const BYTES = 24 * 1024 * 1024;
const program = [
  process.execPath,
  '--import',
  'tsx',
  join(import.meta.dirname, '../support/tool-main.ts'),
  'guestfish',
];

describe('a process that is killed (scripts/proof-kill.ts does it at length)', () => {
  const skip = needsTool('mke2fs', 'qemu-img', 'blkid', 'tar');
  const random = randomNumbers(11);
  for (const [index, job] of killJobs(BYTES).entries()) {
    const format = index % 2 === 0 ? 'qcow2' : 'raw';
    test(`${job.name}, ${format}`, { skip }, async () => {
      const folder = workFolder();
      try {
        const inputs = killInputs(folder, BYTES, 300);
        const bench = new KillBench(folder, job, format, program, inputs);
        const { kills, failures } = await killMany(bench, 1, random);
        assert.equal(kills, 1);
        assert.deepEqual(failures, []);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
