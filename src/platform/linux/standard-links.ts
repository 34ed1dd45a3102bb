import { existsSync, symlinkSync } from 'node:fs';

/** What udev makes in /dev beside the devices, and shells and their scripts count on: the open files of a process. */
const LINKS = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
] as const;

/** Make the links of /dev that a machine without udev lacks. */
export function makeStandardLinks(): void {
  for (const [path, target] of LINKS) {
    if (existsSync(path)) continue;
    try {
      symlinkSync(target, path);
    } catch {
      // A dangling link, or a /dev that cannot be written: programs that need it say so.
    }
  }
}
