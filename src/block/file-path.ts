import { realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { hostError } from './file.ts';

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
