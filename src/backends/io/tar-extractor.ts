import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { ExtractOptions } from '../backend.ts';
import { hostError } from './host-error.ts';
import { isWithinTree, memberParts } from './safe-name.ts';
import type { ClosableSink } from './sink.ts';
import { TarReader, type TarEntry, type TarVisitor } from './tar-reader.ts';
import { writeAll } from './write-all.ts';

/** Warnings of one extraction that are said one by one. */
const MAX_WARNINGS = 20;
/** Pieces of content that are looked at for being all zeroes. */
const PIECE = 64 * 1024;
const zeroes = Buffer.alloc(PIECE);
/** Permission bits that are kept: who may read, write and run. Not setuid, setgid, sticky. */
const KEPT_BITS = 0o777;

/** A sink that unpacks what is written to it: a tar stream, or the content of one file. */
export function extractor(
  root: string,
  options: ExtractOptions,
  warn: (message: string) => void,
): ClosableSink {
  const unpacker = new Unpacker(root, options, warn);
  const { single } = options;
  if (single === undefined) {
    const reader = new TarReader(unpacker);
    return {
      write: (chunk) => reader.write(chunk),
      writeZeroes: (length) => inPieces(length, (piece) => reader.write(piece)),
      end() {
        reader.end();
        unpacker.end();
      },
      abort: () => unpacker.abort(),
    };
  }
  let begun = false;
  const begin = (): void => {
    if (!begun) unpacker.entry(single);
    begun = true;
  };
  return {
    write(chunk) {
      begin();
      unpacker.data(chunk);
    },
    writeZeroes(length) {
      begin();
      inPieces(length, (piece) => unpacker.data(piece));
    },
    end() {
      begin();
      unpacker.entryEnd();
      unpacker.end();
    },
    abort: () => unpacker.abort(),
  };
}

function inPieces(length: number, write: (piece: Uint8Array) => void): void {
  for (let left = length; left > 0; left -= PIECE) write(zeroes.subarray(0, Math.min(left, PIECE)));
}

/**
 * Makes files, folders and links below a folder of the host, on the assumption that who names them is hostile: no
 * name leads out of the folder, nothing is written through a symbolic link, and links that lead outside are left
 * out with a warning unless they were asked for. Modes (without setuid, setgid and sticky), modification times,
 * symbolic and hard links are kept; owners are not; devices, sockets and FIFOs are left out with a warning. Files
 * that exist are replaced.
 *
 * Throws GuestfsError: EPERM for a name that tries to escape, the host's errno where the host refuses.
 */
export class Unpacker implements TarVisitor {
  readonly #root: string;
  readonly #links: ExtractOptions['links'];
  readonly #prefix: readonly string[];
  readonly #warn: (message: string) => void;
  /** Folders that are known to be real ones: made or looked at by this extraction. */
  readonly #folders = new Set<string>(['']);
  /** Modes and times of folders, set when nothing is written into them any more. */
  readonly #finish: { path: string; mode: number; mtime: number }[] = [];
  #file: { fd: number; path: string; entry: TarEntry; position: number } | undefined;
  #warnings = 0;

  constructor(root: string, options: ExtractOptions, warn: (message: string) => void) {
    this.#root = root;
    this.#links = options.links;
    this.#prefix = memberParts(options.prefix ?? '');
    this.#warn = warn;
  }

