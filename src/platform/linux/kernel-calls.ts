import { constants } from 'node:fs';
import { cString } from './host-bytes.ts';
import { errorName } from './kernel-error.ts';
import type { ErrorCode } from '../../errors/index.ts';
import type { StatFs, Xattr } from '../../filesystems/filesystem.ts';
import { decodeText } from '../../bytes/text.ts';
import { linuxLibrary, type NativeLibrary } from '../../native/library.ts';

/** A time of a file as utimensat(2) takes it; absent ones stay. */
export interface FileTimes {
  readonly atime?: { seconds: number; nanoseconds: number } | undefined;
  readonly mtime?: { seconds: number; nanoseconds: number } | undefined;
}

/**
 * What Linux can do with a file and node:fs cannot. Paths are the host's; no call follows a link at the end of one.
 * Failures are {@link CallError}s.
 */
export interface KernelCalls {
  xattrs(path: string): Xattr[];
  setXattr(path: string, name: string, value: Uint8Array, mode: 'any' | 'create' | 'replace'): void;
  removeXattr(path: string, name: string): void;
  mknod(path: string, mode: number, rdev: number): void;
  setTimes(path: string, times: FileTimes): void;
  statvfs(path: string): StatFs;
  flags(path: string): number;
  setFlags(path: string, flags: number): void;
  generation(path: string): number;
  setGeneration(path: string, generation: number): void;
  allocate(path: string, offset: number, length: number): void;
  punch(path: string, offset: number, length: number): void;
  /** FITRIM; bytes that were discarded. */
  trim(path: string, start: number, length: number, minimum: number): number;
  /** syncfs(2) of the filesystem of a path. */
  sync(path: string): void;
}

/** A call of the kernel failed. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const UTIME_OMIT = 0x3ffffffe;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const O_RDONLY_NOFOLLOW = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const O_WRONLY_NOFOLLOW = constants.O_WRONLY | constants.O_NOFOLLOW;
const XATTR_MODES = { any: 0, create: 1, replace: 2 } as const;
/** include/uapi/linux/fs.h, on machines whose `long` has 64 bits. */
const GETFLAGS = 0x80086601;
const SETFLAGS = 0x40086602;
const GETVERSION = 0x80087601;
const SETVERSION = 0x40087602;
const FITRIM = 0xc0185879;
const PUNCH_KEEP_SIZE = 3;
/** Bytes that a list or a value of extended attributes can have. */
const XATTR_SIZE_MAX = 65536;
/** Words of a `struct statvfs` of the C libraries for 64-bit machines that mean something, and of all of it. */
const STATVFS_WORDS = 11;
const STATVFS_BYTES = 256;

/** The calls through koffi; undefined as {@link linuxLibrary}. */
export function nativeKernelCalls(): KernelCalls | undefined {
  const libc = linuxLibrary();
  return libc === undefined ? undefined : new NativeKernelCalls(libc);
}

class NativeKernelCalls implements KernelCalls {
  readonly #libc: NativeLibrary;
  readonly #functions: Record<string, (...args: unknown[]) => number>;

