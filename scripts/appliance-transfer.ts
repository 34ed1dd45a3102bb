/**
 * How long small calls and transfers take, without KVM: `tsx scripts/appliance-transfer.ts [MIB] [ROUNDS]`. Each round runs
 * libguestfs's library and ours, each with libguestfs's appliance and with ours, so that what the machine does besides
 * falls on all alike; prints medians, on the clock and of the processors, and their ratios to libguestfs's own pair beside
 * the goals. MIB is the size of the transfers, 1024 by default. Needs the built package and libguestfs's Perl library; says so and ends well where
 * something is missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedAppliance, daemonBundle } from '../src/backends/appliance/build/locate.ts';
import { hasPerlModule, hasTool } from '../test/support/tools.ts';
import { stockAppliance } from './stock-appliance.ts';

const root = join(import.meta.dirname, '..');
const library = join(root, 'dist', 'index.js');
const clients = join(root, 'bench', 'transfer');
const mebibytes = Number(process.argv[2] ?? 1024);
const rounds = Number(process.argv[3] ?? 3);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** What a client prints: milliseconds on the clock and of the processors; MiB. */
interface Measured {
  times: Record<string, [number, number]>;
  memory?: number;
}

const daemon = daemonBundle();
const stock = hasPerlModule('Sys::Guestfs') && hasTool('qemu-system-x86_64') ? stockAppliance() : undefined;
if (daemon === undefined || !existsSync(library) || stock === undefined) {
  say("SKIPPED: the built package, qemu-system-x86_64, libguestfs or libguestfs's Perl library is missing");
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'transfer-'));

/** Goals of the ratios to libguestfs's own pair. */
const GOALS: Record<string, Record<string, number>> = {
  'ours, our appliance': { 'ping, first 50': 3, 'ping, warm': 2, upload: 0.7, download: 0.7 },
  'ours, its appliance': { upload: 1, download: 1 },
  'libguestfs, our appliance': { upload: 1, download: 1 },
};
const MEMORY_GOAL = 150;

function run(name: string, args: readonly string[], environment: Record<string, string> = {}): Measured {
  const disk = join(folder, 'disk.img');
  rmSync(disk, { force: true });
  writeFileSync(disk, '');
  truncateSync(disk, (mebibytes * 2 + 256) * 1024 * 1024);
  const [program = '', ...rest] = args.map((word) => (word === 'DISK' ? disk : word));
  const ended = spawnSync(program, rest, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  if (ended.status !== 0) throw new Error(`${name} ended with status ${ended.status}`);
  return JSON.parse(ended.stdout) as Measured;
}

const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

try {
  const own = await cachedAppliance(folder, { daemon });
  const file = join(folder, 'file');
  const block = Buffer.from(Uint8Array.from({ length: 1024 * 1024 }, (_, i) => (i * 7919 + (i >> 9)) & 255));
  writeFileSync(file, '');
  for (let i = 0; i < mebibytes; i++) writeFileSync(file, block, { flag: 'a' });
  const ours = (path: string): Measured =>
    run('our library', [process.execPath, join(clients, 'client.mjs'), library, path, 'DISK', file, folder]);
  const theirs = (path: string): Measured =>
    run('libguestfs', ['perl', join(clients, 'client.pl'), 'DISK', file], {
      LIBGUESTFS_BACKEND: 'direct',
      LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
      LIBGUESTFS_PATH: path,
    });
  const pairs: [string, () => Measured][] = [
    ['libguestfs, its appliance', () => theirs(stock)],
    ['libguestfs, our appliance', () => theirs(own)],
    ['ours, its appliance', () => ours(stock)],
    ['ours, our appliance', () => ours(own)],
  ];
  const all = new Map<string, Measured[]>(pairs.map(([name]) => [name, []]));
  ours(own);
  for (let round = 0; round < rounds; round++)
    for (const [name, measure] of pairs) all.get(name)?.push(measure());
  const value = (pair: string, what: string, part: 0 | 1): number =>
    middle((all.get(pair) ?? []).map(({ times }) => times[what]?.[part] ?? Number.NaN));
  const base = pairs[0]?.[0] as string;
  say(
    `${mebibytes} MiB, ${rounds} rounds; milliseconds on the clock and of the processors, with ratios to the first`,
  );
  for (const what of ['ping, first 50', 'ping, warm', 'upload', 'download']) {
    for (const [pair] of pairs) {
      const columns = ([0, 1] as const).map((part) => {
        const time = value(pair, what, part);
        return `${time.toFixed(2).padStart(10)} (${(time / value(base, what, part)).toFixed(2)})`;
      });
      const goal = GOALS[pair]?.[what];
      say(
        `${what.padEnd(15)} ${pair.padEnd(26)}${columns.join('')}${goal === undefined ? '' : `  goal ${goal}`}`,
      );
    }
  }
  const memory = Math.max(...[...all.values()].flat().map((one) => one.memory ?? 0));
  say(`memory of our side: ${memory.toFixed(0)} MiB, goal ${MEMORY_GOAL}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
