import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { decodeText } from '../../bytes/text.ts';
import { GuestfsError, UnsupportedError, type ErrorDetails } from '../../errors/index.ts';
import { linuxLibrary } from '../../native/library.ts';
import type { ToolOptions, ToolResult, ToolStream } from '../tools-capability.ts';
import { withFolder } from './folder.ts';
import { isPlainText } from './host-bytes.ts';
import { codeOfMessage } from './kernel-error.ts';
import { sleep } from '../../native/sleep.ts';

/** Where programs are looked for beside the folders of PATH: a daemon's PATH often lacks those of the administrator. */
export const PROGRAM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];
/** Bytes of output that are taken where nothing else is said. */
const OUTPUT_LIMIT = 64 * 1024 * 1024;
/** Characters of what a program wrote to stderr that a message quotes: its end says why it failed. */
const QUOTED = 4096;
const CHUNK = 256 * 1024;
const DEFAULT_UMASK = 0o022;
/** Milliseconds between two looks at a program that has closed its output and is about to end. */
const STEP = 2;

function searchPath(): string[] {
  const given = (process.env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return [...new Set([...given, ...PROGRAM_FOLDERS])];
}

/** The file of a program, or undefined where there is none. */
export function findProgram(name: string): string | undefined {
  if (name === '' || name.includes('/') || name.includes('\0')) return undefined;
  for (const folder of searchPath()) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // The next folder may have it.
    }
  }
  return undefined;
}

/** The file of a program. Throws UnsupportedError naming it. */
export function needProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) {
    throw new UnsupportedError(
      `the program ${name}, which this needs, is not installed where the daemon runs`,
    );
  }
  return path;
}

/** What {@link runTool} needs beside ToolOptions. */
export interface RunOptions extends Omit<ToolOptions, 'inGuest'> {
  /** Folder that becomes the program's root; the program is then looked for in it by chroot(8). */
  readonly root?: string;
  /** The program is the guest's: what its messages say is no error of ours. */
  readonly foreign?: boolean;
}

/** Run a program to its end. Throws as ToolsCapability says. */
export function runTool(program: string, args: readonly string[], options: RunOptions = {}): ToolResult {
  const [file, argv] = commandLine(program, args, options);
  if (options.background === true) return runInFront(program, file, argv, options);
  const limit = options.limit ?? OUTPUT_LIMIT;
  const run = withUmask(options, () =>
    spawnSync(file, argv, {
      argv0: basename(file),
      env: environment(options),
      maxBuffer: limit,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.input === undefined ? {} : { input: options.input }),
    }),
  );
  if (run.error !== undefined) {
    const { code } = run.error as NodeJS.ErrnoException;
    if (code === 'ENOBUFS') {
      throw new GuestfsError(
        'EFBIG',
        `${program} wrote more than the ${limit} bytes that are taken from it`,
        {
          ...options.about,
        },
      );
    }
    // A program that has ended need not have read its input.
    if (code !== 'EPIPE') {
      throw new GuestfsError('EIO', `${program} cannot be started: ${run.error.message}`, {
        ...options.about,
        cause: run.error,
      });
    }
  }
  const stderr = decodeText(run.stderr).replace(/\s+$/, '');
  check(program, run.status, run.signal, stderr, options, decodeText(run.stdout.subarray(0, QUOTED)));
  return { status: run.status ?? 0, stdout: run.stdout, stderr };
}

/** Run a program up to its own end. What it leaves running writes to a file whose name is gone, instead of a pipe. */
function runInFront(program: string, file: string, argv: readonly string[], options: RunOptions): ToolResult {
  return withFolder((folder) => {
    const path = join(folder, 'messages');
    const fd = openSync(path, 'wx', 0o600);
    try {
      const { status, signal } = withUmask(options, () =>
        spawnSync(file, argv, { env: environment(options), stdio: ['ignore', fd, fd] }),
      );
      const text = decodeText(readFileSync(path).subarray(0, CHUNK)).replace(/\s+$/, '');
      check(program, status, signal, text, options);
      return { status: status ?? 0, stdout: new Uint8Array(0), stderr: text };
    } finally {
      closeSync(fd);
    }
  });
}

/** Run a program whose input or output passes by; see ToolsCapability. */
export function streamTool(
  program: string,
  args: readonly string[],
  stream: ToolStream,
  options: RunOptions = {},
): void {
  const [file, argv] = commandLine(program, args, options);
  withFolder((folder) => {
    const fifo = join(folder, 'pipe');
    runTool('mkfifo', ['-m', '0600', '--', fifo]);
    const messages = openSync(join(folder, 'messages'), 'wx+', 0o600);
    // A first reader without waiting, so that neither of the ends that are kept has to wait for the other.
    const holder = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, constants.O_WRONLY);
    const reader = openSync(fifo, constants.O_RDONLY);
    closeSync(holder);
    const reading = 'write' in stream;
    const [ours, theirs] = reading ? [reader, writer] : [writer, reader];
    let open = true;
    const closeOurs = (): void => {
      if (open) closeSync(ours);
      open = false;
    };
    try {
      const child = withUmask(options, () =>
        spawn(file, argv, {
          argv0: basename(file),
          env: environment(options),
          stdio: reading ? ['ignore', theirs, messages] : [theirs, 'ignore', messages],
        }),
      );
      closeSync(theirs);
      child.on('error', () => undefined);
      child.unref();
      const { pid } = child;
      if (pid === undefined)
        throw new GuestfsError('EIO', `${program} cannot be started`, { ...options.about });
      try {
        if ('write' in stream) drain(ours, stream.write);
        else feed(ours, stream.read);
      } catch (error) {
        child.kill('SIGKILL');
        closeOurs();
        waitFor(pid);
        throw error;
      }
      closeOurs();
      const { status, signal } = waitFor(pid);
      const text = readFileSync(join(folder, 'messages')).subarray(0, CHUNK);
      check(program, status, signal, decodeText(text).replace(/\s+$/, ''), options);
    } finally {
      closeOurs();
      closeSync(messages);
    }
  });
}

