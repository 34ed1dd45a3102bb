import { nativePoll, POLLHUP, POLLIN, POLLOUT } from '../native/poll.ts';

/** Waits for a descriptor, and tells whether it is ready. */
export interface Readiness {
  /** Wait until reading or writing may go on; may return early. */
  wait(direction: 'read' | 'write'): void;
  /** Whether a read would not wait; undefined where that cannot be told. */
  readable(): boolean | undefined;
  /** Something was read or written: the next wait begins short. */
  progressed(): void;
}

/** Longest pause between two tries where poll(2) cannot be called, in milliseconds. */
const LONGEST_PAUSE = 4;
const FIRST_PAUSE = 0.1;

const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * How to wait for a descriptor on this system: by poll(2), or by trying again after pauses that grow. `native` false
 * leaves out poll(2), as where koffi is missing.
 */
export function readinessOf(fd: number, native = true): Readiness {
  const call = native ? nativePoll() : undefined;
  if (call !== undefined) {
    return {
      wait(direction) {
        const events = call(fd, direction === 'read' ? POLLIN : POLLOUT, -1);
        // A port whose host is gone hangs up at once, always: do not spin.
        if (events === POLLHUP) Atomics.wait(never, 0, 0, LONGEST_PAUSE);
      },
      readable: () => (call(fd, POLLIN, 0) & POLLIN) !== 0,
      progressed: () => undefined,
    };
  }
  let pause = FIRST_PAUSE;
  return {
    wait() {
      Atomics.wait(never, 0, 0, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    },
    readable: () => undefined,
    progressed() {
      pause = FIRST_PAUSE;
    },
  };
}
