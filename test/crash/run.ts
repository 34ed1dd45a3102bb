import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GuestfsError } from '../../src/errors/index.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import { cuts, record } from './recorder.ts';
import { writerOf } from '../random/world.ts';
import { abbreviate } from '../support/abbreviate.ts';
import { snapshot, type Snapshot } from './snapshot.ts';
import { workFolder, type Target } from './targets.ts';
import { judge } from './verdict.ts';
import { Actor, canRun, populate, type Workload } from './workloads.ts';

/** What came of one workload. */
export interface Outcome {
  name: string;
  cuts: number;
  /** What a cut broke, the first few. */
  failures: string[];
}

/** An image of the target with the files that all workloads begin with. */
export function baseImage(target: Target): Uint8Array {
  const folder = workFolder();
  try {
    const path = join(folder, 'base');
    target.make(path);
    const bytes = new Uint8Array(readFileSync(path));
    const actor = act(target, bytes);
    populate(actor);
    actor.fs.close();
    return bytes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function act(target: Target, bytes: Uint8Array): Actor {
  const fs = target.open(memoryDevice(bytes));
  return new Actor(fs, writerOf(fs));
}

/** How thorough to be. */
export interface RunOptions {
  seed: number;
  samples: number;
  exhaustive: number;
  /** Default 1. */
  tears?: number;
  /** Share of the states that are tried, 0 to 1. */
  share: number;
}

/** Run a workload on a recording device, then look at every state that a power cut may have left. */
export function runWorkload(
  target: Target,
  base: Uint8Array,
  workload: Workload,
  options: RunOptions,
): Outcome {
  const recorder = record(base);
  const fs = target.open(recorder.device);
  const actor = new Actor(fs, writerOf(fs));
  const snapshots: Snapshot[] = [snapshot(fs)];
  /** Flushes that had returned when so many operations were durable. */
  const durable: { flushes: number; operations: number }[] = [];
  const flushes = (): number => recorder.steps.filter(({ kind }) => kind === 'flush').length;
  const ran: string[] = [];
  for (const operation of workload) {
    if (!canRun(actor, operation)) continue;
    try {
      operation.run(actor);
    } catch (error) {
      // Not every filesystem can reserve space; what else fails is a failure.
      if (!(error instanceof GuestfsError) || error.code !== 'ENOTSUP') throw error;
      continue;
    }
    ran.push(operation.name);
    snapshots.push(snapshot(fs));
    if (operation.name === 'sync') durable.push({ flushes: flushes(), operations: snapshots.length - 1 });
  }
  fs.close();
  durable.push({ flushes: flushes(), operations: snapshots.length - 1 });
  const hasRename = ran.some((name) => name.startsWith('rename'));
  const history = { snapshots, mixed: actor.mixed };
  const outcome: Outcome = { name: ran.join(', '), cuts: 0, failures: [] };
  for (const cut of cuts(recorder, options)) {
    outcome.cuts++;
    const least = Math.max(
      0,
      ...durable.filter((at) => at.flushes <= cut.flushes).map((at) => at.operations),
    );
    const problem = examine(target, cut.image, hasRename, (found) =>
      judge(found, history, least, target.atomic),
    );
    if (problem !== undefined && outcome.failures.length < 3)
      outcome.failures.push(abbreviate(`${cut.name}: ${problem}`, 2000));
  }
  return outcome;
}

/** Have what a workload left checked, opened and judged; what is wrong with it. */
export function examine(
  target: Target,
  image: Uint8Array,
  hasRename: boolean,
  verdict: (found: Snapshot) => string | undefined,
): string | undefined {
  const checked = target.check(image, hasRename);
  if (checked.problem !== undefined) return checked.problem;
  try {
    const fs = target.open(memoryDevice(checked.image, { writable: false }));
    const found = snapshot(fs);
    fs.close();
    return verdict(found);
  } catch (error) {
    // Inside a rename a directory has both its names until the checker has taken one away.
    if (target.kind === 'fat' && hasRename && /part of two directories/.test(String(error))) return undefined;
    return `cannot be read: ${String(error)}`;
  }
}
