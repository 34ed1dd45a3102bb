import { unescapeOctal } from '../../bytes/escapes.ts';
import { ATTRIBUTE_LETTERS } from '../../vfs/attribute-letters.ts';
import { decodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { StatFs, Xattr } from '../../filesystems/filesystem.ts';
import { deviceMajor, deviceMinor, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT } from '../../filesystems/mode.ts';
import { CallError, type FileTimes, type KernelCalls } from './kernel-calls.ts';
import { runTool } from './run-tool.ts';

/** The calls of the kernel through small programs (coreutils, attr, e2fsprogs, util-linux), where koffi is missing. */
export class ToolKernelCalls implements KernelCalls {
  xattrs(path: string): Xattr[] {
    return parseGetfattr(
      this.#text('getfattr', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--', path),
    );
  }

  setXattr(path: string, name: string, value: Uint8Array, mode: 'any' | 'create' | 'replace'): void {
    if (mode !== 'any') {
      const there = this.xattrs(path).some((xattr) => xattr.name === name);
      if (there && mode === 'create') throw new CallError('EEXIST', `${name} is there already`);
      if (!there && mode === 'replace') throw new CallError('ENODATA', `${name} is not there`);
    }
    this.#run('setfattr', '-h', '-n', name, '-v', `0x${Buffer.from(value).toString('hex')}`, '--', path);
  }

  removeXattr(path: string, name: string): void {
    if (!this.xattrs(path).some((xattr) => xattr.name === name))
      throw new CallError('ENODATA', `${name} is not there`);
    this.#run('setfattr', '-h', '-x', name, '--', path);
  }

  mknod(path: string, mode: number, rdev: number): void {
    const permissions = ['-m', (mode & 0o7777).toString(8), '--', path];
    switch (mode & S_IFMT) {
      case S_IFIFO:
        return this.#run('mknod', ...permissions, 'p');
      case S_IFBLK:
        return this.#run('mknod', ...permissions, 'b', String(deviceMajor(rdev)), String(deviceMinor(rdev)));
      case S_IFCHR:
        return this.#run('mknod', ...permissions, 'c', String(deviceMajor(rdev)), String(deviceMinor(rdev)));
      default:
        throw new CallError('ENOTSUP', 'sockets are made with koffi only');
    }
  }

  setTimes(path: string, { atime, mtime }: FileTimes): void {
    for (const [flag, time] of [
      ['-a', atime],
      ['-m', mtime],
    ] as const) {
      if (time === undefined) continue;
      this.#run('touch', '-h', '-c', flag, '-d', `@${decimal(time)}`, '--', path);
    }
  }

  statvfs(path: string): StatFs {
    return parseStatf(this.#text('stat', '-f', '-c', '%s %S %b %f %a %c %d %i %l', '--', path));
  }

  flags(path: string): number {
    return parseLsattr(this.#text('lsattr', '-d', '--', path)).flags;
  }

  setFlags(path: string, flags: number): void {
    const letters = ATTRIBUTE_LETTERS.filter(([bit, letter]) => flags & bit && CHATTR.includes(letter));
    this.#run('chattr', `=${letters.map(([, letter]) => letter).join('')}`, '--', path);
  }

  generation(path: string): number {
    return parseLsattr(this.#text('lsattr', '-d', '-v', '--', path)).generation;
  }

  setGeneration(path: string, generation: number): void {
    this.#run('chattr', '-v', String(generation), '--', path);
  }

  allocate(path: string, offset: number, length: number): void {
    this.#run('fallocate', '-o', String(offset), '-l', String(length), '--', path);
  }

  punch(path: string, offset: number, length: number): void {
    this.#run('fallocate', '--punch-hole', '-o', String(offset), '-l', String(length), '--', path);
  }

  trim(path: string, start: number, length: number, minimum: number): number {
    const text = this.#text(
      'fstrim', '-v', '-o', String(start), '-l', String(length), '-m', String(minimum), '--', path,
    ); // prettier-ignore
    const bytes = /\((\d+) bytes\)/.exec(text)?.[1];
    if (bytes === undefined) throw new CallError('EIO', `fstrim answered ${JSON.stringify(text)}`);
    return Number(bytes);
  }

  sync(path: string): void {
    this.#run('sync', '-f', '--', path);
  }

  #text(program: string, ...args: readonly string[]): string {
    try {
      return decodeText(runTool(program, args).stdout);
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      throw new CallError(error.code, error.message);
    }
  }

  #run(program: string, ...args: readonly string[]): void {
    this.#text(program, ...args);
  }
}

/** Letters that chattr(1) sets. */
const CHATTR = 'aAcCdDeFijmPsStTux';

/** Seconds with nine digits of a fraction, before 1970 too. */
function decimal({ seconds, nanoseconds }: { seconds: number; nanoseconds: number }): string {
  if (seconds >= 0 || nanoseconds === 0) return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
  return `${seconds + 1 === 0 ? '-0' : seconds + 1}.${String(1_000_000_000 - nanoseconds).padStart(9, '0')}`;
}

/** What `getfattr -d -e hex` prints of one file. */
export function parseGetfattr(text: string): Xattr[] {
  const found: Xattr[] = [];
  for (const line of text.split('\n')) {
    const match = /^([^#=][^=]*)=0x([0-9a-f]*)$/.exec(line);
    if (match === null) continue;
    // Bytes that are not printed as they are come as a backslash and three octal digits.
    const name = unescapeOctal(match[1] as string);
    found.push({ name, value: new Uint8Array(Buffer.from(match[2] as string, 'hex')) });
  }
  return found;
}

/** What `stat -f -c '%s %S %b %f %a %c %d %i %l'` prints. */
export function parseStatf(text: string): StatFs {
  const fields = text.trim().split(' ');
  const [bsize, frsize, blocks, bfree, bavail, files, ffree] = fields.map(Number);
  const fsid = BigInt(`0x${fields[7] ?? '0'}`);
  return {
    bsize: bsize ?? 0,
    frsize: frsize ?? 0,
    blocks: blocks ?? 0,
    bfree: bfree ?? 0,
    bavail: bavail ?? 0,
    files: files ?? 0,
    ffree: ffree ?? 0,
    favail: ffree ?? 0,
    fsid: fsid <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(fsid) : fsid,
    flag: 0,
    namemax: Number(fields[8] ?? '255'),
  };
}

/** What `lsattr -d` prints of one file, with or without `-v`. */
export function parseLsattr(text: string): { flags: number; generation: number } {
  const match = /^(?:(\d+) )?([-a-zA-Z]+) /.exec(text.trimStart());
  if (match === null) throw new CallError('ENOTSUP', `lsattr answered ${JSON.stringify(text)}`);
  let flags = 0;
  for (const [bit, letter] of ATTRIBUTE_LETTERS) if ((match[2] as string).includes(letter)) flags |= bit;
  return { flags: flags >>> 0, generation: Number(match[1] ?? '0') };
}
