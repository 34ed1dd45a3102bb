import { isTerminal } from './terminal.ts';
import { EVENT_BITS } from '../../actions/events.ts';
import type { Handle } from './handle.ts';
import { ProgressBar } from './progress.ts';

/** Show the progress of long calls on standard error. */
export function showProgress(handle: Handle): void {
  const bar = new ProgressBar(2, () => process.stderr.columns ?? 80);
  handle.setEventCallback((_event, _id, _message, [, , position = 0, total = 0]) => {
    bar.update(position, total);
  }, EVENT_BITS.progress);
}

/**
 * Show progress where it was asked for, or where a person sees it and it does not get into the output.
 *
 * @param asked what --progress-bars and --no-progress-bars say.
 */
export function maybeShowProgress(handle: Handle, asked: boolean | undefined, outputToStdout: boolean): void {
  if (asked ?? (isTerminal(2) && !(outputToStdout && isTerminal(1)))) showProgress(handle);
}