  /** Everything came: give the folders their modes and times. */
  end(): void {
    for (const { path, mode, mtime } of this.#finish.toReversed()) {
      const host = this.#host(path);
      this.#onHost('cannot set mode and time', path, () => {
        chmodSync(host, mode & KEPT_BITS);
        utimesSync(host, time(mtime), time(mtime));
      });
    }
    if (this.#warnings > MAX_WARNINGS) {
      this.#warn(`${this.#warnings - MAX_WARNINGS} more members were left out for the same reasons`);
    }
  }

  /** Nothing more comes. What was made stays. */
  abort(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  /** Host path of a member; names are bytes, so the path is one too. */
  #host(path: string): Buffer {
    return Buffer.from(encodeText(path === '' ? this.#root : join(this.#root, '/') + path));
  }

  #onHost<T>(attempted: string, path: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw hostError(error, attempted, join(this.#root, path));
    }
  }

  #leaveOut(entry: TarEntry, why: string): void {
    if (++this.#warnings <= MAX_WARNINGS) this.#warn(`${entry.name}: left out: ${why}`);
  }

  /** Make a folder or link, or begin a file. */
  entry(entry: TarEntry): void {
    const parts = [...this.#prefix, ...memberParts(entry.name)];
    const path = parts.join('/');
    if (path === '' && entry.type !== 'directory') {
      throw new GuestfsError('EPERM', `the name '${entry.name}' is refused: it is empty`, {
        path: entry.name,
      });
    }
    this.#folder(parts.slice(0, -1));
    switch (entry.type) {
      case 'directory':
        this.#folder(parts);
        this.#finish.push({ path, mode: entry.mode, mtime: entry.mtime });
        return;
      case 'file':
        this.#openFile(path, entry);
        return;
      case 'symlink':
        this.#symlink(path, parts, entry);
        return;
      case 'hardlink':
        this.#hardlink(path, entry);
        return;
      case 'other':
        this.#leaveOut(entry, 'it is neither a file nor a folder nor a link');
    }
  }

  /** Make sure that each of the folders is there and is no symbolic link. */
  #folder(parts: readonly string[]): void {
    let path = '';
    for (const part of parts) {
      path = path === '' ? part : `${path}/${part}`;
      if (this.#folders.has(path)) continue;
      const host = this.#host(path);
      this.#onHost('cannot make the folder', path, () => {
        const stat = lstatSync(host, { throwIfNoEntry: false });
        if (stat === undefined) mkdirSync(host, 0o700);
        else if (!stat.isDirectory()) throw this.#notAFolder(path, stat.isSymbolicLink());
      });
      this.#folders.add(path);
    }
  }

  #notAFolder(path: string, isLink: boolean): GuestfsError {
    const full = join(this.#root, path);
    return isLink
      ? new GuestfsError('EPERM', `${full}: is a symbolic link, nothing is written through it`, {
          path: full,
        })
      : new GuestfsError('ENOTDIR', `${full}: is in the way and no folder`, { path: full });
  }

  /** Remove what has the name of a new file or link; a folder is not removed. */
  #makeRoom(host: Buffer): void {
    const stat = lstatSync(host, { throwIfNoEntry: false });
    if (stat !== undefined) unlinkSync(host);
  }

  #openFile(path: string, entry: TarEntry): void {
    const host = this.#host(path);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
    this.#onHost('cannot create', path, () => {
      this.#makeRoom(host);
      this.#file = { fd: openSync(host, flags, 0o600), path, entry, position: 0 };
    });
  }

  /** The next content of the file that was begun. */
  data(chunk: Uint8Array): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#onHost('cannot write', file.path, () => {
      for (let at = 0; at < chunk.length; at += PIECE) {
        const piece = chunk.subarray(at, at + PIECE);
        const isHole = piece.length >= 4096 && zeroes.compare(piece, 0, piece.length, 0, piece.length) === 0;
        if (!isHole) writeAll(file.fd, piece, piece.length, file.position, () => undefined);
        file.position += piece.length;
      }
    });
  }

  /** The file is complete. */
  entryEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    this.#onHost('cannot write', file.path, () => {
      try {
        ftruncateSync(file.fd, file.position);
        fchmodSync(file.fd, file.entry.mode & KEPT_BITS);
        futimesSync(file.fd, time(file.entry.mtime), time(file.entry.mtime));
      } finally {
        closeSync(file.fd);
      }
    });
  }

  #symlink(path: string, parts: readonly string[], entry: TarEntry): void {
    if (this.#links === 'inside' && !isWithinTree(parts.slice(this.#prefix.length, -1), entry.link)) {
      this.#leaveOut(entry, `the link leads outside, to ${entry.link}`);
      return;
    }
    const host = this.#host(path);
    this.#onHost('cannot make the link', path, () => {
      this.#makeRoom(host);
      symlinkSync(Buffer.from(encodeText(entry.link)), host);
      lutimesSync(host, time(entry.mtime), time(entry.mtime));
    });
  }

  #hardlink(path: string, entry: TarEntry): void {
    const parts = [...this.#prefix, ...memberParts(entry.link)];
    this.#folder(parts.slice(0, -1));
    const target = this.#host(parts.join('/'));
    const host = this.#host(path);
    const stat = lstatSync(target, { throwIfNoEntry: false });
    if (stat === undefined) {
      this.#leaveOut(entry, `the file it is another name of, ${entry.link}, was left out`);
      return;
    }
    if (!stat.isFile()) {
      throw new GuestfsError('EPERM', `${entry.name}: another name of ${entry.link}, which is no file`, {
        path: join(this.#root, path),
      });
    }
    this.#onHost('cannot make the link', path, () => {
      if (Buffer.compare(target, host) === 0) return;
      this.#makeRoom(host);
      linkSync(target, host);
    });
  }
}

/** Seconds as node:fs takes them; it takes numbers below zero for now. */
function time(seconds: number): number | Date {
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}
