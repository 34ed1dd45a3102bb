import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, statfsSync } from 'node:fs';
import { encodeText } from '../../src/bytes/text.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import { run } from './tools.ts';

/**
 * Everything a filesystem of the ext family shows, one line per file, so that what the engine reads and what the
 * kernel's mount shows can be compared as text. Paths and link targets are percent-encoded bytes.
 */

const CHUNK = new Uint8Array(256 * 1024);
/** Letters that lsattr(1) gives, by bit of the flags, in the order of its columns. */
const LETTERS: readonly (readonly [number, string])[] = [
  [0x1, 's'],
  [0x2, 'u'],
  [0x8, 'S'],
  [0x10000, 'D'],
  [0x10, 'i'],
  [0x20, 'a'],
  [0x40, 'd'],
  [0x80, 'A'],
  [0x4, 'c'],
  [0x200, 'B'],
  [0x100, 'Z'],
  [0x400, 'X'],
  [0x800, 'E'],
  [0x4000, 'j'],
  [0x1000, 'I'],
  [0x8000, 't'],
  [0x20000, 'T'],
  [0x80000, 'e'],
  [0x800000, 'C'],
  [0x2000000, 'x'],
  [0x40000000, 'F'],
  [0x10000000, 'N'],
  [0x20000000, 'P'],
  [0x100000, 'V'],
  [0x400, 'm'],
];

function encode(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x25;
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

function short(value: Uint8Array): string {
  if (value.length <= 40) return Buffer.from(value).toString('hex');
  return `sha256:${createHash('sha256').update(value).digest('hex').slice(0, 24)}`;
}

function sha(feed: (update: (chunk: Uint8Array) => void) => void): string {
  const hash = createHash('sha256');
  feed((chunk) => hash.update(chunk));
  return hash.digest('hex').slice(0, 24);
}

/** What a listing leaves out because it is not the same on both sides. */
export interface ListingOptions {
  /** Change and modification times, link counts, sizes on disk of directories: replaying a journal alters them. */
  withoutDirectoryTimes?: boolean;
}

interface Line {
  path: Uint8Array;
  inode: number | bigint;
  mode: number;
  fields: (string | number | bigint)[];
  times: string[];
  nlink: number | bigint;
  size: number | bigint;
  blocks: number | bigint;
  extra: string[];
}

function format(line: Line, options: ListingOptions): string {
  const vague = options.withoutDirectoryTimes === true && (line.mode & 0xf000) === 0x4000;
  const [atime, mtime, ctime, btime] = line.times;
  return [
    encode(line.path),
    line.inode,
    line.mode.toString(8),
    vague ? 'n' : line.nlink,
    ...line.fields,
    line.size,
    vague ? 'b' : line.blocks,
    atime,
    vague ? 'm' : mtime,
    vague ? 'c' : ctime,
    btime,
    ...line.extra,
  ].join(' ');
}

/** The listing of an open filesystem. */
export function listFileSystem(fs: FileSystem, options: ListingOptions = {}): string[] {
  const lines: string[] = [];
  const time = (seconds: number, nanoseconds: number): string =>
    String(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));
  const visit = (inode: number, path: string): void => {
    const stat = fs.stat(inode);
    const type = stat.mode & 0xf000;
    const extra: string[] = [];
    if (type === 0x8000 || type === 0x4000) {
      const flags = fs.flags!(inode);
      const letters = LETTERS.filter(([bit, letter]) => letter !== 'X' && (flags & bit) !== 0);
      extra.push(`+${letters.map(([, letter]) => letter).join('')}`, String(fs.generation!(inode)));
    }
    if (type === 0x8000) extra.push(content(() => readAll(fs, inode, stat.size)));
    // lsattr(1) cannot open those.
    if (extra[2] === 'ENOKEY') extra.splice(0, 2, '?', '?');
    if (type === 0xa000) extra.push(`-> ${encode(encodeText(fs.readlink(inode)))}`);
    const xattrs = fs.xattrs(inode).map(({ name, value }) => `${encode(encodeText(name))}=${short(value)}`);
    lines.push(
      format(
        {
          path: encodeText(path === '' ? '/' : path),
          inode: stat.inode,
          mode: stat.mode,
          nlink: stat.nlink,
          fields: [stat.uid, stat.gid, stat.rdev],
          size: stat.size,
          blocks: stat.blocks,
          times: [
            time(stat.atime, stat.atimeNsec),
            time(stat.mtime, stat.mtimeNsec),
            time(stat.ctime, stat.ctimeNsec),
            stat.btime === undefined ? '-' : time(stat.btime, stat.btimeNsec ?? 0),
          ],
          extra: [...extra, ...xattrs.sort()],
        },
        options,
      ),
    );
    if (type !== 0x4000) return;
    for (const entry of fs.readdir(inode)) {
      const found = fs.lookup(inode, entry.name);
      if (found !== entry.inode)
        lines.push(`${path}/${entry.name}: lookup gives ${found}, not ${entry.inode}`);
      visit(entry.inode, `${path}/${entry.name}`);
    }
    if (fs.lookup(inode, 'no such name') !== 0) lines.push(`${path}: finds what is not there`);
  };
  visit(fs.root, '');
  const { bsize, blocks, bfree, bavail, files, ffree } = fs.statfs();
  return [...lines.sort(), `statfs ${[bsize, blocks, bfree, bavail, files, ffree].join(' ')}`];
}

