import { closeSync, fstatSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../crypto/sha256.ts';
import type { GuestfsError } from '../errors/index.ts';

/** Times that a lock file of a process that is gone is removed before giving up. */
const TRIES = 3;

/**
 * An exclusive lock file beside an image, or where its folder cannot be written to in the folder of temporary files:
 * for systems that have no lock on descriptors. A lock file of a process of this machine that is gone is removed.
 * Returns what removes the lock; throws what `busy` makes of the holder.
 */
export function lockBeside(fd: number, path: string, busy: (who: string) => GuestfsError): () => void {
  const stat = fstatSync(fd, { bigint: true });
  const identity = Buffer.from(sha256(new TextEncoder().encode(`${stat.dev}:${stat.ino}`))).toString(
    'hex',
    0,
    16,
  );
  for (const name of [`${path}.lock`, join(tmpdir(), `guestfs-${identity}.lock`)]) {
    for (let tries = 0; tries < TRIES; tries++) {
      const made = create(name);
      if (made === 'made') return () => remove(name);
      if (made === 'impossible') break;
      const who = holderOf(name);
      if (who !== undefined) throw busy(`${who} (lock file ${name})`);
      remove(name);
    }
  }
  throw busy('another program, or no lock file can be made');
}

function create(name: string): 'made' | 'exists' | 'impossible' {
  let lock: number;
  try {
    lock = openSync(name, 'wx', 0o644);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'exists' : 'impossible';
  }
  try {
    writeSync(lock, `${process.pid} ${hostname()}\n`);
  } finally {
    closeSync(lock);
  }
  return 'made';
}

/** Who made a lock file; undefined where that process has ended. */
function holderOf(name: string): string | undefined {
  let pid: number;
  let host: string | undefined;
  try {
    const [number, ...rest] = readFileSync(name, 'utf8').trim().split(' ');
    pid = Number(number);
    host = rest.join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'another program';
  }
  if (!Number.isSafeInteger(pid) || pid <= 0) return 'another program';
  if (host !== hostname()) return `process ${pid} of ${host}`;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  return `process ${pid}`;
}

function remove(name: string): void {
  try {
    unlinkSync(name);
  } catch {
    // Gone already.
  }
}
