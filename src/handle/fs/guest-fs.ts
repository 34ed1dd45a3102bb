import { constants } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Statvfs } from '../../actions/generated/structs.ts';
import { decodeText, encodeText } from '../../bytes/text.ts';
import type { GuestfsMethods } from '../generated/methods.ts';
import { asNode, nodeError } from './error.ts';
import { encodingOf, GuestFileHandle, type Encoding, type ReadFileOptions } from './file-handle.ts';
import { direntFormat, GuestBigIntStats, GuestDirent, GuestStats } from './stats.ts';

/** A path in the guest; a relative one counts from `/`. */
export type GuestPath = string | Buffer | URL;

type EncodingOption = Encoding | null | { encoding?: Encoding | null };

/** Options of {@link GuestFs.readdir}. */
export interface ReaddirOptions {
  encoding?: Encoding | null;
  withFileTypes?: boolean;
  recursive?: boolean;
}

/** fs.StatFs of a guest's filesystem. */
export interface GuestStatFs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
}

/** A directory that was opened, in the shape of fs.Dir. */
export interface GuestDir extends AsyncIterable<GuestDirent> {
  readonly path: string;
  read(): Promise<GuestDirent | null>;
  close(): Promise<void>;
}

function pathOf(path: GuestPath): string {
  const text = path instanceof URL ? fileURLToPath(path) : Buffer.isBuffer(path) ? decodeText(path) : path;
  if (typeof text !== 'string')
    throw new TypeError(`path must be a string, a Buffer or a URL, found ${typeof text}`);
  return text === '' || text.startsWith('/') ? text : `/${text}`;
}

function wantsBuffer(options: EncodingOption | undefined): boolean {
  return options === 'buffer' || (typeof options === 'object' && options?.encoding === 'buffer');
}

/** A guest's name as a caller wants it: text with escaped bytes, or the bytes. */
function named(text: string, options: EncodingOption | undefined): string | Buffer {
  return wantsBuffer(options) ? Buffer.from(encodeText(text)) : text;
}

const WRITING =
  constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;

function opensForReading(flags: string | number): boolean {
  return typeof flags === 'number'
    ? (flags & WRITING) === 0
    : flags === 'r' || flags === 'rs' || flags === 'sr';
}

/**
 * The mounted guest in the shape of node:fs/promises, so that libraries that take such an object work on a guest:
 * what reads works, what writes rejects with EROFS. Errors are like those of node:fs (`code`, `errno`, `syscall`,
 * `path`), the GuestfsError is their `cause`. Bytes of names that are no UTF-8 come as U+DC80 to U+DCFF, or as they
 * are with the encoding `buffer`.
 */
export class GuestFs {
  /** fs.constants. */
  readonly constants = constants;
  readonly #guest: GuestfsMethods;

  constructor(guest: GuestfsMethods) {
    this.#guest = guest;
  }

