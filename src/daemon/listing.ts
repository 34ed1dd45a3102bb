import { hasExtendedAcl } from '../vfs/acl.ts';
import { decodeText } from '../bytes/text.ts';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  deviceMajor,
  deviceMinor,
} from '../filesystems/mode.ts';
import { sortBytes } from '../vfs/order.ts';
import type { FileRef, FileTree, TreeStat } from '../vfs/tree.ts';

const TYPE_LETTERS: Record<number, string> = {
  [S_IFSOCK]: 's',
  [S_IFLNK]: 'l',
  [S_IFREG]: '-',
  [S_IFBLK]: 'b',
  [S_IFDIR]: 'd',
  [S_IFCHR]: 'c',
  [S_IFIFO]: 'p',
};

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Half of a mean Gregorian year: ls shows the time of day of files younger than that, else the year. */
const RECENT_SECONDS = 31_556_952 / 2;

/** Type and permissions as in `drwxr-xr-x`, set-id and sticky bits included. */
export function modeText(mode: number): string {
  const triple = (bits: number, special: boolean, set: string): string =>
    (bits & 4 ? 'r' : '-') +
    (bits & 2 ? 'w' : '-') +
    (special ? (bits & 1 ? set : set.toUpperCase()) : bits & 1 ? 'x' : '-');
  return (
    (TYPE_LETTERS[mode & S_IFMT] ?? '?') +
    triple(mode >> 6, (mode & 0o4000) !== 0, 's') +
    triple(mode >> 3, (mode & 0o2000) !== 0, 's') +
    triple(mode, (mode & 0o1000) !== 0, 't')
  );
}

/** `Nov 21 08:18`, or `Jan  2  2040` for what is older than half a year or in the future; UTC. */
function timeText(seconds: number, now: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const day = `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`;
  if (seconds > now - RECENT_SECONDS && seconds <= now) {
    return `${day} ${String(date.getUTCHours()).padStart(2, '0')}:${String(date.getUTCMinutes()).padStart(2, '0')}`;
  }
  return `${day}  ${date.getUTCFullYear()}`;
}

/** One line of a listing before its columns are aligned. */
interface Line {
  mode: string;
  nlink: string;
  uid: string;
  gid: string;
  context: string;
  size: string;
  device: { major: string; minor: string } | undefined;
  rest: string;
}

/** How a listing looks. */
export interface ListingOptions {
  /** Show the SELinux context. */
  context?: boolean;
  /** Seconds since 1970, to tell recent files. */
  now?: number;
}

/**
 * What `ls -la` shows of a directory, with the total in KiB, or of one file: numeric owners, UTC, names sorted by
 * bytes and not escaped.
 */
export function longListing(tree: FileTree, path: string, options: ListingOptions = {}): string {
  const top = tree.resolve(path);
  const now = options.now ?? Date.now() / 1000;
  const topStat = tree.stat(top);
  if ((topStat.mode & S_IFMT) !== S_IFDIR) {
    const link = tree.resolve(path, { followLast: false });
    return format([line(tree, link, tree.stat(link), path, now)], options);
  }
  const entries = new Map<string, FileRef>();
  entries.set('.', top);
  entries.set('..', tree.lookup(top, '..') ?? top);
  for (const entry of tree.readdir(top)) entries.set(entry.name, tree.child(top, entry));
  let blocks = 0;
  const lines = sortBytes([...entries.keys()]).map((name) => {
    const ref = entries.get(name) as FileRef;
    const stat = tree.stat(ref);
    blocks += stat.blocks;
    return line(tree, ref, stat, name, now);
  });
  return `total ${Math.ceil(blocks / 2)}\n${format(lines, options)}`;
}

function line(tree: FileTree, ref: FileRef, stat: TreeStat, name: string, now: number): Line {
  const type = stat.mode & S_IFMT;
  const xattrs = tree.xattrs(ref);
  const label = xattrs.find((xattr) => xattr.name === 'security.selinux')?.value;
  const context = label === undefined ? '?' : decodeText(label).replace(/\0$/, '');
  const mark = type !== S_IFLNK && hasExtendedAcl(xattrs) ? '+' : label === undefined ? '' : '.';
  const target = type === S_IFLNK ? ` -> ${tree.readlink(ref)}` : '';
  const isDevice = type === S_IFCHR || type === S_IFBLK;
  return {
    mode: modeText(stat.mode) + mark,
    nlink: String(stat.nlink),
    uid: String(stat.uid),
    gid: String(stat.gid),
    context,
    size: String(stat.size),
    device: isDevice
      ? { major: String(deviceMajor(stat.rdev)), minor: String(deviceMinor(stat.rdev)) }
      : undefined,
    rest: `${timeText(stat.mtime, now)} ${name}${target}`,
  };
}

function format(lines: readonly Line[], options: ListingOptions): string {
  const width = (text: (line: Line) => string): number =>
    lines.reduce((widest, one) => Math.max(widest, text(one).length), 0);
  const widths = {
    mode: width((one) => one.mode),
    nlink: width((one) => one.nlink),
    uid: width((one) => one.uid),
    gid: width((one) => one.gid),
    context: width((one) => one.context),
    major: width((one) => one.device?.major ?? ''),
    minor: width((one) => one.device?.minor ?? ''),
    size: width((one) => (one.device ? '' : one.size)),
  };
  if (widths.minor > 0) widths.size = Math.max(widths.size, widths.major + 2 + widths.minor);
  widths.major = Math.max(widths.major, widths.size - 2 - widths.minor);
  return lines
    .map((one) => {
      const size = one.device
        ? `${one.device.major.padStart(widths.major)}, ${one.device.minor.padStart(widths.minor)}`
        : one.size.padStart(widths.size);
      const columns = [
        one.mode.padEnd(widths.mode),
        one.nlink.padStart(widths.nlink),
        one.uid.padStart(widths.uid),
        one.gid.padStart(widths.gid),
        ...(options.context ? [one.context.padEnd(widths.context)] : []),
        size,
        one.rest,
      ];
      return `${columns.join(' ')}\n`;
    })
    .join('');
}
