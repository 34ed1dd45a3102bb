import type { Statns } from '../../actions/generated/structs.ts';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../filesystems/mode.ts';

const SPECIAL = { blockdev: S_IFBLK, chardev: S_IFCHR, fifo: S_IFIFO, socket: S_IFSOCK } as const;

/** What the questions of fs.Stats and fs.Dirent are answered from. */
abstract class Typed {
  protected abstract format(): number;

  isFile(): boolean {
    return this.format() === S_IFREG;
  }
  isDirectory(): boolean {
    return this.format() === S_IFDIR;
  }
  isSymbolicLink(): boolean {
    return this.format() === S_IFLNK;
  }
  isBlockDevice(): boolean {
    return this.format() === SPECIAL.blockdev;
  }
  isCharacterDevice(): boolean {
    return this.format() === SPECIAL.chardev;
  }
  isFIFO(): boolean {
    return this.format() === SPECIAL.fifo;
  }
  isSocket(): boolean {
    return this.format() === SPECIAL.socket;
  }
}

/** fs.Stats of a guest's file. The API gives no time of birth: it is the time of change. */
export class GuestStats extends Typed {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;

  constructor(stat: Statns) {
    super();
    this.dev = stat.stDev;
    this.ino = stat.stIno;
    this.mode = stat.stMode;
    this.nlink = stat.stNlink;
    this.uid = stat.stUid;
    this.gid = stat.stGid;
    this.rdev = stat.stRdev;
    this.size = stat.stSize;
    this.blksize = stat.stBlksize;
    this.blocks = stat.stBlocks;
    this.atimeMs = stat.stAtimeSec * 1000 + stat.stAtimeNsec / 1e6;
    this.mtimeMs = stat.stMtimeSec * 1000 + stat.stMtimeNsec / 1e6;
    this.ctimeMs = stat.stCtimeSec * 1000 + stat.stCtimeNsec / 1e6;
    this.birthtimeMs = this.ctimeMs;
  }

  protected override format(): number {
    return this.mode & S_IFMT;
  }
  get atime(): Date {
    return new Date(Math.round(this.atimeMs));
  }
  get mtime(): Date {
    return new Date(Math.round(this.mtimeMs));
  }
  get ctime(): Date {
    return new Date(Math.round(this.ctimeMs));
  }
  get birthtime(): Date {
    return new Date(Math.round(this.birthtimeMs));
  }
}

const nanoseconds = (seconds: number, rest: number): bigint =>
  BigInt(seconds) * 1_000_000_000n + BigInt(rest);

/** fs.BigIntStats of a guest's file. */
export class GuestBigIntStats extends Typed {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly blksize: bigint;
  readonly blocks: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;

  constructor(stat: Statns) {
    super();
    this.dev = BigInt(stat.stDev);
    this.ino = BigInt(stat.stIno);
    this.mode = BigInt(stat.stMode);
    this.nlink = BigInt(stat.stNlink);
    this.uid = BigInt(stat.stUid);
    this.gid = BigInt(stat.stGid);
    this.rdev = BigInt(stat.stRdev);
    this.size = BigInt(stat.stSize);
    this.blksize = BigInt(stat.stBlksize);
    this.blocks = BigInt(stat.stBlocks);
    this.atimeNs = nanoseconds(stat.stAtimeSec, stat.stAtimeNsec);
    this.mtimeNs = nanoseconds(stat.stMtimeSec, stat.stMtimeNsec);
    this.ctimeNs = nanoseconds(stat.stCtimeSec, stat.stCtimeNsec);
    this.birthtimeNs = this.ctimeNs;
  }

  protected override format(): number {
    return Number(this.mode) & S_IFMT;
  }
  get atimeMs(): bigint {
    return this.atimeNs / 1_000_000n;
  }
  get mtimeMs(): bigint {
    return this.mtimeNs / 1_000_000n;
  }
  get ctimeMs(): bigint {
    return this.ctimeNs / 1_000_000n;
  }
  get birthtimeMs(): bigint {
    return this.birthtimeNs / 1_000_000n;
  }
  get atime(): Date {
    return new Date(Number(this.atimeMs));
  }
  get mtime(): Date {
    return new Date(Number(this.mtimeMs));
  }
  get ctime(): Date {
    return new Date(Number(this.ctimeMs));
  }
  get birthtime(): Date {
    return new Date(Number(this.birthtimeMs));
  }
}

/** Types as struct dirent has them, in st_mode's form. */
const DIRENT_TYPES: Readonly<Record<string, number>> = {
  r: S_IFREG,
  d: S_IFDIR,
  l: S_IFLNK,
  b: SPECIAL.blockdev,
  c: SPECIAL.chardev,
  f: SPECIAL.fifo,
  s: SPECIAL.socket,
};

/** Type of a directory entry in st_mode's form; 0 where the directory does not say. */
export function direntFormat(letter: string): number {
  return DIRENT_TYPES[letter] ?? 0;
}

/** fs.Dirent of a guest's directory. */
export class GuestDirent<N extends string | Buffer = string> extends Typed {
  readonly name: N;
  /** Absolute path of the directory. */
  readonly parentPath: string;
  /** The same under its older name. */
  readonly path: string;
  readonly #format: number;

  constructor(name: N, parentPath: string, format: number) {
    super();
    this.name = name;
    this.parentPath = parentPath;
    this.path = parentPath;
    this.#format = format;
  }

  protected override format(): number {
    return this.#format;
  }
}