function drain(fd: number, write: (chunk: Uint8Array) => void): void {
  const chunk = new Uint8Array(CHUNK);
  for (;;) {
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) return;
    write(chunk.subarray(0, count));
  }
}

function feed(fd: number, read: (into: Uint8Array) => number): void {
  const chunk = new Uint8Array(CHUNK);
  let broken = false;
  for (;;) {
    const count = read(chunk);
    if (count === 0) return;
    // What the caller sends is taken to its end, also where the program has gone.
    for (let done = 0; done < count && !broken;) {
      try {
        done += writeSync(fd, chunk, done, count - done);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
        broken = true;
      }
    }
  }
}

/**
 * Wait for a child of this process without the event loop, which synchronous code does not turn: as long as nobody
 * waited for it, the kernel shows it as a zombie, with the status that wait(2) would give.
 */
function waitFor(pid: number): { status: number | null; signal: string | null } {
  const libc = linuxLibrary();
  if (libc !== undefined) {
    // Nobody else waits for it as long as the event loop stands still, and so it does not stay a zombie.
    waitpid ??= libc.numeric('int waitpid(int pid, void *status, int options)');
    const status = new Int32Array(1);
    if (waitpid(pid, new Uint8Array(status.buffer), 0) === pid) return ending(status[0] as number);
  }
  for (;;) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    } catch {
      return { status: null, signal: 'unknown' };
    }
    // proc(5): the name, in parentheses, may hold anything; the state follows it, and the exit code is the last field.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .trim()
      .split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') {
      return ending(Number(fields[EXIT_CODE_FIELD] ?? '0'));
    }
    sleep(STEP);
  }
}

let waitpid: ((...args: unknown[]) => number) | undefined;

/** How a program ended, by what wait(2) tells of it. */
function ending(code: number): { status: number | null; signal: string | null } {
  const signal = code & 0x7f;
  return signal === 0
    ? { status: (code >> 8) & 0xff, signal: null }
    : { status: null, signal: `number ${signal}` };
}

/** Field 52 of proc(5)'s stat, counted from the third, the state. */
const EXIT_CODE_FIELD = 52 - 3;

/** The daemon's own umask is 0, because it takes the session's out of modes itself. */
function withUmask<T>({ umask = DEFAULT_UMASK }: RunOptions, start: () => T): T {
  const own = process.umask(umask);
  try {
    return start();
  } finally {
    process.umask(own);
  }
}

function commandLine(program: string, args: readonly string[], { root }: RunOptions): [string, string[]] {
  for (const argument of [program, ...args]) {
    if (!isPlainText(argument)) {
      throw new UnsupportedError(
        `${program}: an argument is not UTF-8 or has a NUL in it, which programs cannot be given here`,
      );
    }
  }
  if (root === undefined) return [needProgram(program), [...args]];
  return [needProgram('chroot'), ['--', root, program, ...args]];
}

function environment(options: RunOptions): Record<string, string | undefined> {
  // What the daemon was started with is no business of the guest's.
  if (options.root !== undefined) {
    const own = { PATH: PROGRAM_FOLDERS.join(':'), HOME: '/root', TERM: process.env['TERM'] ?? 'linux' };
    return { ...own, LC_ALL: 'C', ...options.environment };
  }
  return { ...process.env, PATH: searchPath().join(':'), LC_ALL: 'C', ...options.environment };
}

function check(
  program: string,
  status: number | null,
  signal: string | null,
  stderr: string,
  options: RunOptions,
  stdout = '',
): void {
  if (status !== null && (status === 0 || options.accept?.includes(status))) return;
  // Some programs say on their output why they fail.
  const whole = stderr === '' ? stdout.trim() : stderr;
  // Many explain all their options where one is wrong.
  const said = options.foreign ? whole : whole.replace(/\n+usage:[^]*$/i, '');
  const text = said.length > QUOTED ? `... ${said.slice(-QUOTED)}` : said;
  const notRun = options.root === undefined ? null : /^chroot: failed to run command .*: (.*)$/m.exec(stderr);
  if (notRun !== null) throw notRunnable(program, notRun[1] as string, details(options));
  const how = status === null ? `was ended by signal ${signal}` : `ended with status ${status}`;
  const code = options.foreign ? 'EIO' : codeOfMessage(text);
  throw new GuestfsError(
    code,
    text === '' ? `${program} ${how}` : `${program} ${how}: ${text}`,
    details(options),
  );
}

function details({ about }: RunOptions): ErrorDetails {
  return { ...about };
}

/** Why a program of the guest did not even start. */
function notRunnable(program: string, why: string, about: ErrorDetails): GuestfsError {
  if (/Exec format error/.test(why)) {
    return new UnsupportedError(
      `${program}: the guest's program is for another machine than ${process.arch}, where it was to run`,
      about,
    );
  }
  return new GuestfsError(codeOfMessage(why), `${program}: ${why}`, about);
}
