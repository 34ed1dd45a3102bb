/**
 * Runs the stock tools on the disks of this folder and keeps what they print in stock.json:
 * `tsx src/tools/golden/record.ts [NAME...]` (all cases, or those named). Needs libguestfs and guestfs-tools in
 * /usr/bin; every case starts a machine under TCG, so all of them take some minutes.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cases } from './cases.ts';

const here = import.meta.dirname;
const store = join(here, 'stock.json');

interface Recorded {
  status: number | null;
  stdout: string;
  stderr: string;
}

const wanted = process.argv.slice(2);
const known: Record<string, Recorded> = existsSync(store)
  ? (JSON.parse(readFileSync(store, 'utf8')) as Record<string, Recorded>)
  : {};
const work = mkdtempSync(join(tmpdir(), 'record-'));
try {
  for (const disk of ['a', 'b']) {
    execFileSync('zstd', ['-q', '-d', join(here, `${disk}.img.zst`), '-o', join(work, `${disk}.img`)]);
  }
  for (const { name, argv, stdin } of cases) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const started = Date.now();
    const run = spawnSync(`/usr/bin/${argv[0]}`, argv.slice(1), {
      cwd: work,
      input: stdin ?? '',
      encoding: 'latin1',
      timeout: 3_600_000,
      env: {
        ...process.env,
        LIBGUESTFS_BACKEND: 'direct',
        LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
        LC_ALL: 'C.UTF-8',
        TZ: 'UTC',
      },
    });
    known[name] = { status: run.status, stdout: run.stdout, stderr: run.stderr };
    process.stderr.write(`${name}: status ${run.status}, ${Date.now() - started} ms\n`);
    const sorted = Object.fromEntries(
      Object.keys(known)
        .toSorted()
        .map((key) => [key, known[key]]),
    );
    writeFileSync(store, `${JSON.stringify(sorted, null, 1)}\n`);
  }
} finally {
  rmSync(work, { recursive: true });
}
