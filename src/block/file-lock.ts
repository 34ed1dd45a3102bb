import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { GuestfsError } from '../errors/index.ts';
import { lockBeside } from './file-lock-beside.ts';
import { forbidsWriting, QEMU_FORBIDS, QEMU_RESIZE, QEMU_USES, QEMU_WRITE } from './file-locks.ts';
import { nativeCalls, type NativeCalls } from './file-native.ts';

/** Exclusive, without waiting, for flock(2). */
const LOCK_EXCLUSIVE_NOW = 2 | 4;
/** Values of fcntl(2) on Linux. */
const OFD_GETLK = 36;
const OFD_SETLK = 37;
const READ_LOCK = 0;
const WRITE_LOCK = 1;
const NO_LOCK = 2;
/** errno of a lock that somebody else has. */
const EAGAIN = 11;
/** Exit status of flock(1) where somebody else has the lock. */
const CONFLICT = 1;
/** What QEMU locks of an image it writes to: reading, writing, resizing are used; writing, resizing are ours alone. */
const QEMU_BYTES = [
  QEMU_USES,
  QEMU_USES + QEMU_WRITE,
  QEMU_USES + QEMU_RESIZE,
  QEMU_FORBIDS + QEMU_WRITE,
  QEMU_FORBIDS + QEMU_RESIZE,
];
/** Who holds one of these does not want the image to be written to by us. */
const QEMU_CONFLICTS = [QEMU_USES + QEMU_WRITE, QEMU_USES + QEMU_RESIZE, QEMU_FORBIDS + QEMU_WRITE];

/**
 * Lock an open file against other writers: flock(2) on its descriptor, by koffi or by a flock(1) child, whose lock
 * belongs to the open file and stays with us when the child ends; where there is neither, a lock file. A QEMU that
 * holds the image is respected, and with koffi one that starts later sees us. The lock ends when the descriptor is
 * closed; what is returned, if anything, must be called then.
 *
 * Throws EBUSY naming who has the file.
 */
export function lockFile(fd: number, path: string): (() => void) | undefined {
  const native = nativeCalls();
  const locked = native === undefined ? lockByChild(fd) : lockNatively(native, fd);
  if (locked === 'busy') throw busy(path, undefined);
  const unlock = locked === 'impossible' ? lockBeside(fd, path, (who) => busy(path, who)) : undefined;
  try {
    if (process.platform === 'linux') {
      const holder = native === undefined ? forbidsWriting(path) : lockLikeQemu(native, fd);
      if (holder !== undefined) throw busy(path, holder);
    }
    return unlock;
  } catch (error) {
    unlock?.();
    throw error;
  }
}

type Outcome = 'locked' | 'busy' | 'impossible';

function lockNatively(native: NativeCalls, fd: number): Outcome {
  if (native.flock(fd, LOCK_EXCLUSIVE_NOW) === 0) return 'locked';
  return native.errno() === EAGAIN ? 'busy' : 'impossible';
}

function lockByChild(fd: number): Outcome {
  if (process.platform === 'win32') return 'impossible';
  // Loaded when it is needed: readers never do.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { status } = spawnSync('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  return status === 0 ? 'locked' : status === CONFLICT ? 'busy' : 'impossible';
}

/** Take the locks that a writing QEMU takes; says who has one that forbids it. */
function lockLikeQemu(native: NativeCalls, fd: number): string | undefined {
  for (const byte of QEMU_BYTES) {
    if (native.fcntlLock(fd, OFD_SETLK, lockOf(READ_LOCK, byte, 1)) !== 0) {
      // A filesystem without these locks has no QEMU that uses them.
      return native.errno() === EAGAIN ? 'another program' : undefined;
    }
  }
  for (const byte of QEMU_CONFLICTS) {
    if (isLocked(native, fd, WRITE_LOCK, byte, 1)) {
      return byte === QEMU_FORBIDS + QEMU_WRITE ? 'a running QEMU that reads it' : 'a running QEMU';
    }
  }
  return isLocked(native, fd, READ_LOCK, 0, 0) ? 'another program' : undefined;
}

/** Whether somebody else's lock stands against one of this kind; a length of 0 goes to the end of the file. */
function isLocked(native: NativeCalls, fd: number, kind: number, start: number, length: number): boolean {
  const lock = lockOf(kind, start, length);
  return (
    native.fcntlLock(fd, OFD_GETLK, lock) === 0 && new DataView(lock.buffer).getInt16(0, true) !== NO_LOCK
  );
}

/** A `struct flock` of 64-bit Linux, little-endian: type, whence, start, length, pid. */
function lockOf(kind: number, start: number, length: number): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, kind, true);
  view.setBigInt64(8, BigInt(start), true);
  view.setBigInt64(16, BigInt(length), true);
  return bytes;
}

function busy(path: string, holder: string | undefined): GuestfsError {
  const who = processesWith(path);
  const named = [holder, ...who].filter((name) => name !== undefined);
  const by = named.length === 0 ? 'another program' : named.join(', ');
  return new GuestfsError(
    'EBUSY',
    `cannot open ${path} for writing: it is in use by ${by}. Stop that first, or open the image read-only`,
    { path },
  );
}

/** The processes that have a file open, as far as this user may know. */
function processesWith(path: string): string[] {
  const found: string[] = [];
  try {
    const real = realpathSync(path);
    for (const pid of existsSync('/proc/self/fd') ? readdirSync('/proc') : []) {
      if (!/^\d+$/.test(pid) || !hasOpen(pid, real)) continue;
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      if (Number(pid) !== process.pid) found.push(`process ${pid} (${name})`);
      else if (openCount(pid, real) > 1) found.push('this program itself');
    }
  } catch {
    // What cannot be found out is left out.
  }
  return found;
}

function hasOpen(pid: string, real: string): boolean {
  return openCount(pid, real) > 0;
}

function openCount(pid: string, real: string): number {
  let count = 0;
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`) === real) count++;
    }
  } catch {
    // Another user's process, or one that has ended.
  }
  return count;
}
