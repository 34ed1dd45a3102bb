import { join } from 'node:path';
import { compare, type Command } from './measure.ts';

/** One line of the table: a command of ours and one of a peer that do the same, as whole processes run in turn. */
export interface Benchmark {
  name: string;
  /** The ratio ours / peer that the project promises. */
  goal: number;
  ours: string;
  peer: string;
  peerName: string;
  /** Pairs of runs that are measured; 5 if not given. */
  runs?: number;
  /** Shell commands before each run of either, which are not measured. */
  prepare?: string;
  /** Files that the two leave, whose allocated bytes are compared too, and the promised ratio. */
  allocated?: { ours: string; peer: string; goal: number };
}

/** The checkout. */
export const ROOT = join(import.meta.dirname, '..');

/** Stock programs of libguestfs follow this: under emulation, as where there is no KVM. */
export const STOCK = 'LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg';

/** The command line of a tool as it was built. */
export function tool(name: string): string {
  return `node ${join(ROOT, 'dist', 'bin', `${name}.cjs`)}`;
}

function row(name: string, ours: string, peer: string, ratio: number, goal: number, rest: string): string {
  const verdict = ratio <= goal ? '' : ' (missed)';
  return `| ${name} | ${ours} | ${peer} | ${ratio.toPrecision(3)} | ${goal}${verdict} | ${rest} |\n`;
}

/** The head of the table. */
export const TABLE_HEAD =
  '| what | ours ms | peer ms | ratio | goal | peak MB | peer |\n|---|---|---|---|---|---|---|\n';

/** Run a benchmark and give its line of the table. */
export function measure({ name, goal, ours, peer, peerName, ...rest }: Benchmark): string {
  const { runs = 5, prepare, allocated } = rest;
  const a: Command = { label: name, shell: ours };
  const b: Command = { label: peerName, shell: peer };
  if (allocated !== undefined) {
    a.leaves = allocated.ours;
    b.leaves = allocated.peer;
  }
  const result = compare(a, b, runs, prepare);
  const { memory } = result;
  const megabytes = memory === undefined ? '?' : (memory / 1024).toFixed(0);
  const times = [result.ours.toFixed(0), result.peer.toFixed(0)] as const;
  let text = row(name, ...times, result.ratio, goal, `${megabytes} | ${peerName}`);
  if (allocated !== undefined) {
    const { ours: kib, peer: peerKib } = result.allocated;
    const sizes = [`${kib} KiB`, `${peerKib} KiB`] as const;
    text += row(`${name}: allocated`, ...sizes, kib / peerKib, allocated.goal, ` | ${peerName}`);
  }
  return text;
}