function content(read: () => string): string {
  try {
    return read();
  } catch (error) {
    const { code, errno } = error as { code?: string; errno?: number };
    // Node has no name for the kernel's number.
    if (code === 'ENOKEY' || errno === -126) return 'ENOKEY';
    throw error;
  }
}

function readAll(fs: FileSystem, inode: number, size: number): string {
  return sha((update) => {
    for (let offset = 0; ;) {
      const count = fs.read(inode, offset, CHUNK);
      if (count === 0) {
        if (offset !== size) throw new GuestfsError('EIO', `inode ${inode}: read ${offset} of ${size} bytes`);
        return;
      }
      update(CHUNK.subarray(0, count));
      offset += count;
    }
  });
}

/** The listing of a filesystem that the kernel has mounted on `root`. */
export function listMount(root: string, options: ListingOptions = {}): string[] {
  const paths: Buffer[] = [];
  const walk = (path: Buffer): void => {
    paths.push(path);
    if (!lstatSync(Buffer.concat([Buffer.from(root), path])).isDirectory()) return;
    for (const name of readdirSync(Buffer.concat([Buffer.from(root), path]), { encoding: 'buffer' })) {
      walk(Buffer.concat([path, Buffer.from('/'), name]));
    }
  };
  walk(Buffer.alloc(0));
  const attributes = flagsOf(root, paths);
  const xattrs = xattrsOf(root);
  const lines = paths.map((path) => {
    const host = Buffer.concat([Buffer.from(root), path]);
    const stat = lstatSync(host, { bigint: true });
    const mode = Number(stat.mode);
    const type = mode & 0xf000;
    const extra: string[] = [];
    if (type === 0x8000 || type === 0x4000)
      extra.push(...(attributes.get(path.toString('latin1')) ?? ['?', '?']));
    if (type === 0x8000) extra.push(content(() => shaOfFile(host)));
    if (type === 0xa000) extra.push(`-> ${encode(readlinkSync(host, { encoding: 'buffer' }))}`);
    return format(
      {
        path: path.length === 0 ? Buffer.from('/') : path,
        inode: stat.ino,
        mode,
        nlink: stat.nlink,
        fields: [stat.uid, stat.gid, stat.rdev],
        size: stat.size,
        blocks: stat.blocks,
        times: [
          String(stat.atimeNs),
          String(stat.mtimeNs),
          String(stat.ctimeNs),
          stat.birthtimeNs === 0n ? '-' : String(stat.birthtimeNs),
        ],
        extra: [...extra, ...(xattrs.get(path.toString('latin1')) ?? []).sort()],
      },
      options,
    );
  });
  const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(root);
  return [...lines.sort(), `statfs ${[bsize, blocks, bfree, bavail, files, ffree].join(' ')}`];
}

