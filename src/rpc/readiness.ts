import { nativePoll, POLLHUP, POLLIN, POLLOUT } from '../native/poll.ts';
import { sleep } from '../native/sleep.ts';

/** Waits for a descriptor, and tells whether it is ready. */
export interface Readiness {
  /** Waiting costs a system call and no time; without poll(2) it is cheaper to try first. */
  readonly isExact: boolean;
  /**
   * Wait until reading or writing may go on, at most `milliseconds` if they are given; may return early. Tells whether
   * a read would not wait any more, where that is known.
   */
  wait(direction: 'read' | 'write', milliseconds?: number): boolean | undefined;
  /** Whether a read would not wait; undefined where that cannot be told. */
  readable(): boolean | undefined;
  /** Something was read or written: the next wait begins short. */
  progressed(): void;
}

/** Longest pause between two tries where poll(2) cannot be called, in milliseconds. */
const LONGEST_PAUSE = 4;
const FIRST_PAUSE = 0.1;
/** Pause between two looks at a port that nobody has open at the other end, in milliseconds. */
const HUNG_UP_PAUSE = 20;

/**
 * How to wait for a descriptor on this system: by poll(2), or by trying again after pauses that grow. `native` false
 * leaves out poll(2), as where koffi is missing.
 */
export function readinessOf(fd: number, native = true): Readiness {
  const call = native ? nativePoll() : undefined;
  if (call !== undefined) {
    return {
      isExact: true,
      wait(direction, milliseconds = -1) {
        const events = call(fd, direction === 'read' ? POLLIN : POLLOUT, milliseconds);
        // A port whose host is gone hangs up at once, always: do not spin.
        if (events === POLLHUP) sleep(HUNG_UP_PAUSE);
        return direction === 'read' ? (events & POLLIN) !== 0 : undefined;
      },
      readable: () => (call(fd, POLLIN, 0) & POLLIN) !== 0,
      progressed: () => undefined,
    };
  }
  let pause = FIRST_PAUSE;
  return {
    isExact: false,
    wait() {
      sleep(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      return undefined;
    },
    readable: () => undefined,
    progressed() {
      pause = FIRST_PAUSE;
    },
  };
}
