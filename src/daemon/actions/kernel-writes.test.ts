/**
 * What writing calls leave behind beside content, compared with Linux: the same operations on our ext4 and on one
 * that the kernel has mounted; then which times changed, modes, owners, links and errors are compared.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { memoryDevice } from '../../block/memory.ts';
import { openExt4 } from '../../filesystems/ext4/index.ts';
import { needsTool, run, temporaryFolder } from '../../../test/support/tools.ts';
import { needsKernelMount } from '../../../test/random/kernel.ts';
import { writeGuest, type WriteGuest } from '../../../test/support/write-guest.ts';
import type { Statns } from '../../actions/generated/structs.ts';

/** An action and its arguments; words that begin with `/` are paths in the case's own directory. */
type Operation = readonly [name: string, ...args: (string | number)[]];

interface Case {
  setup?: readonly Operation[];
  act: Operation;
  /** What is looked at before and after, beside the case's directory. */
  watch: readonly string[];
}

const file: Operation = ['write', '/f', 'content'];
const longName = 'n'.repeat(256);

const cases: Record<string, Case> = {
  'write a new file': { act: ['write', '/f', 'x'], watch: ['/f'] },
  'write an old file': { setup: [file], act: ['write', '/f', 'x'], watch: ['/f'] },
  'write the same content': { setup: [file], act: ['write', '/f', 'content'], watch: ['/f'] },
  'write nothing': { setup: [file], act: ['write', '/f', ''], watch: ['/f'] },
  'write a set-user-ID file': {
    setup: [file, ['chmod', 0o6755, '/f']],
    act: ['write', '/f', 'x'],
    watch: ['/f'],
  },
  append: { setup: [file], act: ['write_append', '/f', 'x'], watch: ['/f'] },
  'append to a set-user-ID file': {
    setup: [file, ['chmod', 0o6755, '/f']],
    act: ['write_append', '/f', 'x'],
    watch: ['/f'],
  },
  pwrite: { setup: [file], act: ['pwrite', '/f', 'x', 3], watch: ['/f'] },
  'pwrite behind the end': { setup: [file], act: ['pwrite', '/f', 'x', 30_000], watch: ['/f'] },
  'truncate to less': { setup: [file], act: ['truncate_size', '/f', 3], watch: ['/f'] },
  'truncate to more': { setup: [file], act: ['truncate_size', '/f', 30_000], watch: ['/f'] },
  'truncate to the same': { setup: [file], act: ['truncate_size', '/f', 7], watch: ['/f'] },
  'truncate a set-user-ID file': {
    setup: [file, ['chmod', 0o6755, '/f']],
    act: ['truncate_size', '/f', 3],
    watch: ['/f'],
  },
  chmod: { setup: [file], act: ['chmod', 0o600, '/f'], watch: ['/f'] },
  'chmod to the same': { setup: [file], act: ['chmod', 0o644, '/f'], watch: ['/f'] },
  'chmod of a directory': { setup: [['mkdir', '/d']], act: ['chmod', 0o7777, '/d'], watch: ['/d'] },
  chown: { setup: [file], act: ['chown', 5, 6, '/f'], watch: ['/f'] },
  'chown to the same': { setup: [file], act: ['chown', 0, 0, '/f'], watch: ['/f'] },
  'chown of a set-user-ID file': {
    setup: [file, ['chmod', 0o6755, '/f']],
    act: ['chown', 5, 6, '/f'],
    watch: ['/f'],
  },
  'chown of a set-user-ID file to the same': {
    setup: [file, ['chmod', 0o6755, '/f']],
    act: ['chown', 0, 0, '/f'],
    watch: ['/f'],
  },
  'chown where set-group-ID means locking': {
    setup: [file, ['chmod', 0o6644, '/f']],
    act: ['chown', 5, 6, '/f'],
    watch: ['/f'],
  },
  'chown of a directory': {
    setup: [
      ['mkdir', '/d'],
      ['chmod', 0o7777, '/d'],
    ],
    act: ['chown', 5, 6, '/d'],
    watch: ['/d'],
  },
  'lchown of a link': {
    setup: [file, ['ln_s', 'f', '/l']],
    act: ['lchown', 5, 6, '/l'],
    watch: ['/f', '/l'],
  },
  'chown through a link': {
    setup: [file, ['ln_s', 'f', '/l']],
    act: ['chown', 5, 6, '/l'],
    watch: ['/f', '/l'],
  },
  utimens: { setup: [file], act: ['utimens', '/f', 5, 0, 6, 0], watch: ['/f'] },
  setxattr: { setup: [file], act: ['setxattr', 'user.a', 'v', 1, '/f'], watch: ['/f'] },
  removexattr: {
    setup: [file, ['setxattr', 'user.a', 'v', 1, '/f']],
    act: ['removexattr', 'user.a', '/f'],
    watch: ['/f'],
  },
  mkdir: { act: ['mkdir', '/d'], watch: ['/d'] },
  'mkdir in a set-group-ID directory': {
    setup: [
      ['mkdir', '/s'],
      ['chown', 0, 7, '/s'],
      ['chmod', 0o2775, '/s'],
    ],
    act: ['mkdir', '/s/d'],
    watch: ['/s', '/s/d'],
  },
  'write in a set-group-ID directory': {
    setup: [
      ['mkdir', '/s'],
      ['chown', 0, 7, '/s'],
      ['chmod', 0o2775, '/s'],
    ],
    act: ['write', '/s/f', 'x'],
    watch: ['/s', '/s/f'],
  },
  rmdir: { setup: [['mkdir', '/d']], act: ['rmdir', '/d'], watch: ['/d'] },
  rm: { setup: [file, ['ln', '/f', '/g']], act: ['rm', '/f'], watch: ['/f', '/g'] },
  ln: { setup: [file], act: ['ln', '/f', '/g'], watch: ['/f', '/g'] },
  ln_s: { act: ['ln_s', 'nowhere', '/l'], watch: ['/l'] },
  mknod: { act: ['mknod', 0o20644, 1, 3, '/n'], watch: ['/n'] },
  mkfifo: { act: ['mkfifo', 0o666, '/n'], watch: ['/n'] },
  'rename within': { setup: [file], act: ['rename', '/f', '/g'], watch: ['/f', '/g'] },
  'rename over a file': {
    setup: [file, ['write', '/g', 'g'], ['ln', '/g', '/h']],
    act: ['rename', '/f', '/g'],
    watch: ['/f', '/g', '/h'],
  },
  'rename a directory elsewhere': {
    setup: [
      ['mkdir', '/a'],
      ['mkdir', '/b'],
      ['mkdir', '/a/d'],
    ],
    act: ['rename', '/a/d', '/b/d'],
    watch: ['/a', '/b', '/b/d'],
  },
  'rename over an empty directory': {
    setup: [
      ['mkdir', '/a'],
      ['mkdir', '/b'],
      ['write', '/a/f', 'x'],
    ],
    act: ['rename', '/a', '/b'],
    watch: ['/a', '/b', '/b/f'],
  },
  fallocate: { setup: [file], act: ['fallocate64', '/f', 30_000], watch: ['/f'] },
  'touch an old file': { setup: [file], act: ['touch', '/f'], watch: ['/f'] },
  // What cannot be.
  'rmdir of what is not empty': {
    setup: [
      ['mkdir', '/d'],
      ['mkdir', '/d/e'],
    ],
    act: ['rmdir', '/d'],
    watch: ['/d'],
  },
  'rmdir of a file': { setup: [file], act: ['rmdir', '/f'], watch: ['/f'] },
  'rm of a directory': { setup: [['mkdir', '/d']], act: ['rm', '/d'], watch: ['/d'] },
  'mkdir of what is there': { setup: [file], act: ['mkdir', '/f'], watch: ['/f'] },
  'mkdir below a file': { setup: [file], act: ['mkdir', '/f/d'], watch: ['/f'] },
  'mkdir below nothing': { act: ['mkdir', '/n/d'], watch: [] },
  'write to a directory': { setup: [['mkdir', '/d']], act: ['write', '/d', 'x'], watch: ['/d'] },
  'rename a directory over a file': {
    setup: [file, ['mkdir', '/d']],
    act: ['rename', '/d', '/f'],
    watch: ['/d', '/f'],
  },
  'rename a file over a directory': {
    setup: [file, ['mkdir', '/d']],
    act: ['rename', '/f', '/d'],
    watch: ['/d', '/f'],
  },
  'rename over a full directory': {
    setup: [
      ['mkdir', '/a'],
      ['mkdir', '/b'],
      ['mkdir', '/b/c'],
    ],
    act: ['rename', '/a', '/b'],
    watch: ['/a', '/b'],
  },
  'rename into itself': { setup: [['mkdir', '/a']], act: ['rename', '/a', '/a/b'], watch: ['/a'] },
  'rename to itself': { setup: [file], act: ['rename', '/f', '/f'], watch: ['/f'] },
  'rename to another name of the same file': {
    setup: [file, ['ln', '/f', '/g']],
    act: ['rename', '/f', '/g'],
    watch: ['/f', '/g'],
  },
  'rename of nothing': { act: ['rename', '/n', '/m'], watch: [] },
  'ln of a directory': { setup: [['mkdir', '/d']], act: ['ln', '/d', '/e'], watch: ['/d'] },
  'ln over a file': { setup: [file, ['write', '/g', 'g']], act: ['ln', '/f', '/g'], watch: ['/f', '/g'] },
  'ln_s over a file': { setup: [file], act: ['ln_s', 'x', '/f'], watch: ['/f'] },
  'a name that is too long': { act: ['write', `/${longName}`, 'x'], watch: [] },
  'a directory name that is too long': { act: ['mkdir', `/${longName}`], watch: [] },
  'a link that leads to itself': { setup: [['ln_s', 'l', '/l']], act: ['write', '/l', 'x'], watch: ['/l'] },
  'a link that is too long': { act: ['ln_s', 'x'.repeat(4096), '/l'], watch: [] },
  'an attribute that is too large': {
    setup: [file],
    act: ['setxattr', 'user.a', 'v'.repeat(5000), 5000, '/f'],
    watch: ['/f'],
  },
  'an attribute of no name space': { setup: [file], act: ['setxattr', 'none', 'v', 1, '/f'], watch: ['/f'] },
  'an attribute that is not there': { setup: [file], act: ['removexattr', 'user.none', '/f'], watch: ['/f'] },
  'a user attribute of a link': {
    setup: [['ln_s', 'x', '/l']],
    act: ['lsetxattr', 'user.a', 'v', 1, '/l'],
    watch: ['/l'],
  },
};

