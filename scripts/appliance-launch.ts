/**
 * How long a launch takes until the first answer, ours beside libguestfs's in the same run, without KVM:
 * `tsx scripts/appliance-launch.ts [ROUNDS]`. Runs `libguestfs`'s guestfish with its own appliance and with ours, and our
 * library with ours, booted and out of a saved machine; prints the times and their ratios. Also looks that no machine
 * is left behind. Needs the built package; says so and ends well where qemu or libguestfs is missing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedAppliance, daemonBundle } from '../src/backends/appliance/build/locate.ts';
import { hasTool } from '../test/support/tools.ts';

const STOCK = '/usr/bin/guestfish';
const rounds = Number(process.argv[2] ?? 1);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const daemon = process.env['GUESTFSD'] ?? daemonBundle();
if (daemon === undefined || !hasTool('qemu-system-x86_64') || !existsSync(STOCK)) {
  say('SKIPPED: dist/bin/guestfsd.cjs, qemu-system-x86_64 or libguestfs is missing');
  process.exit(0);
}
// As who installed the package: a source that is translated on the way loads more slowly.
const { Guestfs } = (await import(
  new URL('../dist/index.js', import.meta.url).href
)) as typeof import('../src/index.ts');
const folder = mkdtempSync(join(tmpdir(), 'launch-'));
const disk = join(folder, 'disk.img');
writeFileSync(disk, '');
truncateSync(disk, 64 * 1024 * 1024);

/** Milliseconds from the start of libguestfs's guestfish to its first answer. */
async function stock(path: string | undefined): Promise<number> {
  const started = performance.now();
  const child = spawn(STOCK, ['--ro', '--format=raw', '-a', disk, 'run', ':', 'list-devices'], {
    env: {
      ...process.env,
      LIBGUESTFS_BACKEND: 'direct',
      LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
      ...(path === undefined ? {} : { LIBGUESTFS_PATH: path }),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const answered = new Promise<number>((resolve, reject) => {
    child.stdout.once('data', () => resolve(performance.now() - started));
    child.once('exit', (status) =>
      reject(new Error(`guestfish ended with status ${status} before it answered`)),
    );
  });
  const time = await answered;
  await new Promise((resolve) => child.once('close', resolve));
  return time;
}

/** The same of our library. */
async function ours(path: string, saved: boolean): Promise<number> {
  const g = new Guestfs({ environment: false });
  await g.setBackend('appliance');
  await g.setBackendSettings(['force_tcg', `saved_machine=${saved ? 1 : 0}`]);
  await g.setPath(path);
  await g.setCachedir(folder);
  await g.addDrive(disk, { readonly: true, format: 'raw' });
  const started = performance.now();
  await g.launch();
  const devices = await g.listDevices();
  const time = performance.now() - started;
  if (devices.join() !== '/dev/sda') throw new Error(`found ${devices.join()}, expected /dev/sda`);
  await g.close();
  return time;
}

const middle = (times: number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] as number;

try {
  const started = performance.now();
  const path = await cachedAppliance(folder, { daemon });
  say(`building the appliance: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await stock(undefined);
  const first = await ours(path, true);
  say(`first launch, which leaves a saved machine: ${(first / 1000).toFixed(1)} s`);
  const times: Record<string, number[]> = {};
  const runs: [string, () => Promise<number>][] = [
    ['libguestfs', () => stock(undefined)],
    ['libguestfs with our appliance', () => stock(path)],
    ['ours, booted', () => ours(path, false)],
    ['ours, restored', () => ours(path, true)],
  ];
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of runs) (times[name] ??= []).push(await run());
  }
  const base = middle(times['libguestfs'] as number[]);
  for (const [name, all] of Object.entries(times)) {
    const time = middle(all);
    say(`${name.padEnd(32)} ${(time / 1000).toFixed(2).padStart(6)} s  ${(time / base).toFixed(3)}`);
  }
  const left = spawnSync('pgrep', ['-f', folder], { encoding: 'utf8' }).stdout.trim();
  if (left !== '') throw new Error(`still running: ${left}`);
  const places = readdirSync(tmpdir()).filter((name) => /^guestfs-......$/.test(name));
  if (places.length > 0) say(`folders of running handles in ${tmpdir()}: ${places.join(' ')}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
