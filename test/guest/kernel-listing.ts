import { execFileSync } from 'node:child_process';
import { lstatSync, readlinkSync } from 'node:fs';
import { decodeText } from '../../src/bytes/text.ts';

/** What a kernel tells about a file. */
export interface ListedFile {
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  inode: number;
  size: number;
  /** Units of 512 bytes. */
  blocks: number;
  rdev: number;
  /** Seconds and nanoseconds. */
  mtime: string;
  ctime: string;
  link: string;
  /** `name=0xhex` lines, sorted. */
  xattrs: string;
  /** Of regular files, else empty. */
  sha256: string;
}

const OUTPUT = { maxBuffer: 1024 * 1024 * 1024 };

/** Everything below a folder of the host, with paths that begin with `.`; find(1), getfattr(1) and sha256sum(1) tell. */
export function kernelListing(folder: string): Map<string, ListedFile> {
  const names = run('find . -print0', folder);
  const hashes = bySplit(run('find . -type f -print0 | xargs -0 sha256sum -z --binary', folder));
  const attributes = xattrs(folder);
  const found = new Map<string, ListedFile>();
  for (const name of splitNul(names)) {
    const text = decodeText(name);
    const path = Buffer.concat([Buffer.from(`${folder}/`), name]);
    const stat = lstatSync(path, { bigint: true });
    found.set(text, {
      mode: Number(stat.mode),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      nlink: Number(stat.nlink),
      inode: Number(stat.ino),
      size: Number(stat.size),
      blocks: Number(stat.blocks),
      rdev: Number(stat.rdev),
      mtime: time(stat.mtimeNs),
      ctime: time(stat.ctimeNs),
      link: stat.isSymbolicLink() ? decodeText(readlinkSync(path, 'buffer')) : '',
      xattrs: attributes.get(text) ?? '',
      sha256: hashes.get(text) ?? '',
    });
  }
  return found;
}

function run(script: string, folder: string): Buffer {
  return execFileSync('bash', ['-c', script], { cwd: folder, ...OUTPUT });
}

function* splitNul(bytes: Buffer): Iterable<Buffer> {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

function bySplit(output: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  // Each record: 64 digits, a blank, an asterisk, the name.
  for (const record of splitNul(output))
    found.set(decodeText(record.subarray(66)), record.subarray(0, 64).toString());
  return found;
}

function time(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n - (nanoseconds % 1_000_000_000n < 0n ? 1n : 0n);
  return `${seconds}.${String(nanoseconds - seconds * 1_000_000_000n).padStart(9, '0')}`;
}

/** getfattr escapes odd bytes of names as `\ooo`. */
function unescape(text: string): Buffer {
  const latin = text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(latin, 'latin1');
}

function xattrs(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  const output = run('getfattr -R -h -P -d -m - -e hex .', folder).toString('latin1');
  for (const block of output.split('\n\n')) {
    const [head = '', ...lines] = block.split('\n').filter((line) => line !== '');
    if (!head.startsWith('# file: ')) continue;
    const path = decodeText(unescape(head.slice('# file: '.length)));
    found.set(
      path === '.' ? '.' : `./${path}`,
      lines
        .map((line) => line.replace(/=$/, '=0x'))
        .toSorted()
        .join('\n'),
    );
  }
  return found;
}
