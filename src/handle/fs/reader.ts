import { constants } from 'node:fs';
import { posix } from 'node:path';
import type { Statvfs } from '../../actions/generated/structs.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { GuestfsMethods } from '../generated/methods.ts';
import { asNode, nodeError } from './error.ts';
import { GuestFileHandle } from './file-handle.ts';
import {
  encodingOf,
  isPlainRead,
  modeOf,
  parseFlags,
  type OpenHow,
  type Encoding,
  type ReadFileOptions,
} from './flags.ts';
import { named, pathOf, type EncodingOption, type GuestPath } from './paths.ts';
import { direntFormat, GuestBigIntStats, GuestDirent, GuestStats } from './stats.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';

export type { GuestPath } from './paths.ts';

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

/** The half of node:fs/promises that reads, over a mounted guest; see GuestFs. */
export class GuestFsReader {
  /** fs.constants. */
  readonly constants = constants;
  protected readonly guest: GuestfsMethods;

  constructor(guest: GuestfsMethods) {
    this.guest = guest;
  }

  /** Resolves if the path exists and may be what is asked for: written where its mount is, run where a mode bit says so. */
  async access(path: GuestPath, mode: number = constants.F_OK): Promise<void> {
    const at = pathOf(path);
    const stat = await asNode('access', at, () => this.guest.statns(at));
    if ((mode & constants.W_OK) !== 0) {
      const { flag } = await asNode('access', at, () => this.guest.statvfs(at));
      if ((flag & ST_RDONLY) !== 0) throw nodeError('EROFS', 'access', at);
    }
    const runnable = (stat.stMode & 0o111) !== 0 || (stat.stMode & S_IFMT) === S_IFDIR;
    if ((mode & constants.X_OK) !== 0 && !runnable) throw nodeError('EACCES', 'access', at);
  }

  stat(path: GuestPath, options?: { bigint?: false }): Promise<GuestStats>;
  stat(path: GuestPath, options: { bigint: true }): Promise<GuestBigIntStats>;
  async stat(path: GuestPath, options: { bigint?: boolean } = {}): Promise<GuestStats | GuestBigIntStats> {
    const at = pathOf(path);
    const stat = await asNode('stat', at, () => this.guest.statns(at));
    return options.bigint === true ? new GuestBigIntStats(stat) : new GuestStats(stat);
  }

  lstat(path: GuestPath, options?: { bigint?: false }): Promise<GuestStats>;
  lstat(path: GuestPath, options: { bigint: true }): Promise<GuestBigIntStats>;
  async lstat(path: GuestPath, options: { bigint?: boolean } = {}): Promise<GuestStats | GuestBigIntStats> {
    const at = pathOf(path);
    const stat = await asNode('lstat', at, () => this.guest.lstatns(at));
    return options.bigint === true ? new GuestBigIntStats(stat) : new GuestStats(stat);
  }

  /** What df(1) needs of the filesystem of a path. The type is 0: the API does not tell it. */
  async statfs(path: GuestPath): Promise<GuestStatFs> {
    const at = pathOf(path);
    const { bsize, blocks, bfree, bavail, files, ffree }: Statvfs = await asNode('statfs', at, () =>
      this.guest.statvfs(at),
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
    return named(await asNode('readlink', at, () => this.guest.readlink(at)), options);
  }

  realpath(
    path: GuestPath,
    options?: BufferEncoding | { encoding?: BufferEncoding | null } | null,
  ): Promise<string>;
  realpath(path: GuestPath, options: 'buffer' | { encoding: 'buffer' }): Promise<Buffer>;
  async realpath(path: GuestPath, options?: EncodingOption): Promise<string | Buffer> {
    const at = pathOf(path);
    return named(await asNode('realpath', at, () => this.guest.realpath(at)), options);
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
    if (!isPlainRead(flag)) {
      const file = await this.open(at, flag);
      try {
        return encoding === undefined ? await file.readFile() : await file.readFile(encoding);
      } finally {
        await file.close();
      }
    }
    const bytes = await asNode('open', at, () =>
      this.guest.readFile(at, signal === undefined ? {} : { signal }),
    );
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return encoding === undefined ? buffer : buffer.toString(encoding);
  }

  /** Open a file as open(2) does with flags as text or numbers; a new one gets `mode` less the guest's umask. */
  async open(
    path: GuestPath,
    flags: string | number = 'r',
    mode: number | string = 0o666,
  ): Promise<GuestFileHandle> {
    const at = pathOf(path);
    const how = parseFlags(flags);
    if (how.write || how.create) await this.#openForWriting(at, how, modeOf(mode));
    const canonical = await asNode('open', at, () => this.guest.realpath(at));
    return new GuestFileHandle(this.guest, canonical, how);
  }

  async #openForWriting(at: string, how: OpenHow, mode: number): Promise<void> {
    await asNode('open', at, async () => {
      if (how.create && how.exclusive) {
        await this.guest.mknod(S_IFREG | mode, 0, 0, at);
        return;
      }
      if (how.create && !(await this.guest.exists(at))) {
        await this.guest.writeAppend(at, '');
        if (mode !== 0o666) await this.guest.chmod(mode & ~(await this.guest.getUmask()), at);
        return;
      }
      const { stMode } = await this.guest.statns(at);
      if (how.write && (stMode & S_IFMT) === S_IFDIR)
        throw new GuestfsError('EISDIR', `${at}: Is a directory`);
      if (how.truncate) await this.guest.truncate(at);
      else if (how.write && ((await this.guest.statvfs(at)).flag & ST_RDONLY) !== 0) {
        throw new GuestfsError('EROFS', `${at}: its filesystem is mounted read-only`);
      }
    });
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
        if (recursive && format === S_IFDIR) waiting.push(relative);
      }
    }
    return found as string[];
  }

  /** Entries of a directory with their types; what the directory does not say is asked for. */
  async #entries(directory: string): Promise<{ name: string; format: number }[]> {
    const entries = await asNode('scandir', directory, () => this.guest.readdir(directory));
    const listed = [];
    for (const { name, ftyp } of entries) {
      if (name === '.' || name === '..') continue;
      let format = direntFormat(ftyp);
      if (format === 0) {
        const at = posix.join(directory, name);
        const stat = await asNode('lstat', at, () => this.guest.lstatns(at));
        format = stat.stMode & S_IFMT;
      }
      listed.push({ name, format });
    }
    return listed;
  }

  /** A directory's entries one by one; they are all read when the first is asked for. */
  async opendir(path: GuestPath, options: { recursive?: boolean } = {}): Promise<GuestDir> {
    const at = pathOf(path);
    const stat = await asNode('opendir', at, () => this.guest.statns(at));
    if ((stat.stMode & S_IFMT) !== S_IFDIR) throw nodeError('ENOTDIR', 'opendir', at);
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

/** st_mode: the bits of the type, and two types. */
/** statvfs(3): the filesystem is mounted read-only. */
const ST_RDONLY = 1;
