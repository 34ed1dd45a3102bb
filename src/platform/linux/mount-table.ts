import { openSync, readFileSync } from 'node:fs';
import { unescapeOctal } from '../../bytes/escapes.ts';
import { decodeText } from '../../bytes/text.ts';
import { nativePoll, POLLERR, POLLPRI } from '../../native/poll.ts';

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
      root: unescapeOctal(root ?? ''),
      mountpoint: unescapeOctal(mountpoint),
      options: (options ?? '').split(','),
      type,
      source: unescapeOctal(source),
      superOptions: (superOptions ?? '').split(','),
    });
  }
  return found;
}

const MOUNTS = '/proc/self/mountinfo';
let watched: number | undefined;
let known: readonly KernelMount[] | undefined;

/**
 * The mounts of this process in the order the kernel lists them. Looking is cheap, and the answer the same array, as long as nobody,
 * other programs included, has changed them.
 */
export function kernelMounts(): readonly KernelMount[] {
  if (mountsChanged() || known === undefined) known = parseMountInfo(decodeText(readFileSync(MOUNTS)));
  return known;
}

/** Of what is open poll(2) tells once that mounts have changed (proc(5)). True where nothing can be told. */
function mountsChanged(): boolean {
  const poll = nativePoll();
  if (poll === undefined) return true;
  const isFirst = watched === undefined;
  watched ??= openSync(MOUNTS, 'r');
  return (poll(watched, POLLPRI | POLLERR, 0) & (POLLPRI | POLLERR)) !== 0 || isFirst;
}
