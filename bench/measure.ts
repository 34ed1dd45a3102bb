import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';

/** A command as a whole process; a shell runs it, so that it may redirect and pipe. */
export interface Command {
  label: string;
  shell: string;
  /** A file that it leaves, whose allocated bytes are noted. */
  leaves?: string;
}

/** What one run cost. */
interface Run {
  /** Milliseconds from start to exit. */
  wall: number;
  /** Peak resident memory of the largest process in KiB, where /usr/bin/time is there to tell. */
  memory: number | undefined;
  /** KiB that the file takes which it leaves. */
  allocated: number;
}

/** Medians of two commands that were run in turn. */
export interface Comparison {
  ours: number;
  peer: number;
  /** Median of the ratios ours / peer, pair by pair. */
  ratio: number;
  memory: number | undefined;
  /** KiB that the files take which the last runs left. */
  allocated: { ours: number; peer: number };
}

const TIME = '/usr/bin/time';

function runOnce(command: Command): Run {
  const timed = existsSync(TIME);
  const argv = timed
    ? [TIME, '-q', '-f', 'peak %M', 'bash', '-c', command.shell]
    : ['bash', '-c', command.shell];
  const start = process.hrtime.bigint();
  const result = spawnSync(argv[0] ?? '', argv.slice(1), {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  const wall = Number(process.hrtime.bigint() - start) / 1e6;
  if (result.status !== 0) {
    throw new Error(`${command.label}: exit status ${result.status}: ${result.stderr.slice(-500)}`);
  }
  const peak = /peak (\d+)\s*$/.exec(result.stderr);
  const allocated = command.leaves === undefined ? 0 : (statSync(command.leaves).blocks * 512) / 1024;
  return { wall, memory: peak === null ? undefined : Number(peak[1]), allocated };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/**
 * Run two commands in turn, after one run of each that does not count; `prepare` is a command that runs before each
 * and is not measured.
 */
export function compare(ours: Command, peer: Command, runs: number, prepare?: string): Comparison {
  const run = (command: Command): Run => {
    if (prepare !== undefined) runOnce({ label: `preparation of ${command.label}`, shell: prepare });
    return runOnce(command);
  };
  run(ours);
  if (runs > 1) run(peer);
  const pairs = Array.from({ length: runs }, () => ({ a: run(ours), b: run(peer) }));
  const memories = pairs.map(({ a }) => a.memory).filter((memory) => memory !== undefined);
  return {
    ours: median(pairs.map(({ a }) => a.wall)),
    peer: median(pairs.map(({ b }) => b.wall)),
    ratio: median(pairs.map(({ a, b }) => a.wall / b.wall)),
    allocated: { ours: pairs.at(-1)?.a.allocated ?? 0, peer: pairs.at(-1)?.b.allocated ?? 0 },
    memory: memories.length === 0 ? undefined : Math.max(...memories),
  };
}
