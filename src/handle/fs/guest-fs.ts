import { constants } from 'node:fs';
import { posix } from 'node:path';
import { GuestfsError } from '../../errors/index.ts';
import { asNode, nodeError, type GuestFsError } from './error.ts';
import { GuestFileHandle } from './file-handle.ts';
import { bytesOf, encodingOf, modeOf, parseFlags, piecesOf, timeOf, type FileData } from './flags.ts';
import { named, pathOf, type EncodingOption, type GuestPath } from './paths.ts';
import { GuestFsReader } from './reader.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../filesystems/mode.ts';

export type { GuestDir, GuestPath, GuestStatFs, ReaddirOptions } from './reader.ts';

type Time = number | string | Date;

/** Options of {@link GuestFs.writeFile} and {@link GuestFs.appendFile}. */
export type WriteFileOptions =
  | BufferEncoding
  | null
  | {
      encoding?: BufferEncoding | null;
      mode?: number | string;
      flag?: string | number;
      signal?: AbortSignal;
      /** Make it durable before the promise settles. */
      flush?: boolean;
    };

/** Options of {@link GuestFs.cp}. */
export interface CpOptions {
  recursive?: boolean;
  /** Write over what is there; default true. */
  force?: boolean;
  errorOnExist?: boolean;
  preserveTimestamps?: boolean;
  /** Copy what links lead to. */
  dereference?: boolean;
  /** Leave the targets of links as they are; else relative ones become absolute. */
  verbatimSymlinks?: boolean;
  filter?: (source: string, destination: string) => boolean | Promise<boolean>;
}

/**
 * The mounted guest in the shape of node:fs/promises, so that libraries that take such an object work on a guest. Errors
 * are like those of node:fs (`code`, `errno`, `syscall`, `path`, `dest`), the GuestfsError is their `cause`. What is
 * written is owned by root, as everything that the API makes. Bytes of names that are no UTF-8 come as U+DC80 to U+DCFF,
 * or as they are with the encoding `buffer`.
 */
export class GuestFs extends GuestFsReader {
  /**
   * Give a file its content, making it if need be. With the flag `w` (the default) the file has its old content or the
   * new one, whatever happens on the way.
   */
  async writeFile(
    path: GuestPath | GuestFileHandle,
    data: FileData,
    options?: WriteFileOptions,
  ): Promise<void> {
    const encoding = encodingOf(options);
    if (path instanceof GuestFileHandle) {
      await path.writeFile(data, encoding);
      return;
    }
    const {
      mode = 0o666,
      flag = 'w',
      signal,
      flush = false,
    } = typeof options === 'object' ? (options ?? {}) : {};
    signal?.throwIfAborted();
    const at = pathOf(path);
    const how = parseFlags(flag);
    if (how.create && how.truncate && !how.exclusive)
      await this.#replace(at, data, encoding, modeOf(mode), signal);
    else {
      const file = await this.open(at, flag, mode);
      try {
        await file.writeFile(data, encoding);
      } finally {
        await file.close();
      }
    }
    if (flush) await asNode('fsync', at, () => this.guest.sync());
  }

