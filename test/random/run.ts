import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryDevice } from '../../src/block/memory.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import { randomNumbers } from '../crash/recorder.ts';
import { workFolder } from '../crash/targets.ts';
import { abbreviate } from '../support/abbreviate.ts';
import { compare, ours } from './compare.ts';
import { needsKernelMount, withKernelMount } from './kernel.ts';
import { randomOperations, runOne } from './operations.ts';
import { newImage, randomTargets, type RandomTarget } from './targets.ts';
import { Failure, World } from './world.ts';

/** How long a run is. */
export interface RandomPlan {
  seed: number;
  operations: number;
  /** Operations between two checks. */
  batch: number;
  /** The kernel is asked too, if it can be, after each so many batches; 0 for never. */
  kernel: number;
}

/** What came of a run. */
export interface RandomOutcome {
  operations: number;
  checks: number;
  /** Checks that the kernel took part in. */
  mounts: number;
  /** Calls that failed as the filesystem was full. */
  full: number;
  /** What went wrong, with the last operations; undefined where nothing did. */
  failure: string | undefined;
}

/** Random operations on a new filesystem, compared with a model and judged by the real checker after each batch. */
export function runRandom(target: RandomTarget, plan: RandomPlan): RandomOutcome {
  const folder = workFolder();
  const outcome: RandomOutcome = { operations: 0, checks: 0, mounts: 0, full: 0, failure: undefined };
  let world: World | undefined;
  try {
    const path = join(folder, 'image');
    const image = newImage(target, path);
    const open = (): FileSystem => target.open(memoryDevice(image));
    world = new World(open(), target.can, randomNumbers(plan.seed * 1000 + randomTargets.indexOf(target)));
    const all = randomOperations(world);
    while (outcome.operations < plan.operations) {
      for (let i = 0; i < plan.batch && outcome.operations < plan.operations; i++) {
        runOne(world, all);
        outcome.operations++;
        if (world.chance(0.02)) world.writer.sync();
      }
      const { model } = world;
      const options = { unix: target.can.unix, coarseTimes: target.coarseTimes };
      const fail = (who: string, problem: string | undefined): void => {
        if (problem !== undefined) throw new Failure(`${who}: ${problem}`);
      };
      fail('the running session', compare(model, ours(world.fs), options));
      const closes = target.kind === 'fat' || world.chance(0.5);
      world.log.push(closes ? 'close' : 'sync');
      if (closes) world.fs.close();
      else world.writer.sync();
      fail(
        'read again',
        compare(model, ours(target.open(memoryDevice(image, { writable: false }))), options),
      );
      if (
        plan.kernel > 0 &&
        outcome.checks % plan.kernel === plan.kernel - 1 &&
        target.kind === 'ext' &&
        needsKernelMount() === false
      ) {
        const mounted = withKernelMount(image, folder, (files) => compare(model, files, options));
        fail('the kernel', mounted.problem);
        // It has replayed the journal.
        fail('after the kernel', target.check(mounted.path));
        outcome.mounts++;
      }
      if (closes) {
        writeFileSync(path, image);
        fail('the checker', target.check(path));
        world.reopen(open());
      }
      outcome.checks++;
    }
    world.fs.close();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `\n${error.cause.stack}` : '';
    const words =
      error instanceof Failure ? error.message : String(error instanceof Error ? error.stack : error);
    const log = (world?.log ?? []).slice(-25).join('\n');
    outcome.failure = abbreviate(
      `${target.name}, seed ${plan.seed}, after ${outcome.operations} operations: ${words}${cause}\nlast calls:\n${log}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  outcome.full = world?.full ?? 0;
  return outcome;
}