interface Look {
  mode: number;
  nlink: number;
  owner: string;
  /** Not of directories, where it is the filesystem's matter. */
  size: number | undefined;
  times: readonly bigint[];
}

interface World {
  /** The code of the error, or `''`. */
  run(operation: Operation, directory: string): string;
  look(path: string): Look | undefined;
  age(path: string): void;
}

const places = (operation: Operation, directory: string): (string | number)[] =>
  operation
    .slice(1)
    .map((word) => (typeof word === 'string' && word.startsWith('/') ? `${directory}${word}` : word));

const isDirectory = (mode: number): boolean => (mode & 0o170_000) === 0o040_000;

function ours(guest: WriteGuest): World {
  return {
    run: ([name, ...args], directory) => guest.failure(name, ...places([name, ...args], directory)),
    look(path) {
      if (guest.failure('lstatns', path) !== '') return undefined;
      const stat = guest.call('lstatns', path) as Statns;
      const time = (seconds: number, nanoseconds: number): bigint =>
        BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
      return {
        mode: stat.stMode,
        nlink: stat.stNlink,
        owner: `${stat.stUid}:${stat.stGid}`,
        size: isDirectory(stat.stMode) ? undefined : stat.stSize,
        times: [
          time(stat.stAtimeSec, stat.stAtimeNsec),
          time(stat.stMtimeSec, stat.stMtimeNsec),
          time(stat.stCtimeSec, stat.stCtimeNsec),
        ],
      };
    },
    age: (path) => void guest.call('utimens', path, 1000, 0, 1000, 0),
  };
}