  constructor(libc: NativeLibrary) {
    this.#libc = libc;
    const declarations = {
      llistxattr: 'int64_t llistxattr(void *path, void *list, size_t size)',
      lgetxattr: 'int64_t lgetxattr(void *path, void *name, void *value, size_t size)',
      lsetxattr: 'int lsetxattr(void *path, void *name, void *value, size_t size, int flags)',
      lremovexattr: 'int lremovexattr(void *path, void *name)',
      mknod: 'int mknod(void *path, unsigned int mode, uint64_t rdev)',
      utimensat: 'int utimensat(int fd, void *path, void *times, int flags)',
      statvfs: 'int statvfs(void *path, void *answer)',
      open: 'int open(void *path, int flags)',
      close: 'int close(int fd)',
      ioctl: 'int ioctl(int fd, unsigned long request, void *argument)',
      fallocate: 'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
      syncfs: 'int syncfs(int fd)',
    };
    this.#functions = Object.fromEntries(
      Object.entries(declarations).map(([name, declaration]) => [name, libc.numeric(declaration)]),
    );
  }

  #call(name: string, ...args: unknown[]): number {
    const answer = this.#functions[name]?.(...args) ?? -1;
    if (answer < 0) throw new CallError(errorName(this.#libc.errno()), `${name} failed`);
    return answer;
  }

  xattrs(path: string): Xattr[] {
    const where = cString(path);
    let size = this.#call('llistxattr', where, null, 0);
    if (size === 0) return [];
    const list = new Uint8Array(Math.min(XATTR_SIZE_MAX, size + 1024));
    size = this.#call('llistxattr', where, list, list.length);
    const found: Xattr[] = [];
    for (let at = 0; at < size;) {
      const end = list.indexOf(0, at);
      const name = decodeText(list, at, end);
      at = end + 1;
      try {
        const value = new Uint8Array(this.#call('lgetxattr', where, cString(name), null, 0));
        const got =
          value.length === 0 ? 0 : this.#call('lgetxattr', where, cString(name), value, value.length);
        found.push({ name, value: value.subarray(0, got) });
      } catch (error) {
        // A filesystem lists names of attributes that it does not give.
        if (!(error instanceof CallError) || (error.code !== 'ENODATA' && error.code !== 'ENOTSUP'))
          throw error;
      }
    }
    return found;
  }

  setXattr(path: string, name: string, value: Uint8Array, mode: keyof typeof XATTR_MODES): void {
    this.#call('lsetxattr', cString(path), cString(name), value, value.length, XATTR_MODES[mode]);
  }

  removeXattr(path: string, name: string): void {
    this.#call('lremovexattr', cString(path), cString(name));
  }

  mknod(path: string, mode: number, rdev: number): void {
    this.#call('mknod', cString(path), mode, rdev);
  }

  setTimes(path: string, { atime, mtime }: FileTimes): void {
    const times = new BigInt64Array(4);
    for (const [index, time] of [atime, mtime].entries()) {
      times[index * 2] = BigInt(time?.seconds ?? 0);
      times[index * 2 + 1] = BigInt(time?.nanoseconds ?? UTIME_OMIT);
    }
    this.#call('utimensat', AT_FDCWD, cString(path), new Uint8Array(times.buffer), AT_SYMLINK_NOFOLLOW);
  }

  statvfs(path: string): StatFs {
    const answer = new Uint8Array(STATVFS_BYTES);
    this.#call('statvfs', cString(path), answer);
    const words = Array.from(new BigUint64Array(answer.buffer, 0, STATVFS_WORDS));
    const [bsize, frsize, blocks, bfree, bavail, files, ffree, favail, fsid, flag, namemax] =
      words.map(Number);
    return {
      bsize: bsize as number,
      frsize: frsize as number,
      blocks: blocks as number,
      bfree: bfree as number,
      bavail: bavail as number,
      files: files as number,
      ffree: ffree as number,
      favail: favail as number,
      fsid: Number.isSafeInteger(fsid) ? (fsid as number) : (words[8] as bigint),
      flag: flag as number,
      namemax: namemax as number,
    };
  }

  flags(path: string): number {
    return this.#ioctl(path, GETFLAGS);
  }

  setFlags(path: string, flags: number): void {
    this.#ioctl(path, SETFLAGS, flags);
  }

  generation(path: string): number {
    return this.#ioctl(path, GETVERSION);
  }

  setGeneration(path: string, generation: number): void {
    this.#ioctl(path, SETVERSION, generation);
  }

  allocate(path: string, offset: number, length: number): void {
    this.#withDescriptor(path, O_WRONLY_NOFOLLOW, (fd) => this.#call('fallocate', fd, 0, offset, length));
  }

  punch(path: string, offset: number, length: number): void {
    this.#withDescriptor(path, O_WRONLY_NOFOLLOW, (fd) =>
      this.#call('fallocate', fd, PUNCH_KEEP_SIZE, offset, length),
    );
  }

  trim(path: string, start: number, length: number, minimum: number): number {
    const range = new BigUint64Array([BigInt(start), BigInt(length), BigInt(minimum)]);
    const bytes = new Uint8Array(range.buffer);
    this.#withDescriptor(path, O_RDONLY_NOFOLLOW, (fd) => this.#call('ioctl', fd, FITRIM, bytes));
    return Number(range[1]);
  }

  sync(path: string): void {
    this.#withDescriptor(path, O_RDONLY_NOFOLLOW, (fd) => this.#call('syncfs', fd));
  }

  /** An ioctl whose argument is an int, although its number says that it is a long. */
  #ioctl(path: string, request: number, value = 0): number {
    const argument = new Uint32Array([value, 0]);
    const bytes = new Uint8Array(argument.buffer);
    this.#withDescriptor(path, O_RDONLY_NOFOLLOW, (fd) => {
      try {
        this.#call('ioctl', fd, request, bytes);
      } catch (error) {
        // ENOTTY has no name here: the filesystem does not know the question.
        if (this.#libc.errno() === 25) throw new CallError('ENOTSUP', 'ioctl is not known');
        throw error;
      }
    });
    return argument[0] as number;
  }

  #withDescriptor(path: string, flags: number, use: (fd: number) => void): void {
    const fd = this.#call('open', cString(path), flags);
    try {
      use(fd);
    } finally {
      this.#functions['close']?.(fd);
    }
  }
}
