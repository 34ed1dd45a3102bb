import { GuestfsError } from '../../src/errors/index.ts';
import { failingDevice, NEVER, type FailurePlan } from './failing-device.ts';
import { abbreviate } from '../support/abbreviate.ts';
import { examine } from './run.ts';
import { snapshot, type Snapshot } from './snapshot.ts';
import type { Target } from './targets.ts';
import { judge } from './verdict.ts';
import { Actor, canRun, type Workload } from './workloads.ts';

/** What came of a workload whose device failed at many of its calls. */
export interface ErrorOutcome {
  name: string;
  /** Runs, each with another failure. */
  runs: number;
  failures: string[];
}

/** What one run gave. */
interface Run {
  image: Uint8Array;
  calls: number;
  snapshots: Snapshot[];
  mixed: ReadonlySet<string>;
  failed: string | undefined;
  /** What was thrown that is no GuestfsError. */
  crash: string | undefined;
  ran: string[];
}

/**
 * Run a workload again and again, each time with another call of the device failing: once or from then on, with EIO or as
 * a full host. Every call of the filesystem must work or throw a GuestfsError, whatever was called before, and the image
 * must be what a power cut may leave. `take` says which of the calls are tried.
 */
export function runErrors(
  target: Target,
  base: Uint8Array,
  workload: Workload,
  take: (call: number) => boolean,
): ErrorOutcome {
  const clean = attempt(target, base, workload, NEVER);
  const outcome: ErrorOutcome = { name: clean.ran.join(', '), runs: 0, failures: [] };
  if (clean.crash !== undefined) outcome.failures.push(`without failures: ${clean.crash}`);
  const hasRename = clean.ran.some((name) => name.startsWith('rename'));
  for (let at = 0; at < clean.calls; at++) {
    for (const plan of plansOf(at)) {
      if (!take(at)) continue;
      outcome.runs++;
      const run = attempt(target, base, workload, plan);
      const problem =
        run.crash ??
        examine(target, run.image, hasRename, (found) =>
          judge(found, histories(clean, run), 0, target.atomic),
        );
      if (problem === undefined || outcome.failures.length >= 3) continue;
      const how = `${plan.code}${plan.forever ? ' from then on' : ''}${plan.tears ? ', torn' : ''}`;
      outcome.failures.push(
        abbreviate(`${outcome.name}: call ${at} (${run.failed}) fails with ${how}: ${problem}`, 2000),
      );
    }
  }
  return outcome;
}

export function plansOf(at: number): FailurePlan[] {
  return [
    { at, forever: false, code: 'EIO', tears: false },
    { at, forever: true, code: 'EIO', tears: true },
    { at, forever: false, code: 'ENOSPC', tears: false },
    { at, forever: true, code: 'ENOSPC', tears: true },
  ];
}

function attempt(target: Target, base: Uint8Array, workload: Workload, plan: FailurePlan): Run {
  const image = new Uint8Array(base);
  const { device, calls, failed } = failingDevice(image, plan);
  const run: Run = {
    image,
    calls: 0,
    snapshots: [],
    mixed: new Set(),
    failed: undefined,
    crash: undefined,
    ran: [],
  };
  const guarded = (what: string, act: () => void): boolean => {
    try {
      act();
      return true;
    } catch (error) {
      if (!(error instanceof GuestfsError)) {
        run.crash ??= `${what} throws ${error instanceof Error ? error.stack : String(error)}`;
      } else if (failed() === undefined && error.code !== 'ENOTSUP') {
        run.crash ??= `${what} throws before anything failed: ${error.message}`;
      }
      return false;
    }
  };
  guarded('opening', () => {
    const fs = target.open(device);
    const writer = fs.openWriter?.();
    if (writer === undefined) throw new Error('there is no writer');
    const actor = new Actor(fs, writer);
    run.mixed = actor.mixed;
    const look = (): boolean => guarded('reading', () => void run.snapshots.push(snapshot(fs)));
    look();
    for (const operation of workload) {
      let can = false;
      if (!guarded('looking', () => void (can = canRun(actor, operation))) || !can) continue;
      if (guarded(operation.name, () => operation.run(actor))) run.ran.push(operation.name);
      look();
    }
    // The handle goes on working, or says why it does not.
    guarded('sync', () => writer.sync());
    guarded('create afterwards', () => {
      if (failed() !== undefined && !actor.has('/after')) actor.make('/after', 0o100644);
    });
    look();
    guarded('sync afterwards', () => writer.sync());
    guarded('close', () => fs.close());
  });
  run.calls = calls();
  run.failed = failed();
  return run;
}

/** A failed run may show what either has seen: what it lost is done again. */
function histories(clean: Run, run: Run): Parameters<typeof judge>[1] {
  const mixed = new Set([...run.mixed, ...clean.mixed]);
  return { snapshots: [...clean.snapshots, ...run.snapshots], mixed };
}