  async #replace(
    at: string,
    data: FileData,
    encoding: BufferEncoding | undefined,
    mode: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const call = signal === undefined ? {} : { signal };
    await asNode('open', at, async () => {
      const isNew = mode !== 0o666 && !(await this.guest.exists(at));
      if (typeof data === 'string' || ArrayBuffer.isView(data)) {
        await this.guest.write(at, bytesOf(data, encoding), call);
      } else await this.guest.upload(piecesOf(data, encoding), { path: at }, call);
      if (isNew) await this.guest.chmod(mode & ~(await this.guest.getUmask()), at);
    });
  }

  /** Add to the end of a file, making it if need be. */
  appendFile(path: GuestPath | GuestFileHandle, data: FileData, options?: WriteFileOptions): Promise<void> {
    const own = typeof options === 'object' ? options : { encoding: options ?? null };
    return this.writeFile(path, data, { flag: 'a', ...own });
  }

  /** Make a directory; with `recursive` those above it too, and then the first that was made is the result. */
  async mkdir(
    path: GuestPath,
    options?: number | string | null | { recursive?: boolean; mode?: number | string },
  ): Promise<string | undefined> {
    const at = pathOf(path);
    const { recursive = false, mode = 0o777 } =
      typeof options === 'object' ? (options ?? {}) : { mode: options ?? 0o777 };
    return asNode('mkdir', at, async () => {
      if (!recursive) {
        await this.guest.mkdirMode(at, modeOf(mode));
        return undefined;
      }
      let first: string | undefined;
      for (let above = posix.normalize(at); ; above = posix.dirname(above)) {
        if (await this.guest.exists(above)) break;
        first = above.replace(/(.)\/$/, '$1');
      }
      if (first === undefined && !(await this.guest.isDir(at, { followsymlinks: true }))) {
        throw new GuestfsError('EEXIST', `${at}: it exists already and is no directory`, { path: at });
      }
      await this.guest.mkdirP(at);
      if (first !== undefined && modeOf(mode) !== 0o777) {
        await this.guest.chmod(modeOf(mode) & ~(await this.guest.getUmask()), at);
      }
      return first;
    });
  }

  /** Make a directory whose name begins with `prefix` and ends in six characters of its own; gives its path. */
  async mkdtemp(prefix: GuestPath, options?: EncodingOption): Promise<string> {
    const at = pathOf(prefix);
    const made = await asNode('mkdtemp', `${at}XXXXXX`, () => this.guest.mkdtemp(`${at}XXXXXX`));
    return named(made, options) as string;
  }

  async unlink(path: GuestPath): Promise<void> {
    const at = pathOf(path);
    await asNode('unlink', at, () => this.guest.rm(at));
  }

  async rmdir(path: GuestPath, options: { recursive?: boolean } = {}): Promise<void> {
    const at = pathOf(path);
    await asNode('rmdir', at, () => (options.recursive ? this.guest.rmRf(at) : this.guest.rmdir(at)));
  }

  /** Remove a file; with `recursive` a directory with all in it; with `force` it need not be there. */
  async rm(path: GuestPath, options: { force?: boolean; recursive?: boolean } = {}): Promise<void> {
    const at = pathOf(path);
    const { force = false, recursive = false } = options;
    await asNode('rm', at, async () => {
      let mode: number;
      try {
        mode = (await this.guest.lstatns(at)).stMode;
      } catch (error) {
        if (force && error instanceof GuestfsError && error.code === 'ENOENT') return;
        throw error;
      }
      if ((mode & S_IFMT) !== S_IFDIR) await this.guest.rm(at);
      else if (recursive) await this.guest.rmRf(at);
      else throw isDirectory(at);
    });
  }

  async rename(from: GuestPath, to: GuestPath): Promise<void> {
    const [a, b] = [pathOf(from), pathOf(to)];
    await asNode('rename', a, () => this.guest.rename(a, b), b);
  }

  async link(existing: GuestPath, path: GuestPath): Promise<void> {
    const [a, b] = [pathOf(existing), pathOf(path)];
    await asNode(
      'link',
      a,
      async () => {
        if (await this.#isThere(b)) throw new GuestfsError('EEXIST', `${b}: it exists already`, { path: b });
        await this.guest.ln(a, b);
      },
      b,
    );
  }

  /** Make a symbolic link; `target` is kept as it is, the type that Windows needs has no meaning. */
  async symlink(target: string | Buffer | URL, path: GuestPath, _type?: string | null): Promise<void> {
    const content = typeof target === 'string' ? target : pathOf(target);
    const at = pathOf(path);
    await asNode(
      'symlink',
      content,
      async () => {
        if (await this.#isThere(at))
          throw new GuestfsError('EEXIST', `${at}: it exists already`, { path: at });
        await this.guest.lnS(content, at);
      },
      at,
    );
  }

  /** Whether there is anything of a name, a link that leads nowhere included. */
  async #isThere(at: string): Promise<boolean> {
    try {
      await this.guest.lstatns(at);
      return true;
    } catch (error) {
      if (error instanceof GuestfsError && error.code === 'ENOENT') return false;
      throw error;
    }
  }

  async chmod(path: GuestPath, mode: number | string): Promise<void> {
    const at = pathOf(path);
    await asNode('chmod', at, () => this.guest.chmod(modeOf(mode), at));
  }

  async chown(path: GuestPath, uid: number, gid: number): Promise<void> {
    const at = pathOf(path);
    await asNode('chown', at, () => this.guest.chown(uid, gid, at));
  }

  async lchown(path: GuestPath, uid: number, gid: number): Promise<void> {
    const at = pathOf(path);
    await asNode('lchown', at, () => this.guest.lchown(uid, gid, at));
  }

  async utimes(path: GuestPath, atime: Time, mtime: Time): Promise<void> {
    const at = pathOf(path);
    const [a, m] = [timeOf(atime), timeOf(mtime)];
    await asNode('utime', at, () => this.guest.utimens(at, a[0], a[1], m[0], m[1]));
  }

  /** As {@link utimes}; of a symbolic link itself it rejects with ENOTSUP: the API cannot set its times. */
  async lutimes(path: GuestPath, atime: Time, mtime: Time): Promise<void> {
    const at = pathOf(path);
    const { stMode } = await asNode('lutime', at, () => this.guest.lstatns(at));
    if ((stMode & S_IFMT) === S_IFLNK) throw nodeError('ENOTSUP', 'lutime', at);
    await this.utimes(at, atime, mtime);
  }

  /** Rejects, as node:fs does where the system has no such call: Linux has none. */
  async lchmod(_path: GuestPath, _mode: number | string): Promise<never> {
    throw Object.assign(new Error('The lchmod() method is not implemented'), {
      code: 'ERR_METHOD_NOT_IMPLEMENTED',
    });
  }

  async truncate(path: GuestPath, length = 0): Promise<void> {
    const at = pathOf(path);
    await asNode('open', at, () => this.guest.truncateSize(at, Math.max(0, length)));
  }

  /** Copy a file; with COPYFILE_EXCL only to a name that is not there. */
  async copyFile(src: GuestPath, dest: GuestPath, mode = 0): Promise<void> {
    const [from, to] = [pathOf(src), pathOf(dest)];
    await asNode(
      'copyfile',
      from,
      async () => {
        if ((mode & constants.COPYFILE_EXCL) !== 0 && (await this.#isThere(to))) {
          throw new GuestfsError('EEXIST', `${to}: it exists already`, { path: to });
        }
        if (await this.guest.isDir(to, { followsymlinks: true })) {
          throw new GuestfsError('EISDIR', `${to}: Is a directory`, { path: to });
        }
        await this.guest.cp(from, to);
      },
      to,
    );
  }

  /** Copy a file, or with `recursive` a directory, to exactly the path `dest`. */
  async cp(src: GuestPath, dest: GuestPath, options: CpOptions = {}): Promise<void> {
    const [from, to] = [pathOf(src), pathOf(dest)];
    const [inside, outside] = [posix.normalize(`${to}/`), posix.normalize(`${from}/`)];
    if (inside.startsWith(outside)) throw nodeError('EINVAL', 'cp', from, undefined, to);
    await this.#copy(from, to, options);
  }

  async #copy(from: string, to: string, options: CpOptions): Promise<void> {
    const { recursive = false, force = true, errorOnExist = false, filter } = options;
    if (filter !== undefined && !(await filter(from, to))) return;
    const stat = await (options.dereference ? this.stat(from) : this.lstat(from));
    const there = await this.#isThere(to);
    if (stat.isDirectory()) {
      if (!recursive) throw nodeError('EISDIR', 'cp', from, undefined, to);
      if (!there) await this.mkdir(to, { recursive: true, mode: stat.mode & 0o777 });
      for (const name of await this.readdir(from)) {
        await this.#copy(posix.join(from, name), posix.join(to, name), options);
      }
    } else if (there && !force) {
      if (errorOnExist) throw nodeError('EEXIST', 'cp', from, undefined, to);
      return;
    } else {
      if (!there) await this.mkdir(posix.dirname(to), { recursive: true });
      if (stat.isSymbolicLink()) await this.#copyLink(from, to, there, options);
      else if (stat.isFile()) await this.copyFile(from, to);
      else throw nodeError('EINVAL', 'cp', from, undefined, to);
    }
    if (options.preserveTimestamps && !stat.isSymbolicLink()) await this.utimes(to, stat.atime, stat.mtime);
  }

  async #copyLink(from: string, to: string, there: boolean, options: CpOptions): Promise<void> {
    const target = await this.readlink(from);
    if (there) await this.unlink(to);
    await this.symlink(options.verbatimSymlinks ? target : posix.resolve(posix.dirname(from), target), to);
  }
}

/** {@link GuestFs} under its older name. */
export type GuestFsPromises = GuestFs;

function isDirectory(path: string): GuestFsError {
  const error = nodeError('EISDIR', 'rm', path);
  return Object.assign(error, { code: 'ERR_FS_EISDIR', errno: -error.errno });
}
