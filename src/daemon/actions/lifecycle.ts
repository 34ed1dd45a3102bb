import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** How often a sleeping call looks whether it was cancelled, in milliseconds. */
const SLICE = 20;

const never = new Int32Array(new SharedArrayBuffer(4));

function sleep(context: ActionContext, milliseconds: number): void {
  const end = performance.now() + milliseconds;
  for (;;) {
    context.checkCancelled();
    const left = end - performance.now();
    if (left <= 0) return;
    Atomics.wait(never, 0, 0, Math.min(left, SLICE));
  }
}

/** umask(2) of a fresh daemon. */
const FIRST_UMASK = 0o022;

function mask(context: ActionContext): { value: number } {
  return context.state.slot('umask', () => ({ value: FIRST_UMASK }));
}

/** The daemon itself: is it there, does it wait, what is its file creation mask. */
export const lifecycleActions = {
  ping_daemon: () => undefined,

  echo_daemon: (_context, words) => words.join(' '),

  sleep(context, seconds) {
    if (seconds < 0) throw new GuestfsError('EINVAL', `sleep: secs: ${seconds} is negative`);
    sleep(context, seconds * 1000);
  },

  drop_caches(context, which) {
    if (which < 0 || which > 3) {
      throw new GuestfsError('EINVAL', `drop_caches: whattodrop: ${which} is not between 0 and 3`);
    }
    context.platform.sync();
  },

  umask(context, value) {
    if (value < 0 || value > 0o777) {
      throw new GuestfsError('EINVAL', `umask: mask: 0${value.toString(8)} is not between 0 and 0777`);
    }
    const slot = mask(context);
    const old = slot.value;
    slot.value = value;
    return old;
  },

  get_umask: (context) => mask(context).value,
} satisfies Partial<DaemonActions>;
