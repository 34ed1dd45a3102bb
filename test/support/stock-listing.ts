/**
 * What the kernel of stock libguestfs's appliance shows of filesystems: asked once when goldens are made, kept in
 * them. Needs /usr/bin/guestfish and about a minute.
 */
import { spawnSync } from 'node:child_process';
import { decodeText } from '../../src/bytes/text.ts';

/** A filesystem to list: an image whose first byte is the filesystem's, and mount options. */
export interface ListingRequest {
  image: string;
  options: string;
}

/** A file as stat(1) and friends show it. Times are `seconds.nanoseconds`; birth is 0 where there is none. */
export interface ListedFile {
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  size: number;
  blocks: number;
  blockSize: number;
  atime: string;
  mtime: string;
  ctime: string;
  btime: string;
  inode: number;
  /** Major and minor number. */
  device: [number, number];
  sha256?: string;
  target?: string;
}

/** All of a filesystem. */
export interface Listing {
  options: string;
  /** By path, `.` for the root. */
  files: Record<string, ListedFile>;
  /** bsize, frsize, blocks, bfree, bavail, files, ffree, namemax. */
  statfs: number[];
}

const FORMAT = '%f|%h|%u|%g|%s|%b|%o|%X|%Y|%Z|%W|%i|%t,%T|%x|%y|%z|%w';
const FIELDS = FORMAT.split('|').length;

/** The shell commands that list what is mounted on /sysroot; names end with byte 1, fields are on one line each. */
const COMMANDS = [
  'cd /sysroot',
  'export LC_ALL=C',
  `find . -exec stat --printf "%n\\\\001${FORMAT}\\\\n" {} + 2>/dev/null`,
  'echo ==SUM',
  'find . -type f -exec sha256sum {} + 2>/dev/null',
  'echo; echo ==LINK',
  'find . -type l -printf "%p\\\\001%l\\\\001"',
  'echo; echo ==STATFS',
  'stat -f -c "%S %s %b %f %a %c %d %l" .',
].join('; ');

/** Ask stock guestfish. Throws with its messages where it fails. */
export function stockListings(requests: readonly ListingRequest[]): Listing[] {
  const images = [...new Set(requests.map(({ image }) => image))];
  const lines = ['run'];
  for (const { image, options } of requests) {
    const device = `/dev/sd${String.fromCharCode(97 + images.indexOf(image))}`;
    lines.push('echo ==IMAGE', `mount-options "ro,${options}" ${device} /`);
    lines.push(`debug sh "${COMMANDS.replaceAll('"', '\\"')}"`, 'umount /');
  }
  const result = spawnSync('/usr/bin/guestfish', ['--ro', ...images.flatMap((image) => ['-a', image])], {
    input: `${lines.join('\n')}\n`,
    maxBuffer: 1024 ** 3,
    env: { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
  });
  if (result.status !== 0) throw new Error(`guestfish: ${result.stderr.toString()}`);
  const parts = result.stdout.toString('latin1').split('==IMAGE\n').slice(1);
  return requests.map(({ options }, i) => parse(options, parts[i]!));
}

const guestText = (latin: string): string => decodeText(Buffer.from(latin, 'latin1'));

function parse(options: string, text: string): Listing {
  const [stats = '', rest1 = ''] = text.split('==SUM\n');
  const [sums = '', rest2 = ''] = rest1.split('\n==LINK\n');
  const [links = '', statfs = ''] = rest2.split('\n==STATFS\n');
  const files: Record<string, ListedFile> = {};
  let at = 0;
  while (at < stats.length) {
    const mark = stats.indexOf('\x01', at);
    if (mark < 0) break;
    const end = stats.indexOf('\n', mark);
    const fields = stats.slice(mark + 1, end).split('|');
    if (fields.length === FIELDS) files[guestText(stats.slice(at, mark))] = listedFile(fields);
    at = end + 1;
  }
  for (const line of sums.split('\n')) {
    // A backslash before the sum says that line ends and backslashes of the name are escaped.
    const [, escaped, sum, name = ''] = /^(\\?)([0-9a-f]{64}) {2}(.*)$/.exec(line) ?? [];
    const plain = escaped === '\\' ? name.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)) : name;
    const file = files[guestText(plain)];
    if (file !== undefined && sum !== undefined) file.sha256 = sum;
  }
  const names = links.split('\x01');
  for (let i = 0; i + 1 < names.length; i += 2) {
    const file = files[guestText(names[i]!)];
    if (file !== undefined) file.target = guestText(names[i + 1]!);
  }
  return { options, files, statfs: statfs.trim().split(/\s+/).slice(0, 8).map(Number) };
}

function listedFile(fields: readonly string[]): ListedFile {
  const number = (i: number): number => Number(fields[i]);
  const time = (seconds: number, text: number): string => {
    const fraction = /\.(\d{9})/.exec(fields[text]!)?.[1];
    return fraction === undefined ? '0' : `${fields[seconds]}.${fraction}`;
  };
  const [major = '0', minor = '0'] = fields[12]!.split(',');
  return {
    mode: Number.parseInt(fields[0]!, 16),
    nlink: number(1),
    uid: number(2),
    gid: number(3),
    size: number(4),
    blocks: number(5),
    blockSize: number(6),
    atime: time(7, 13),
    mtime: time(8, 14),
    ctime: time(9, 15),
    btime: time(10, 16),
    inode: number(11),
    device: [Number.parseInt(major, 16), Number.parseInt(minor, 16)],
  };
}
