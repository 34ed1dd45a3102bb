import { linuxLibrary } from '../native/library.ts';

/** System calls that Node does not have, through the optional package koffi. All answer -1 where they fail. */
export interface NativeCalls {
  lseek(fd: number, offset: number, whence: number): number;
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  /** sync_file_range(2), on another thread if it can be: handing much to a disk takes its time. What it answers is lost. */
  beginSyncFileRange(fd: number, offset: number, length: number, flags: number): void;
  flock(fd: number, operation: number): number;
  /** fcntl(2) with a `struct flock`, which the kernel reads and, for a question, fills. */
  fcntlLock(fd: number, command: number, lock: Uint8Array): number;
  /** The errno of the last call that failed. */
  errno(): number;
}

/** Calls in other threads that may be unfinished, as far as is known; koffi takes 256. */
const MOST_BEGUN = 64;
let begun = 0;

let calls: NativeCalls | undefined;
let looked = false;

/**
 * The calls, or undefined where the package is missing or the system is not a 64-bit Linux. Loaded at first use: it
 * costs milliseconds that most runs do not need to spend.
 */
export function nativeCalls(): NativeCalls | undefined {
  if (!looked) {
    looked = true;
    calls = load();
  }
  return calls;
}

/** Run something as if koffi were not installed: for tests. */
export function withoutNative<T>(run: () => T): T {
  const before = nativeCalls();
  calls = undefined;
  try {
    return run();
  } finally {
    calls = before;
  }
}

/** lseek(2), or undefined as {@link nativeCalls}. */
export function nativeSeek(): NativeCalls['lseek'] | undefined {
  return nativeCalls()?.lseek;
}

function load(): NativeCalls | undefined {
  const library = linuxLibrary();
  if (library === undefined) return undefined;
  const lseek = library.numeric('int64_t lseek(int fd, int64_t offset, int whence)');
  const fallocate = library.numeric('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
  const syncFileRange = library.func(
    'int sync_file_range(int fd, int64_t offset, int64_t length, unsigned int flags)',
  );
  const flock = library.numeric('int flock(int fd, int operation)');
  const fcntl = library.numeric('int fcntl(int fd, int command, ...)');
  return {
    lseek,
    fallocate,
    beginSyncFileRange(fd, offset, length, flags) {
      // What other threads have done is only heard of between calls to the engine: a long one runs out of them.
      if (begun < MOST_BEGUN) {
        try {
          syncFileRange.async(fd, offset, length, flags, () => {
            begun--;
          });
          begun++;
          return;
        } catch {
          // All of them are taken, by handles in other threads.
        }
      }
      syncFileRange(fd, offset, length, flags);
    },
    flock,
    fcntlLock: (fd, command, lock) => fcntl(fd, command, 'void *', lock),
    errno: () => library.errno(),
  };
}
