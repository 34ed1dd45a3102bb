import { cLibrary } from '../native/library.ts';

/** Waits for a descriptor, and tells whether it is ready. */
export interface Readiness {
  /** Wait until reading or writing may go on; may return early. */
  wait(direction: 'read' | 'write'): void;
  /** Whether a read would not wait; undefined where that cannot be told. */
  readable(): boolean | undefined;
  /** Something was read or written: the next wait begins short. */
  progressed(): void;
}

const POLLIN = 1;
const POLLOUT = 4;
const POLLHUP = 0x10;
/** Longest pause between two tries where poll(2) cannot be called, in milliseconds. */
const LONGEST_PAUSE = 4;
const FIRST_PAUSE = 0.1;

/** poll(2) of one descriptor with a time limit in milliseconds, -1 for none; returns the events that came. */
type Poll = (fd: number, events: number, milliseconds: number) => number;

let poll: Poll | undefined;
let looked = false;

/** poll(2) by the optional package koffi, or undefined where that is missing. */
function nativePoll(): Poll | undefined {
  if (looked) return poll;
  looked = true;
  if (process.platform === 'win32') return undefined;
  const count = process.platform === 'darwin' ? 'unsigned int' : 'unsigned long';
  const call = cLibrary()?.numeric(`int poll(void *fds, ${count} count, int timeout)`);
  if (call === undefined) return undefined;
  // struct pollfd { int fd; short events; short revents; } in the machine's byte order, which Node has little-endian.
  const pollfd = new Uint8Array(8);
  const view = new DataView(pollfd.buffer);
  poll = (fd, events, milliseconds) => {
    view.setInt32(0, fd, true);
    view.setInt16(4, events, true);
    view.setInt16(6, 0, true);
    return call(pollfd, 1, milliseconds) > 0 ? view.getInt16(6, true) : 0;
  };
  return poll;
}

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
