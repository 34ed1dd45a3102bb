import { readFileSync } from 'node:fs';
import { decodeText } from '../../bytes/text.ts';

/** A line of /proc/self/mountinfo (proc(5)). */
export interface KernelMount {
  readonly id: number;
  /** `MAJOR:MINOR`; of a filesystem that has no block device of its own, an anonymous one. */
  readonly device: string;
  /** What of the filesystem is mounted: `/`, a subvolume or a bound directory. */
  readonly root: string;
  readonly mountpoint: string;
  readonly options: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Options of the filesystem, not of this mount. */
  readonly superOptions: readonly string[];
}

/** Parse the text of mountinfo; lines that are not as proc(5) has them are left out. */
export function parseMountInfo(text: string): KernelMount[] {
  const found: KernelMount[] = [];
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ');
    const [id, , device, root, mountpoint, options] = (before ?? '').split(' ');
    const [type, source, superOptions] = (after ?? '').split(' ');
    if (mountpoint === undefined || type === undefined || source === undefined) continue;
    found.push({
      id: Number(id),
      device: device ?? '',
      root: unescape(root ?? ''),
      mountpoint: unescape(mountpoint),
      options: (options ?? '').split(','),
      type,
      source: unescape(source),
      superOptions: (superOptions ?? '').split(','),
    });
  }
  return found;
}

/** The mounts of this process in the order the kernel lists them. */
export function kernelMounts(): KernelMount[] {
  return parseMountInfo(decodeText(readFileSync('/proc/self/mountinfo')));
}

/** Space, tab, line feed and backslash are three octal digits each. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
