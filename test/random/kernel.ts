import { spawnSync } from 'node:child_process';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { decodeText, encodeText, latin1 } from '../../src/bytes/text.ts';
import { run } from '../support/tools.ts';
import type { FoundFile } from './compare.ts';

let reason: string | false | undefined;

/** Why the kernel cannot be asked here, or false. */
export function needsKernelMount(): string | false {
  reason ??= whyNot();
  return reason;
}

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  if (spawnSync('losetup', ['-f'], { stdio: 'ignore' }).status !== 0) return 'there are no loop devices';
  if (spawnSync('getfattr', ['--version'], { stdio: 'ignore' }).status !== 0)
    return 'getfattr is not installed';
  return false;
}

/**
 * Mount an image with the kernel, which replays its journal, and let `body` look at the files. The image is a copy:
 * gives its path to be checked after the mount.
 */
export function withKernelMount(
  image: Uint8Array,
  folder: string,
  body: (open: (path: readonly string[]) => FoundFile) => string | undefined,
): { problem: string | undefined; path: string } {
  const path = join(folder, 'kernel');
  const mountpoint = join(folder, 'mounted');
  writeFileSync(path, image);
  mkdirSync(mountpoint, { recursive: true });
  const loop = run('losetup', '-f', '--show', path).trim();
  try {
    const mounted = spawnSync('mount', ['-t', 'ext4', '-o', 'ro', loop, mountpoint], { encoding: 'utf8' });
    if (mounted.status !== 0) return { problem: `the kernel does not mount it: ${mounted.stderr}`, path };
    try {
      const xattrs = allXattrs(mountpoint);
      return { problem: body((parts) => openFile(mountpoint, parts, xattrs)), path };
    } finally {
      run('umount', mountpoint);
    }
  } finally {
    run('losetup', '-d', loop);
    rmSync(mountpoint, { recursive: true });
  }
}

type Xattrs = ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;

/** The attributes of all files by path, whose bytes are code points. */
function allXattrs(mountpoint: string): Xattrs {
  const { stdout } = spawnSync(
    'getfattr',
    ['-R', '-P', '-h', '--absolute-names', '-d', '-m', '-', '-e', 'hex', mountpoint],
    { encoding: 'latin1', maxBuffer: 256 * 1024 * 1024 },
  );
  const found = new Map<string, Map<string, Uint8Array>>();
  let current = new Map<string, Uint8Array>();
  for (const line of stdout.split('\n')) {
    if (line.startsWith('# file: ')) {
      current = new Map();
      const name = line
        .slice(8)
        .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
      found.set(name, current);
      continue;
    }
    const at = line.indexOf('=');
    if (at > 0) current.set(line.slice(0, at), new Uint8Array(Buffer.from(line.slice(at + 3), 'hex')));
    else if (line !== '') current.set(line, new Uint8Array());
  }
  return found;
}

function openFile(mountpoint: string, parts: readonly string[], all: Xattrs): FoundFile {
  const text = [mountpoint, ...parts].join('/');
  const path = Buffer.from(encodeText(text));
  const stat = lstatSync(path, { bigint: true });
  return {
    mode: Number(stat.mode),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    nlink: Number(stat.nlink),
    rdev: Number(stat.rdev),
    size: Number(stat.size),
    mtime: Number(stat.mtimeNs / 1_000_000_000n),
    mtimeNsec: Number(stat.mtimeNs % 1_000_000_000n),
    names: () => readdirSync(path, { encoding: 'buffer' }).map((name) => decodeText(name)),
    target: () => decodeText(readlinkSync(path, { encoding: 'buffer' })),
    read(offset, into) {
      const descriptor = openSync(path, 'r');
      try {
        for (let done = 0; done < into.length;) {
          const count = readSync(descriptor, into, done, into.length - done, offset + done);
          if (count === 0) break;
          done += count;
        }
      } finally {
        closeSync(descriptor);
      }
    },
    xattrs: () => all.get(latin1(path)) ?? new Map(),
  };
}
