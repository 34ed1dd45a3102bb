/**
 * Killed processes: `tsx scripts/proof-kill.ts [--kills N] [--size MIB] [--seed N] [--guestfish FILE]`. Runs guestfish on
 * raw and qcow2 images, kills it with SIGKILL at moments chosen by the seed, and has qemu-img and e2fsck look at what is
 * left; old files must be there. Prints a table. Needs `npm run build`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KillBench, killInputs, killJobs, killMany } from '../test/crash/kill.ts';
import { randomNumbers } from '../test/crash/recorder.ts';
import { needsTool } from '../test/support/tools.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '20' },
    size: { type: 'string', default: '1024' },
    seed: { type: 'string', default: '1' },
    guestfish: { type: 'string', default: join(import.meta.dirname, '../dist/bin/guestfish.cjs') },
  },
});
const missing = needsTool('mke2fs', 'qemu-img', 'blkid');
if (missing !== false) {
  process.stdout.write(`skipped: ${missing}\n`);
  process.exit();
}
const random = randomNumbers(Number(values.seed));
const bytes = Number(values.size) * 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'guestfs-kill-'));
let failed = 0;
try {
  const inputs = killInputs(folder, bytes, 4000);
  process.stdout.write('| killed in | image | kills | after its end | failures |\n|---|---|---|---|---|\n');
  for (const job of killJobs(bytes)) {
    if (positionals.length > 0 && !positionals.includes(job.name)) continue;
    for (const format of ['raw', 'qcow2'] as const) {
      const bench = new KillBench(folder, job, format, [process.execPath, values.guestfish], inputs);
      const { kills, ended, failures } = await killMany(bench, Number(values.kills), random);
      failed += failures.length;
      process.stdout.write(`| ${job.name} | ${format} | ${kills} | ${ended} | ${failures.length} |\n`);
      for (const failure of failures) process.stderr.write(`${job.name}, ${format}: ${failure}\n`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;
