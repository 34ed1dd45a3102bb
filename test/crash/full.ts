import { GuestfsError, type ErrorCode } from '../../src/errors/index.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import type { Target } from './targets.ts';
import { Actor, pattern } from './workloads.ts';

const FILE = 0o100644;
const DIRECTORY = 0o040755;

/** Call something that must fail with one of these codes. */
function fails(what: string, codes: readonly ErrorCode[], act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof GuestfsError && codes.includes(error.code) && error.message.length > 20) return;
    throw error;
  }
  throw new Error(`${what} works on a full filesystem`);
}

/** Repeat until it fails with ENOSPC; gives how often it worked. */
function untilFull(what: string, act: (count: number) => void): number {
  for (let count = 0; count < 1_000_000; count++) {
    try {
      act(count);
    } catch (error) {
      if (error instanceof GuestfsError && error.code === 'ENOSPC') return count;
      throw error;
    }
  }
  throw new Error(`${what} never fills the filesystem`);
}

/** How a filesystem is filled. */
export type Filling = 'one file' | 'small files' | 'directories' | 'one directory' | 'replacements';

export const fillings: readonly Filling[] = [
  'one file',
  'small files',
  'directories',
  'one directory',
  'replacements',
];

function fill(actor: Actor, how: Filling): void {
  const { writer } = actor;
  if (how === 'one file') {
    const inode = actor.make('/full', FILE);
    const bytes = pattern(4, 64 * 1024);
    let at = untilFull('writing', (count) => writer.write(inode, count * bytes.length, bytes)) * bytes.length;
    // To the last block.
    for (let length = bytes.length / 2; length >= 256; length /= 2) {
      at = Math.max(at, actor.fs.stat(inode).size);
      untilFull('writing', (count) => {
        writer.write(inode, at + count * length, bytes.subarray(0, length));
      });
    }
    return;
  }
  actor.make('/full', DIRECTORY);
  const name = (count: number): string =>
    `/full/${how === 'one directory' ? 'a long name that fills directories '.repeat(4) : ''}${count}`;
  untilFull(how, (count) => {
    const inode = actor.make(name(count), how === 'directories' ? DIRECTORY : FILE);
    if (how === 'small files') writer.write(inode, 0, pattern(count, 1500));
    if (how !== 'replacements') return;
    const replacement = writer.replace(inode, 40_000);
    try {
      replacement.write(pattern(count, 40_000));
      replacement.finish();
    } catch (error) {
      replacement.abandon();
      throw error;
    }
  });
}

/** What fails on a filesystem without a free block, and leaves it as it was. */
function tryMore(target: Target, actor: Actor): void {
  const { writer, fs } = actor;
  const { bfree } = fs.statfs();
  if (bfree > 0) return;
  const keep = actor.inode('/keep');
  fails('growing a file', ['ENOSPC'], () => writer.write(keep, 20_000, pattern(1, 100_000)));
  fails('replacing a file', ['ENOSPC'], () => {
    const replacement = writer.replace(keep, 100_000);
    try {
      replacement.write(pattern(2, 100_000));
    } finally {
      replacement.abandon();
    }
  });
  // A directory may lie in its inode.
  if (target.name !== 'ext4-inline')
    fails('making a directory', ['ENOSPC'], () => actor.make('/another', DIRECTORY));
  if (target.kind === 'unix') {
    fails('a long symlink', ['ENOSPC'], () => actor.make('/symlink', 0o120777, { target: 'x'.repeat(1000) }));
    fails('a large attribute', ['ENOSPC'], () => writer.setXattr?.(keep, 'user.large', pattern(3, 800)));
  }
}

/**
 * Fill a filesystem, see what fails and how; then free a little, and write again in the same session. Throws with what
 * is wrong; gives the image.
 */
export function runFull(target: Target, base: Uint8Array, how: Filling): Uint8Array {
  const image = base.slice();
  const fs = target.open(memoryDevice(image));
  const writer = fs.openWriter?.();
  if (writer === undefined) throw new Error('there is no writer');
  const actor = new Actor(fs, writer);
  const before = content(actor, '/keep');
  fill(actor, how);
  const { bfree, blocks } = fs.statfs();
  // Root has what is reserved for it.
  if (how === 'one file' && bfree > 16 && bfree > blocks / 200)
    throw new Error(`ENOSPC with ${bfree} of ${blocks} blocks free`);
  if (how === 'one file') tryMore(target, actor);
  same('a file that was there before', content(actor, '/keep'), before);
  writer.sync();
  const names = [...fs.readdir(actor.inode('/'))].map(({ name }) => name);
  if (names.includes('another') || names.includes('symlink')) throw new Error('what failed left a name');
  // A little room, and it is used.
  writer.unlink(actor.inode('/'), 'b');
  if (how !== 'one file') {
    const directory = actor.inode('/full');
    const some = [...fs.readdir(directory)].slice(0, 8);
    for (const { name, type } of some) writer[type === 'directory' ? 'rmdir' : 'unlink'](directory, name);
  }
  const bytes = pattern(8, 1400);
  writer.write(actor.make('/after', FILE), 0, bytes);
  same('the file that was written afterwards', content(actor, '/after'), bytes);
  fs.close();
  const again = target.open(memoryDevice(image.slice()));
  const reader = new Actor(again, writer);
  same('a file that was there before, read again', content(reader, '/keep'), before);
  same('the file that was written afterwards, read again', content(reader, '/after'), bytes);
  again.close();
  return image;
}

function content(actor: Actor, path: string): Uint8Array {
  const inode = actor.inode(path);
  const bytes = new Uint8Array(actor.fs.stat(inode).size);
  actor.fs.read(inode, 0, bytes);
  return bytes;
}

function same(what: string, found: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(found, expected) !== 0) throw new Error(`${what} differs`);
}
