/**
 * Measures the tools against their peers, as whole processes run in turn: `npm run bench [-- PATTERN]`.
 * Needs root (kernel mounts as peers) and the guest that test/guest/make-debian.sh builds; it is built if absent.
 * Stock programs are called by absolute path, because ours carry the same names.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianGuest } from '../test/guest/debian-guest.ts';
import { measure, TABLE_HEAD } from './benchmark.ts';
import { convertingBenchmarks } from './converting.ts';
import { mountGuest } from './mounts.ts';
import { readingBenchmarks } from './reading.ts';
import { writingBenchmarks } from './writing.ts';

const pattern = new RegExp(process.argv[2] ?? '.');
const guest = debianGuest();
if ('reason' in guest) throw new Error(`no guest to measure on: ${guest.reason}`);
const work = mkdtempSync(join(tmpdir(), 'guestfs-bench-'));
const mounts = mountGuest(guest.image, work);

try {
  const benchmarks = [
    ...readingBenchmarks(guest.image, mounts, work),
    ...writingBenchmarks(mounts, work),
    ...convertingBenchmarks(guest.image, mounts, work),
  ];
  process.stdout.write(TABLE_HEAD);
  for (const benchmark of benchmarks) {
    if (pattern.test(benchmark.name)) process.stdout.write(measure(benchmark));
  }
} finally {
  mounts.release();
  execFileSync('rm', ['-f', '/dev/shm/guestfs-bench-ours.tar', '/dev/shm/guestfs-bench-peer.tar']);
  rmSync(work, { recursive: true, force: true });
}
