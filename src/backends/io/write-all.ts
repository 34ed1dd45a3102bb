import { readSync, writeSync } from 'node:fs';
import { sleep } from '../../native/sleep.ts';

/** Longest wait between two tries of a descriptor that is not ready, in milliseconds. */
const LONGEST_PAUSE = 8;

/**
 * Write all of `bytes`. A pipe that Node made non-blocking refuses with EAGAIN or takes a part; then this waits and
 * goes on, calling `poll` (which may throw) in between. `position` is for regular files, null for what has none.
 */
export function writeAll(
  fd: number,
  bytes: Uint8Array,
  length: number,
  position: number | null,
  poll: () => void,
): void {
  let done = 0;
  let pause = 1;
  while (done < length) {
    try {
      done += writeSync(fd, bytes, done, length - done, position === null ? null : position + done);
      pause = 1;
    } catch (error) {
      if (!isNotReady(error)) throw error;
      poll();
      sleep(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
}

/** Read what is there, at least one byte unless the end is reached; waits as {@link writeAll} does. */
export function readSome(fd: number, into: Uint8Array, poll: () => void): number {
  let pause = 1;
  for (;;) {
    try {
      return readSync(fd, into, 0, into.length, null);
    } catch (error) {
      // The end of a console or pipe on Windows.
      if ((error as NodeJS.ErrnoException).code === 'EOF') return 0;
      if (!isNotReady(error)) throw error;
      poll();
      sleep(pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
}

function isNotReady(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAGAIN' || code === 'EINTR';
}