/** The same on a directory of this host, by the system calls that libguestfs's daemon would make. */
function kernel(root: string): World {
  const at = (path: string | number | undefined): string => join(root, String(path));
  const open = (path: string | number | undefined, flags: number, use: (fd: number) => void): void => {
    const fd = fs.openSync(at(path), flags, 0o666);
    try {
      use(fd);
    } finally {
      fs.closeSync(fd);
    }
  };
  const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;
  const tool = (...argv: string[]): void => {
    const { status, stderr } = spawnSync(argv[0] as string, argv.slice(1), {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    if (status !== 0) throw Object.assign(new Error(stderr), { code: codeOf(stderr) });
  };
  type Call = (...args: (string | number)[]) => void;
  const calls: Record<string, Call> = {
    write: (path, text) => open(path, O_WRONLY | O_CREAT | O_TRUNC, (fd) => fs.writeSync(fd, String(text))),
    write_append: (path, text) => open(path, O_WRONLY | O_APPEND, (fd) => fs.writeSync(fd, String(text))),
    pwrite: (path, text, offset) =>
      open(path, O_WRONLY, (fd) => fs.writeSync(fd, String(text), Number(offset))),
    truncate_size: (path, size) => fs.truncateSync(at(path), Number(size)),
    chmod: (mode, path) => fs.chmodSync(at(path), mode as number),
    chown: (user, group, path) => fs.chownSync(at(path), user as number, group as number),
    lchown: (user, group, path) => fs.lchownSync(at(path), user as number, group as number),
    utimens: (path, atime, _atimeNs, mtime) => fs.lutimesSync(at(path), atime as number, mtime as number),
    setxattr: (name, value, _size, path) =>
      tool('setfattr', '-n', String(name), '-v', String(value), at(path)),
    lsetxattr: (name, value, _size, path) =>
      tool('setfattr', '-h', '-n', String(name), '-v', String(value), at(path)),
    removexattr: (name, path) => tool('setfattr', '-x', String(name), at(path)),
    mkdir: (path) => fs.mkdirSync(at(path)),
    rmdir: (path) => fs.rmdirSync(at(path)),
    rm: (path) => fs.unlinkSync(at(path)),
    ln: (target, path) => fs.linkSync(at(target), at(path)),
    ln_s: (target, path) => fs.symlinkSync(String(target), at(path)),
    mknod: (mode, major, minor, path) =>
      tool('mknod', '-m', (Number(mode) & 0o777).toString(8), at(path), 'c', String(major), String(minor)),
    mkfifo: (mode, path) => tool('mkfifo', '-m', (Number(mode) & ~0o022).toString(8), at(path)),
    rename: (old, now) => fs.renameSync(at(old), at(now)),
    fallocate64: (path, size) => tool('fallocate', '-l', String(size), at(path)),
    touch: (path) => tool('touch', at(path)),
  };
  return {
    run([name, ...args], directory) {
      try {
        (calls[name] as Call)(...places([name, ...args], directory));
        return '';
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? String(error);
      }
    },
    look(path) {
      const stat = fs.lstatSync(at(path), { bigint: true, throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      return {
        mode: Number(stat.mode),
        nlink: Number(stat.nlink),
        owner: `${stat.uid}:${stat.gid}`,
        size: stat.isDirectory() ? undefined : Number(stat.size),
        times: [stat.atimeNs, stat.mtimeNs, stat.ctimeNs],
      };
    },
    age: (path) => fs.lutimesSync(at(path), 1000, 1000),
  };
}

/** What setfattr(1) says, as a code. */
function codeOf(text: string): string {
  const words: Record<string, string> = {
    'No space left on device': 'ENOSPC',
    'Operation not supported': 'ENOTSUP',
    'Operation not permitted': 'EPERM',
    'No such attribute': 'ENODATA',
    'No data available': 'ENODATA',
    'Argument list too long': 'E2BIG',
    'Numerical result out of range': 'ERANGE',
  };
  return Object.entries(words).find(([word]) => text.includes(word))?.[1] ?? text;
}

/** Run all cases: set up, wait for the clocks to go on, act. What changed, by case. */
function outcomes(world: World): Record<string, unknown> {
  const entries = Object.entries(cases).map(([name, one], index) => ({
    name,
    ...one,
    directory: `/case${index}`,
  }));
  for (const { setup = [], watch, directory, name } of entries) {
    assert.equal(world.run(['mkdir', '/'], directory), '', name);
    for (const operation of setup)
      assert.equal(world.run(operation, directory), '', `${name}: ${operation[0]}`);
    for (const path of ['', ...watch])
      if (world.look(directory + path) !== undefined) world.age(directory + path);
  }
  // Longer than the steps of either clock.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
  const result: Record<string, unknown> = {};
  for (const { name, act, watch, directory } of entries) {
    const paths = ['', ...watch];
    const old = paths.map((path) => world.look(directory + path));
    const error = world.run(act, directory);
    const changes = paths.map((path, index) => {
      const now = world.look(directory + path);
      if (now === undefined) return [path, 'is not there'];
      const { times, ...rest } = now;
      const changed = ['atime', 'mtime', 'ctime'].filter((_, at) => times[at] !== old[index]?.times[at]);
      return [path, { ...rest, mode: rest.mode.toString(8), changed: changed.join(' ') }];
    });
    result[name] = { error, ...Object.fromEntries(changes) };
  }
  return result;
}

describe(
  'what Linux leaves behind, and what we do',
  { skip: needsKernelMount() || needsTool('mke2fs', 'e2fsck', 'setfattr', 'fallocate', 'mknod', 'mkfifo') },
  () => {
    const folder = temporaryFolder();
    let expected: Record<string, unknown> = {};
    let found: Record<string, unknown> = {};
    let refused: string | undefined;
    before(() => {
      const image = join(folder.path, 'image');
      run('mke2fs', '-q', '-F', '-t', 'ext4', image, '16M');
      const bytes = new Uint8Array(fs.readFileSync(image));
      const mountpoint = join(folder.path, 'mounted');
      fs.mkdirSync(mountpoint);
      // Reading leaves no time of access with us.
      const mounted = spawnSync('mount', ['-t', 'ext4', '-o', 'loop,noatime', image, mountpoint], {
        encoding: 'utf8',
      });
      if (mounted.status !== 0) {
        refused = `the kernel does not mount it: ${mounted.stderr}`;
        return;
      }
      const umask = process.umask(0o022);
      try {
        expected = outcomes(kernel(mountpoint));
      } finally {
        process.umask(umask);
        run('umount', mountpoint);
      }
      const opened = openExt4(memoryDevice(bytes));
      found = outcomes(ours(writeGuest({ '/': opened })));
      opened.close();
      fs.writeFileSync(image, bytes);
      run('e2fsck', '-fn', image);
    });
    after(() => folder.remove());
    for (const name of Object.keys(cases)) {
      test(name, (context) => {
        if (refused !== undefined) context.skip(refused);
        else assert.deepEqual(found[name], expected[name]);
      });
    }
  },
);
