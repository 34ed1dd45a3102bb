/** Folders of built appliances: made once for the same inputs, by one process, used by all. */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { GuestfsError } from '../../../errors/index.ts';
import { hostError } from '../../io/host-error.ts';

/** File whose presence tells that a folder is an appliance; libguestfs looks for it too. */
export const MARK = 'README.fixed';
/** Characters of the key that name a folder. */
const KEY_LENGTH = 16;
/** Days without use after which an appliance or a saved machine is removed. */
export const KEPT_DAYS = 14;
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

/** Remove what builders that died have left, and appliances of other inputs that nobody used for so many days. */
export function tidyCache(cache: string, keep: string, days: number): void {
  const limit = Date.now() - days * 86_400_000;
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (path === keep) continue;
    const builder = /^building-(\d+)-/.exec(name)?.[1];
    const stale =
      builder === undefined ? isAppliance(name) && lastUse(path) < limit : !isAlive(Number(builder));
    if (stale) rmSync(path, { recursive: true, force: true });
  }
}

const isAppliance = (name: string): boolean => /^(appliance|machine)-/.test(name);

function lastUse(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return Infinity;
  }
}

/** Note that an appliance was used. */
export function noteUse(folder: string): void {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch {
    // A folder of somebody else's, which is not tidied up either.
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
    const unfinished = join(cache, `building-${process.pid}-${Date.now()}`);
    try {
      if (exists(folder)) return;
      mkdirSync(unfinished, { mode: 0o700 });
      await make(unfinished);
      renameSync(unfinished, folder);
    } catch (error) {
      if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
      const attempted = 'cannot make what is kept there (LIBGUESTFS_CACHEDIR or TMPDIR names another place)';
      throw hostError(error, attempted, cache);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
      rmSync(lock, { force: true });
    }
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** A lock whose holder has died is taken over. */
function takeLock(lock: string): boolean {
  try {
    writeFileSync(lock, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw hostError(error, 'cannot lock', lock);
  }
  let holder: number;
  try {
    holder = Number(readFileSync(lock, 'utf8'));
  } catch {
    return false;
  }
  // An empty lock is one that is being written.
  if (holder > 0 && !isAlive(holder)) rmSync(lock, { force: true });
  return false;
}