  /** Resolves if the path exists; a question for write access rejects with EROFS. */
  async access(path: GuestPath, mode: number = constants.F_OK): Promise<void> {
    const at = pathOf(path);
    const stat = await asNode('access', at, () => this.#guest.statns(at));
    if ((mode & constants.W_OK) !== 0) throw nodeError('EROFS', 'access', at);
    const runnable = (stat.stMode & 0o111) !== 0 || (stat.stMode & 0o170000) === 0o040000;
    if ((mode & constants.X_OK) !== 0 && !runnable) throw nodeError('EACCES', 'access', at);
  }

  stat(path: GuestPath, options?: { bigint?: false }): Promise<GuestStats>;
  stat(path: GuestPath, options: { bigint: true }): Promise<GuestBigIntStats>;
  async stat(path: GuestPath, options: { bigint?: boolean } = {}): Promise<GuestStats | GuestBigIntStats> {
    const at = pathOf(path);
    const stat = await asNode('stat', at, () => this.#guest.statns(at));
    return options.bigint === true ? new GuestBigIntStats(stat) : new GuestStats(stat);
  }

  lstat(path: GuestPath, options?: { bigint?: false }): Promise<GuestStats>;
  lstat(path: GuestPath, options: { bigint: true }): Promise<GuestBigIntStats>;
  async lstat(path: GuestPath, options: { bigint?: boolean } = {}): Promise<GuestStats | GuestBigIntStats> {
    const at = pathOf(path);
    const stat = await asNode('lstat', at, () => this.#guest.lstatns(at));
    return options.bigint === true ? new GuestBigIntStats(stat) : new GuestStats(stat);
  }

  /** What df(1) needs of the filesystem of a path. The type is 0: the API does not tell it. */
  async statfs(path: GuestPath): Promise<GuestStatFs> {
    const at = pathOf(path);
    const { bsize, blocks, bfree, bavail, files, ffree }: Statvfs = await asNode('statfs', at, () =>
      this.#guest.statvfs(at),
    );
    return { type: 0, bsize, blocks, bfree, bavail, files, ffree };
  }

  readlink(
    path: GuestPath,
    options?: BufferEncoding | { encoding?: BufferEncoding | null } | null,
  ): Promise<string>;
  readlink(path: GuestPath, options: 'buffer' | { encoding: 'buffer' }): Promise<Buffer>;
  async readlink(path: GuestPath, options?: EncodingOption): Promise<string | Buffer> {
    const at = pathOf(path);
    return named(await asNode('readlink', at, () => this.#guest.readlink(at)), options);
  }

  realpath(
    path: GuestPath,
    options?: BufferEncoding | { encoding?: BufferEncoding | null } | null,
  ): Promise<string>;
  realpath(path: GuestPath, options: 'buffer' | { encoding: 'buffer' }): Promise<Buffer>;
  async realpath(path: GuestPath, options?: EncodingOption): Promise<string | Buffer> {
    const at = pathOf(path);
    return named(await asNode('realpath', at, () => this.#guest.realpath(at)), options);
  }

  readFile(
    path: GuestPath | GuestFileHandle,
    options?: null | 'buffer' | { encoding?: null | 'buffer'; flag?: string; signal?: AbortSignal },
  ): Promise<Buffer>;
  readFile(
    path: GuestPath | GuestFileHandle,
    options: BufferEncoding | { encoding: BufferEncoding; flag?: string; signal?: AbortSignal },
  ): Promise<string>;
  async readFile(path: GuestPath | GuestFileHandle, options?: ReadFileOptions): Promise<Buffer | string> {
    const encoding = encodingOf(options);
    if (path instanceof GuestFileHandle) {
      return encoding === undefined ? path.readFile() : path.readFile(encoding);
    }
    const { flag = 'r', signal } = typeof options === 'object' ? (options ?? {}) : {};
    signal?.throwIfAborted();
    const at = pathOf(path);
    if (!opensForReading(flag)) throw nodeError('EROFS', 'open', at);
    const bytes = await asNode('open', at, () =>
      this.#guest.readFile(at, signal === undefined ? {} : { signal }),
    );
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return encoding === undefined ? buffer : buffer.toString(encoding);
  }

  /** Open a file for reading; other flags reject with EROFS. */
  async open(path: GuestPath, flags: string | number = 'r'): Promise<GuestFileHandle> {
    const at = pathOf(path);
    if (!opensForReading(flags)) throw nodeError('EROFS', 'open', at);
    return new GuestFileHandle(this.#guest, await asNode('open', at, () => this.#guest.realpath(at)));
  }

  readdir(
    path: GuestPath,
    options?:
      | BufferEncoding
      | null
      | { encoding?: BufferEncoding | null; withFileTypes?: false; recursive?: boolean },
  ): Promise<string[]>;
  readdir(
    path: GuestPath,
    options: 'buffer' | { encoding: 'buffer'; withFileTypes?: false; recursive?: boolean },
  ): Promise<Buffer[]>;
  readdir(
    path: GuestPath,
    options: { encoding?: BufferEncoding | null; withFileTypes: true; recursive?: boolean },
  ): Promise<GuestDirent[]>;
  async readdir(
    path: GuestPath,
    options?: Encoding | null | ReaddirOptions,
  ): Promise<string[] | Buffer[] | GuestDirent[] | GuestDirent<Buffer>[]> {
    const top = pathOf(path);
    const { withFileTypes = false, recursive = false } = typeof options === 'object' ? (options ?? {}) : {};
    const found: unknown[] = [];
    const waiting = [''];
    for (let below = waiting.shift(); below !== undefined; below = waiting.shift()) {
      const directory = below === '' ? top : posix.join(top, below);
      for (const { name, format } of await this.#entries(directory)) {
        const relative = below === '' ? name : `${below}/${name}`;
        const shown = named(withFileTypes ? name : relative, options);
        found.push(withFileTypes ? new GuestDirent(shown, directory, format) : shown);
        if (recursive && format === DIRECTORY) waiting.push(relative);
      }
    }
    return found as string[];
  }

  /** Entries of a directory with their types; what the directory does not say is asked for. */
  async #entries(directory: string): Promise<{ name: string; format: number }[]> {
    const entries = await asNode('scandir', directory, () => this.#guest.readdir(directory));
    const listed = [];
    for (const { name, ftyp } of entries) {
      if (name === '.' || name === '..') continue;
      let format = direntFormat(ftyp);
      if (format === 0) {
        const at = posix.join(directory, name);
        const stat = await asNode('lstat', at, () => this.#guest.lstatns(at));
        format = stat.stMode & 0o170000;
      }
      listed.push({ name, format });
    }
    return listed;
  }

  /** A directory's entries one by one; they are all read when the first is asked for. */
  async opendir(path: GuestPath, options: { recursive?: boolean } = {}): Promise<GuestDir> {
    const at = pathOf(path);
    const stat = await asNode('opendir', at, () => this.#guest.statns(at));
    if ((stat.stMode & 0o170000) !== DIRECTORY) throw nodeError('ENOTDIR', 'opendir', at);
    let left: GuestDirent[] | undefined;
    const read = async (): Promise<GuestDirent | null> => {
      left ??= await this.readdir(at, { withFileTypes: true, recursive: options.recursive ?? false });
      return left.shift() ?? null;
    };
    const close = async (): Promise<void> => {
      left = [];
    };
    return {
      path: at,
      read,
      close,
      async *[Symbol.asyncIterator]() {
        for (let entry = await read(); entry !== null; entry = await read()) yield entry;
      },
    };
  }
}

const DIRECTORY = 0o040000;

/** The functions of node:fs/promises that change something, with the system call each names in its error. */
const REFUSED = {
  appendFile: 'open',
  chmod: 'chmod',
  chown: 'chown',
  copyFile: 'copyfile',
  cp: 'cp',
  lchmod: 'lchmod',
  lchown: 'lchown',
  link: 'link',
  lutimes: 'lutime',
  mkdir: 'mkdir',
  mkdtemp: 'mkdtemp',
  rename: 'rename',
  rm: 'rm',
  rmdir: 'rmdir',
  symlink: 'symlink',
  truncate: 'open',
  unlink: 'unlink',
  utimes: 'utime',
  writeFile: 'open',
} as const;

/** What refuses: it rejects with EROFS. */
export type GuestFsRefusals = Record<
  keyof typeof REFUSED,
  (path: GuestPath, ...rest: unknown[]) => Promise<never>
>;

for (const [name, syscall] of Object.entries(REFUSED)) {
  Object.defineProperty(GuestFs.prototype, name, {
    async value(path: GuestPath): Promise<never> {
      throw nodeError('EROFS', syscall, pathOf(path));
    },
    writable: true,
    configurable: true,
  });
}

/** {@link GuestFs} with the functions that refuse. */
export type GuestFsPromises = GuestFs & GuestFsRefusals;
