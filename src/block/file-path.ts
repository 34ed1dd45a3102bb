import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { hostError } from './file-error.ts';

/** The host path of a name that stands in the file `from`: relative names start in that file's folder. */
export function besideFile(from: string, name: string): string {
  return isAbsolute(name) ? name : join(dirname(from), name);
}

/** The folder that a file is in, as its path says. */
export function folderOf(path: string): string {
  return dirname(path);
}

/** True if `path`, all links followed, lies within `folder` or a folder in it. Throws as realpath(3) fails. */
export function isWithin(path: string, folder: string): boolean {
  const way = relative(realPath(folder), realPath(path));
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The path with all links followed. Throws a GuestfsError naming the path where there is no such file. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw hostError(error, `cannot find ${path}`, path);
  }
}

/** A text that is equal for two paths exactly where they are the same host file. */
export function fileIdentity(path: string): string {
  try {
    const stat = statSync(path, { bigint: true });
    return `${stat.dev}:${stat.ino}`;
  } catch (error) {
    throw hostError(error, `cannot find ${path}`, path);
  }
}

/** Whether a host path names something. */
export function fileExists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Bytes of a host file, and those that the host has set aside for it. Throws as stat(2) fails. */
export function fileUsage(path: string): { size: number; allocated: number } {
  try {
    const { size, blocks } = statSync(path);
    return { size, allocated: blocks * 512 };
  } catch (error) {
    throw hostError(error, `cannot look at ${path}`, path);
  }
}

/** Remove a host file, if it is there. */
export function removeFile(path: string): void {
  rmSync(path, { force: true });
}

/** A name beside `path` that nobody uses: for a file that is to take its place. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${crypto.randomUUID().slice(0, 8)}.part`);
}

/**
 * Put a finished file in the place of another, whose permissions it takes over; the name refers to the old or to the
 * new one at any time, and durably to the new one on return. Links are followed. Throws as rename(2) fails.
 */
export function replaceFile(from: string, path: string): void {
  try {
    const target = fileExists(path) ? realpathSync(path) : path;
    const old = statSync(target, { throwIfNoEntry: false });
    if (old !== undefined) chmodSync(from, old.mode & 0o7777);
    renameSync(from, target);
    syncFolder(dirname(target));
  } catch (error) {
    throw hostError(error, `cannot put ${from} in the place of ${path}`, path);
  }
}

/** Names are durable once their folder is; where folders cannot be opened (Windows) the system sees to it. */
function syncFolder(folder: string): void {
  let fd: number;
  try {
    fd = openSync(folder, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(fd);
  } catch {
    // Some filesystems do not sync folders.
  } finally {
    closeSync(fd);
  }
}
