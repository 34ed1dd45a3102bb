/** Folders of built appliances: made once for the same inputs, by one process, used by all. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { GuestfsError } from '../../../errors/index.ts';
import { hostError } from '../../io/host-error.ts';

/** File whose presence tells that a folder is an appliance; libguestfs looks for it too. */
export const MARK = 'README.fixed';
/** Characters of the key that name a folder. */
const KEY_LENGTH = 16;
/** Days without use after which an appliance or a saved machine is removed. */
export const KEPT_DAYS = 14;
/** File that tells which appliance fits this host. */
export const CURRENT = 'current.json';
/** Milliseconds between looks at somebody else's lock. */
const POLL = 50;

/**
 * The user's folder for appliances below a cache folder, made if need be: only its owner may enter. Throws EPERM where the folder is
 * another user's or open to others.
 */
export function applianceCache(cachedir: string): string {
  const uid = process.getuid?.() ?? 0;
  const folder = join(cachedir, `.guestfs-appliance-${uid}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = lstatSync(folder);
    if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o077) !== 0) {
      throw new GuestfsError(
        'EPERM',
        `${folder}: must be a folder of user ${uid} that nobody else can enter (mode 0700); remove it or set LIBGUESTFS_CACHEDIR`,
        { path: folder },
      );
    }
  } catch (error) {
    throw error instanceof GuestfsError ? error : hostError(error, 'cannot make the cache folder', folder);
  }
  return folder;
}

/** Folder of a key within the cache, whether it is there or not. */
export function folderOf(cache: string, key: string): string {
  return join(cache, `appliance-${key.slice(0, KEY_LENGTH)}`);
}

/** Remove what processes that died have left, and what nobody used for so many days; `keep` stays. */
export function tidyCache(cache: string, keep: string, days: number): void {
  const limit = Date.now() - days * 86_400_000;
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (path === keep) continue;
    const maker = MADE_BY.exec(name)?.slice(1).find(Boolean);
    const stale =
      (maker !== undefined && !isAlive(Number(maker))) ||
      (KEPT.test(name) && lastUse(path) < limit) ||
      (name.endsWith('.lock') && isAbandoned(path));
    if (stale) rmSync(path, { recursive: true, force: true });
  }
}

/** What is in use by a process only, with its number. */
const MADE_BY = /^building-(\d+)-|\.(\d+)\.part$|\.gone-(\d+)$/;
/** What is kept, for as long as it is used. */
const KEPT = /^(?:(?:appliance|machine)-[0-9a-f]+|hypervisor-[0-9a-f]+\.json)$/;

/** Folders of appliances and saved machines below a cache folder, with their last use. */
export function listCache(cachedir: string): { folder: string; used: Date }[] {
  const cache = applianceCache(cachedir);
  return readdirSync(cache)
    .filter((name) => KEPT.test(name) && !name.endsWith('.json'))
    .map((name) => ({ folder: join(cache, name), last: lastUse(join(cache, name)) }))
    .filter(({ last }) => Number.isFinite(last))
    .map(({ folder, last }) => ({ folder, used: new Date(last) }));
}

/** Keep a value in a file of the cache; who reads it meanwhile gets the old one or the new one. */
export function keepValue(path: string, value: unknown): void {
  const unfinished = `${path}.${randomUUID()}.${process.pid}.part`;
  writeFileSync(unfinished, JSON.stringify(value), { flag: 'wx', mode: 0o600 });
  renameSync(unfinished, path);
}

/** Remove all that is kept below a cache folder; what is being made stays. */
export function dropCache(cachedir: string): void {
  const cache = applianceCache(cachedir);
  for (const name of readdirSync(cache)) {
    if (KEPT.test(name) || name === CURRENT) rmSync(join(cache, name), { recursive: true, force: true });
  }
  tidyCache(cache, '', KEPT_DAYS);
}

function lastUse(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return Infinity;
  }
}

/** Note that something that is kept was used. */
export function noteUse(folder: string): void {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch {
    // Something of somebody else's, which is not tidied up either.
  }
}

/** True for a process that runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Have a folder: the one that is there, or one that `make` fills. Of several processes that want it one makes it and the
 * others wait for it; it appears under its name when it is complete.
 */
export async function madeOnce(
  cache: string,
  folder: string,
  make: (unfinished: string) => Promise<void> | void,
): Promise<void> {
  const lock = `${folder}.lock`;
  while (!exists(folder)) {
    if (!takeLock(lock)) {
      await new Promise((resolve) => setTimeout(resolve, POLL));
      continue;
    }
    try {
      if (exists(folder)) return;
      await fill(cache, folder, make);
    } catch (error) {
      if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
      const attempted = 'cannot make what is kept there (LIBGUESTFS_CACHEDIR or TMPDIR names another place)';
      throw hostError(error, attempted, cache);
    } finally {
      rmSync(lock, { force: true });
    }
  }
}

async function fill(
  cache: string,
  folder: string,
  make: (unfinished: string) => Promise<void> | void,
): Promise<void> {
  const unfinished = mkdtempSync(join(cache, `building-${process.pid}-`));
  try {
    await make(unfinished);
    renameSync(unfinished, folder);
  } catch (error) {
    // Two that took over the lock of a dead one at the same time make the same.
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOTEMPTY', 'EEXIST'].includes(code) || !exists(folder)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A lock whose holder has died is taken over. */
function takeLock(lock: string): boolean {
  try {
    writeFileSync(lock, `${process.pid} ${startOf(process.pid) ?? ''}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw hostError(error, 'cannot lock', lock);
  }
  if (isAbandoned(lock)) rmSync(lock, { force: true });
  return false;
}

/** Whether the holder of a lock has died; its number may be another process's by now. */
function isAbandoned(lock: string): boolean {
  let holder: string;
  let started: string;
  try {
    [holder = '', started = ''] = readFileSync(lock, 'utf8').trim().split(' ');
  } catch {
    return false;
  }
  // An empty lock is one that is being written.
  if (!/^\d+$/.test(holder)) return false;
  const pid = Number(holder);
  return !isAlive(pid) || (started !== '' && started !== (startOf(pid) ?? started));
}

/** When a process was started, in ticks since the host was; undefined where that cannot be told. Source: proc(5). */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is a name in parentheses, in which there may be anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
