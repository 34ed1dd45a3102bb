import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from 'node:fs';
import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { BLOCK, fillHeader, NAME_BYTES, type TarHeader } from '../../vfs/tar/header.ts';
import { deviceMajor, deviceMinor, fileTypeOf } from '../../filesystems/mode.ts';
import { hostError } from './host-error.ts';
import type { ClosableSource } from './source.ts';

/** How files of the host are packed. */
export interface PackOptions {
  /** Pack what is in the folder, named `./...`, and not the folder under its own name. */
  contents?: boolean;
  /** Times later than this, in seconds since 1970, become this: for images that are the same each time they are made. */
  latest?: number;
  /** Hears of files that are left out, one sentence each. */
  warn?: (message: string) => void;
}

/** Bytes read from a file at once. */
const PIECE = 1024 * 1024;
const EMPTY = new Uint8Array(0);
const TYPE_FLAGS: Readonly<Record<string, string>> = {
  file: '0',
  symlink: '2',
  chardev: '3',
  blockdev: '4',
  directory: '5',
  fifo: '6',
};

/** A path of the host in bytes: names need not be UTF-8. */
function join(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, directory.at(-1) === 0x2f ? Buffer.alloc(0) : Buffer.from('/'), name]);
}

/** Packs a file or folder of the host as a tar stream in GNU's format, piece by piece. */
class HostPacker {
  readonly #options: PackOptions;
  readonly #buffer = Buffer.allocUnsafe(PIECE);
  readonly #links = new Map<string, Uint8Array>();

  constructor(options: PackOptions) {
    this.#options = options;
  }

  *pack(path: string): Generator<Uint8Array, void, void> {
    const start = Buffer.from(path);
    const name = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
    if (!this.#options.contents && (name === '' || name === '.' || name === '..')) {
      throw new GuestfsError('EINVAL', `${path}: ends in no name to copy it under`, { path });
    }
    yield* this.#add(start, this.#options.contents ? Buffer.from('.') : Buffer.from(name));
    yield new Uint8Array(2 * BLOCK);
  }

  *#add(path: Buffer, name: Buffer): Generator<Uint8Array, void, void> {
    const stat = this.#host(path, 'cannot read', () => lstatSync(path, { bigint: true }));
    const type = fileTypeOf(Number(stat.mode));
    if (type === 'socket' || type === 'unknown') {
      this.#options.warn?.(`${path.toString()} is a socket and is left out`);
      return;
    }
    const known = this.#firstName(stat, name);
    const isFile = type === 'file' && known === undefined;
    const link =
      known ??
      (type === 'symlink'
        ? this.#host(path, 'cannot read the link', () => readlinkSync(path, { encoding: 'buffer' }))
        : EMPTY);
    const rdev = Number(stat.rdev);
    const header: TarHeader = {
      name: type === 'directory' ? Buffer.concat([name, Buffer.from('/')]) : name,
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: isFile ? Number(stat.size) : 0,
      mtime: Math.min(Number(stat.mtimeMs / 1000n), this.#options.latest ?? Infinity),
      type: known === undefined ? (TYPE_FLAGS[type] as string) : '1',
      link,
      uname: EMPTY,
      gname: EMPTY,
      device:
        type === 'chardev' || type === 'blockdev'
          ? { major: deviceMajor(rdev), minor: deviceMinor(rdev) }
          : undefined,
    };
    if (link.length > NAME_BYTES) yield this.#longName('K', link);
    if (header.name.length > NAME_BYTES) yield this.#longName('L', header.name);
    yield this.#block(header);
    if (isFile) yield* this.#content(path, header.size);
    if (type !== 'directory') return;
    const names = this.#host(path, 'cannot list', () => readdirSync(path, { encoding: 'buffer' }));
    names.sort(Buffer.compare);
    for (const child of names) yield* this.#add(join(path, child), join(name, child));
  }

  /** The name under which a file with several names was packed already. */
  #firstName(stat: BigIntStats, name: Buffer): Uint8Array | undefined {
    if (stat.nlink < 2n || stat.isDirectory()) return undefined;
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#links.get(key);
    if (known === undefined) this.#links.set(key, name);
    return known;
  }

  #longName(type: string, name: Uint8Array): Uint8Array {
    const padded = Math.ceil((name.length + 1) / BLOCK) * BLOCK;
    const member = new Uint8Array(BLOCK + padded);
    const header = { name: encodeText('././@LongLink'), type, size: name.length + 1 };
    const rest = { mode: 0o644, uid: 0, gid: 0, mtime: 0, link: EMPTY, uname: EMPTY, gname: EMPTY };
    fillHeader(member.subarray(0, BLOCK), { ...rest, ...header, device: undefined }, 'gnu');
    member.set(name, BLOCK);
    return member;
  }

  #block(header: TarHeader): Uint8Array {
    const block = new Uint8Array(BLOCK);
    fillHeader(block, header, 'gnu');
    return block;
  }

  *#content(path: Buffer, size: number): Generator<Uint8Array, void, void> {
    const fd = this.#host(path, 'cannot open', () => openSync(path, 'r'));
    try {
      for (let left = size; left > 0;) {
        const most = Math.min(PIECE, left);
        const got = this.#host(path, 'cannot read', () => readSync(fd, this.#buffer, 0, most, null));
        if (got === 0) {
          throw new GuestfsError(
            'EIO',
            `${path.toString()}: ends ${left} bytes before the ${size} that it had`,
            {
              path: path.toString(),
            },
          );
        }
        left -= got;
        yield this.#buffer.subarray(0, got);
      }
    } finally {
      closeSync(fd);
    }
    const over = size % BLOCK;
    if (over > 0) yield new Uint8Array(BLOCK - over);
  }

  #host<T>(path: Buffer, attempted: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw hostError(error, attempted, path.toString());
    }
  }
}

/**
 * A file or folder of the host, with everything below it, as a tar stream: owners by number, links as links, names in
 * the order of their bytes. Sockets are left out. Throws as the host does, while it is read.
 */
export function packSource(path: string, options: PackOptions = {}): ClosableSource {
  const pieces = new HostPacker(options).pack(path);
  let piece: Uint8Array = EMPTY;
  return {
    read(into) {
      let done = 0;
      while (done < into.length) {
        if (piece.length === 0) {
          const next = pieces.next();
          if (next.done) break;
          piece = next.value;
        }
        const part = Math.min(piece.length, into.length - done);
        into.set(part === piece.length ? piece : piece.subarray(0, part), done);
        piece = piece.subarray(part);
        done += part;
      }
      return done;
    },
    close: () => void pieces.return(),
  };
}