function shaOfFile(path: Buffer): string {
  const fd = openSync(path, 'r');
  try {
    return sha((update) => {
      for (;;) {
        const count = readSync(fd, CHUNK, 0, CHUNK.length, null);
        if (count === 0) return;
        update(CHUNK.subarray(0, count));
      }
    });
  } finally {
    closeSync(fd);
  }
}

/** Flags and generation of files and directories, as lsattr(1) gives them, by path in latin-1. */
function flagsOf(root: string, paths: readonly Buffer[]): Map<string, string[]> {
  const wanted = paths.filter((path) => {
    const stat = lstatSync(Buffer.concat([Buffer.from(root), path]));
    return stat.isFile() || stat.isDirectory();
  });
  const input = Buffer.concat(wanted.flatMap((path) => [Buffer.from(root), path, Buffer.from([0])]));
  // Files that cannot be opened, as encrypted ones, are left out and make it fail.
  const out = execFileSync('sh', ['-c', 'xargs -0 lsattr -d -v 2>/dev/null || true'], {
    input,
    encoding: 'latin1',
    maxBuffer: 64 * 1024 * 1024,
  });
  const found = new Map<string, string[]>();
  for (const line of out.split('\n')) {
    const match = /^ *(\d+) +([-A-Za-z]+) (.*)$/.exec(line);
    if (match === null) continue;
    const path = match[3]!.slice(root.length);
    found.set(path, [`+${match[2]!.replaceAll('-', '')}`, match[1]!]);
  }
  return found;
}

/** Extended attributes by path in latin-1. */
function xattrsOf(root: string): Map<string, string[]> {
  const out = execFileSync(
    'getfattr',
    ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', root],
    {
      encoding: 'latin1',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const found = new Map<string, string[]>();
  let list: string[] = [];
  for (const line of out.split('\n')) {
    if (line.startsWith('# file: ')) {
      list = [];
      found.set(unescapeOctal(line.slice(8)).slice(root.length), list);
      continue;
    }
    const at = line.indexOf('=');
    if (line === '') continue;
    const name = encode(Buffer.from(unescapeOctal(at < 0 ? line : line.slice(0, at)), 'latin1'));
    list.push(`${name}=${short(at < 0 ? new Uint8Array() : Buffer.from(line.slice(at + 3), 'hex'))}`);
  }
  return found;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The first few lines in which two listings differ; nothing where they are the same. */
export function listingDifferences(ours: readonly string[], wanted: readonly string[]): string[] {
  const known = new Set(wanted);
  const own = new Set(ours);
  return [
    ...ours
      .filter((line) => !known.has(line))
      .map((line) => `ours: ${line}`)
      .slice(0, 5),
    ...wanted
      .filter((line) => !own.has(line))
      .map((line) => `wanted: ${line}`)
      .slice(0, 5),
  ];
}

let mountable: boolean | undefined;

/** The `skip` of a test that mounts through a loop device: false, or the reason. */
export function needsLoopMount(): string | false {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  if (mountable === undefined) {
    try {
      run('losetup', '-f');
      mountable = true;
    } catch {
      mountable = false;
    }
  }
  return mountable ? false : 'there are no loop devices';
}

/** Mount an image, run `body` on the mount point, unmount. */
export function withMount<T>(
  image: string,
  mountpoint: string,
  options: string,
  body: (root: string) => T,
): T {
  run('mount', '-o', `loop,${options}`, image, mountpoint);
  try {
    return body(mountpoint);
  } finally {
    run('umount', mountpoint);
  }
}
