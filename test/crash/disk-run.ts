import { GuestfsError } from '../../src/errors/index.ts';
import { abbreviate } from '../support/abbreviate.ts';
import { needsTool } from '../support/tools.ts';
import type { DiskJob } from './disk-jobs.ts';
import { extJobs } from './disk-ext.ts';
import { plansOf } from './errors.ts';
import { failingDevice, NEVER } from './failing-device.ts';
import { tableJobs } from './disk-jobs.ts';
import { fixClock } from '../../src/bytes/clock.ts';
import { seedRandom } from '../../src/crypto/random.ts';
import { cuts, record } from './recorder.ts';
import type { RunOptions } from './run.ts';

/** Everything that is done to whole disks, by kind. */
export const diskJobs: ReadonlyMap<string, readonly DiskJob[]> = byKind([...tableJobs, ...extJobs]);

function byKind(jobs: readonly DiskJob[]): Map<string, DiskJob[]> {
  const kinds = new Map<string, DiskJob[]>();
  for (const job of jobs) kinds.set(job.kind, [...(kinds.get(job.kind) ?? []), job]);
  return kinds;
}

/** Why the jobs of a kind cannot run here, or false. */
export function needsForJobs(jobs: readonly DiskJob[]): string | false {
  return needsTool(...new Set(jobs.flatMap(({ tools }) => tools)));
}

/** What came of one job. */
export interface DiskOutcome {
  name: string;
  /** States looked at, or failing calls tried. */
  runs: number;
  failures: string[];
}

/** What may be found, and what the failures are. */
class Judge {
  readonly outcome: DiskOutcome;
  readonly #job: DiskJob;
  readonly #allowed: ReadonlySet<string>;

  constructor(job: DiskJob, before: Uint8Array, after: Uint8Array) {
    this.#job = job;
    this.outcome = { name: job.name, runs: 0, failures: [] };
    this.#allowed = new Set([job.state(before.slice()), job.state(after.slice())]);
  }

  /** The image may be changed by the checker. */
  look(image: Uint8Array, words: string): void {
    this.outcome.runs++;
    let problem: string;
    try {
      const state = this.#job.state(image);
      if (this.#allowed.has(state) || this.#job.between?.(state) === true) return;
      problem = `is neither old nor new: ${state}`;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    this.fail(`${words}: ${problem}`);
  }

  fail(words: string): void {
    if (this.outcome.failures.length < 3)
      this.outcome.failures.push(abbreviate(`${this.#job.name}: ${words}`, 2000));
  }
}

/** Run with the clock and chance always the same, so that results can be compared. */
function fixed<T>(act: () => T): T {
  seedRandom('disk job');
  fixClock(1_700_000_000);
  try {
    return act();
  } finally {
    seedRandom(undefined);
    fixClock(undefined);
  }
}

/** Run a job on a recording device, then look at every state that a power cut may have left. */
export function cutJob(job: DiskJob, options: RunOptions): DiskOutcome {
  const before = fixed(() => job.before());
  const recorder = record(before);
  fixed(() => job.run(recorder.device));
  const after = before.slice();
  for (const step of recorder.steps) if (step.kind === 'write') after.set(step.bytes, step.offset);
  const judge = new Judge(job, before, after);
  if (recorder.steps.at(-1)?.kind === 'write') judge.fail('the last write is not flushed');
  for (const cut of cuts(recorder, options)) judge.look(cut.image, cut.name);
  return judge.outcome;
}

/**
 * Run a job again and again, each time with another call of the device failing; then run it once more on what that left,
 * with a device that works. Nothing but a GuestfsError may be thrown, and the disk must be the old or the new one.
 */
export function failJob(job: DiskJob, take: (call: number) => boolean): DiskOutcome {
  const before = fixed(() => job.before());
  const after = before.slice();
  const clean = failingDevice(after, NEVER);
  fixed(() => job.run(clean.device));
  const judge = new Judge(job, before, after);
  for (let at = 0; at < clean.calls(); at++) {
    for (const plan of plansOf(at)) {
      if (!take(at)) continue;
      const image = before.slice();
      const { device, failed } = failingDevice(image, plan);
      const words = `call ${at} fails with ${plan.code}${plan.forever ? ' from then on' : ''}`;
      const thrown = attempt(() => fixed(() => job.run(device)));
      if (thrown !== undefined && !(thrown instanceof GuestfsError)) {
        judge.fail(
          `${words} (${failed()}): throws ${thrown instanceof Error ? thrown.stack : String(thrown)}`,
        );
      }
      judge.look(image.slice(), `${words} (${failed()})`);
      const again = attempt(() => fixed(() => job.run(failingDevice(image, NEVER).device)));
      if (again !== undefined && !(again instanceof GuestfsError)) {
        judge.fail(`again after ${words}: throws ${again instanceof Error ? again.stack : String(again)}`);
      }
      judge.look(image, `again after ${words} (${failed()})`);
    }
  }
  return judge.outcome;
}

function attempt(act: () => void): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}
