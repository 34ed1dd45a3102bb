import { createHash } from 'node:crypto';
import type { FileSystem, Stat } from '../../src/filesystems/filesystem.ts';
import type { ListedFile, Listing } from './stock-listing.ts';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/** What a comparison leaves out. */
export interface Tolerances {
  /** Inode numbers are the kernel's own invention. */
  inodes?: boolean;
  /** Paths that differ for a stated reason. */
  paths?: readonly string[];
}

/** Everything in which a filesystem differs from a listing of it, a line each. */
export function differences(fs: FileSystem, listing: Listing, tolerances: Tolerances = {}): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  const skipped = new Set(tolerances.paths);
  const visit = (inode: number, path: string): void => {
    seen.add(path);
    const stat = fs.stat(inode);
    const wanted = listing.files[path];
    if (!skipped.has(path)) {
      if (wanted === undefined) found.push(`${path}: not in the listing`);
      else
        for (const line of fileDifferences(fs, inode, stat, wanted, tolerances))
          found.push(`${path}: ${line}`);
    }
    if ((stat.mode & S_IFMT) !== S_IFDIR) return;
    for (const entry of fs.readdir(inode)) {
      const child = path === '.' ? `./${entry.name}` : `${path}/${entry.name}`;
      if (!skipped.has(child) && fs.lookup(inode, entry.name) !== entry.inode) {
        found.push(`${child}: lookup gives inode ${fs.lookup(inode, entry.name)}, readdir ${entry.inode}`);
      }
      visit(entry.inode, child);
    }
  };
  visit(fs.root, '.');
  for (const path of Object.keys(listing.files)) {
    if (!seen.has(path) && !skipped.has(path)) found.push(`${path}: missing`);
  }
  const s = fs.statfs();
  const statfs = [s.frsize, s.bsize, s.blocks, s.bfree, s.bavail, s.files, s.ffree, s.namemax];
  if (String(statfs) !== String(listing.statfs)) found.push(`statfs: ${statfs}, expected ${listing.statfs}`);
  return found;
}

function fileDifferences(
  fs: FileSystem,
  inode: number,
  stat: Stat,
  wanted: ListedFile,
  tolerances: Tolerances,
): string[] {
  const time = (seconds: number, nanoseconds: number): string =>
    `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
  const major = Math.floor(stat.rdev / 256) & 0xfff;
  const minor = (stat.rdev & 0xff) | (Math.floor(stat.rdev / 4096) & 0xfff00);
  const kind = stat.mode & S_IFMT;
  const actual: ListedFile = {
    mode: stat.mode,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
    blocks: stat.blocks,
    blockSize: stat.blockSize,
    atime: time(stat.atime, stat.atimeNsec),
    mtime: time(stat.mtime, stat.mtimeNsec),
    ctime: time(stat.ctime, stat.ctimeNsec),
    btime: stat.btime === undefined ? '0' : time(stat.btime, stat.btimeNsec ?? 0),
    inode: tolerances.inodes === true ? wanted.inode : stat.inode,
    device: [major, minor],
    ...(kind === S_IFREG ? { sha256: hashOf(fs, inode) } : {}),
    ...(kind === S_IFLNK ? { target: fs.readlink(inode) } : {}),
  };
  const names = [...new Set([...Object.keys(actual), ...Object.keys(wanted)])] as (keyof ListedFile)[];
  return names
    .filter((name) => String(actual[name]) !== String(wanted[name]))
    .map((name) => `${name} is ${actual[name]}, expected ${wanted[name]}`);
}

function hashOf(fs: FileSystem, inode: number): string {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(10_007);
  for (let offset = 0; ;) {
    const count = fs.read(inode, offset, buffer);
    if (count === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, count));
    offset += count;
  }
}
