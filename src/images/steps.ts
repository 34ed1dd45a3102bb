import { GuestfsError } from '../errors/index.ts';

/** What a caller of something long can ask for. */
export interface StepOptions {
  /** Stops the call, which then rejects with EINTR and leaves what was there before. */
  signal?: AbortSignal;
  /** Told from time to time how much is done; with `position` = `total` at the end. */
  onProgress?: (position: number, total: number) => void;
}

/** How much of a piece of work is done. */
export interface Progress {
  position: number;
  total: number;
}

/** Milliseconds between two moments at which others get to run. */
const SLICE = 60;

/**
 * Run work that is written as steps, so that events, progress and an abort are seen between them. A step that is aborted
 * gets the error thrown into it and cleans up after itself.
 */
export async function runSteps<T>(
  steps: Generator<Progress, T, void>,
  { signal, onProgress }: StepOptions,
): Promise<T> {
  let turn = performance.now();
  let total = 0;
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) {
      if (total > 0) onProgress?.(total, total);
      return step.value;
    }
    total = step.value.total;
    const now = performance.now();
    if (now - turn >= SLICE) {
      onProgress?.(Math.min(step.value.position, total), total);
      await new Promise((resolve) => setTimeout(resolve, 0));
      turn = performance.now();
    }
    if (signal?.aborted === true) {
      steps.throw(new GuestfsError('EINTR', 'the call was cancelled', { cause: signal.reason }));
    }
  }
}
