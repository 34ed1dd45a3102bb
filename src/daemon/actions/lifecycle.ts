import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { monotonicMilliseconds } from '../monotonic.ts';
import { sleep } from '../../native/sleep.ts';

/** How often a sleeping call looks whether it was cancelled, in milliseconds. */
const SLICE = 20;

function sleepOrCancel(context: ActionContext, milliseconds: number): void {
  const end = monotonicMilliseconds() + milliseconds;
  for (;;) {
    context.checkCancelled();
    const left = end - monotonicMilliseconds();
    if (left <= 0) return;
    sleep(Math.min(left, SLICE));
  }
}

/** The daemon itself: is it there, does it wait. */
export const lifecycleActions = {
  ping_daemon: () => undefined,

  echo_daemon: (_context, words) => words.join(' '),

  sleep(context, seconds) {
    if (seconds < 0) throw new GuestfsError('EINVAL', `sleep: secs: ${seconds} is negative`);
    sleepOrCancel(context, seconds * 1000);
  },

  drop_caches(context, which) {
    if (which < 0 || which > 3) {
      throw new GuestfsError('EINVAL', `drop_caches: whattodrop: ${which} is not between 0 and 3`);
    }
    context.platform.sync();
  },
} satisfies Partial<DaemonActions>;
