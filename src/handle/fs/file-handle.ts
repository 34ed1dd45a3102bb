import type { Readable, Writable } from 'node:stream';
import type { GuestfsMethods } from '../generated/methods.ts';
import { asNode, nodeError } from './error.ts';
import {
  bytesOf,
  encodingOf,
  modeOf,
  piecesOf,
  timeOf,
  type FileData,
  type OpenHow,
  type ReadFileOptions,
  type WriteData,
} from './flags.ts';
import { GuestBigIntStats, GuestStats } from './stats.ts';

/** Bytes that one pread asks for. */
const PIECE = 1024 * 1024;

/** What a read gave. */
export interface ReadResult<B extends NodeJS.ArrayBufferView> {
  bytesRead: number;
  buffer: B;
}

/** Where and how much to read. */
export interface ReadOptions<B extends NodeJS.ArrayBufferView> {
  buffer?: B;
  offset?: number;
  length?: number;
  position?: number | bigint | null;
}

/** Options of a stream of a file's content; `end` is the last byte's position, itself included. */
export interface ReadStreamOptions {
  encoding?: BufferEncoding;
  start?: number;
  end?: number;
  highWaterMark?: number;
  autoClose?: boolean;
}

/** Options of a stream into a file. */
export interface WriteStreamOptions {
  encoding?: BufferEncoding;
  start?: number;
  highWaterMark?: number;
  autoClose?: boolean;
}

/** What a write did. */
export interface WriteResult<B> {
  bytesWritten: number;
  buffer: B;
}

/**
 * A file of a guest that was opened, in the shape of node:fs's FileHandle. It goes by the file's canonical path: what is
 * renamed or replaced while it is open is another file to it.
 */
export class GuestFileHandle implements AsyncDisposable {
  readonly #guest: GuestfsMethods;
  readonly #path: string;
  readonly #how: Pick<OpenHow, 'read' | 'write' | 'append'>;
  #position = 0;
  #closed = false;

  /** `path` is canonical: it still means the same file after links on the way have changed. */
  constructor(guest: GuestfsMethods, path: string, how: Pick<OpenHow, 'read' | 'write' | 'append'>) {
    this.#guest = guest;
    this.#path = path;
    this.#how = how;
  }

  /** A guest's file has no descriptor on the host. */
  get fd(): number {
    return -1;
  }

  #check(syscall: string, wanted?: 'read' | 'write'): void {
    if (this.#closed || (wanted !== undefined && !this.#how[wanted]))
      throw nodeError('EBADF', syscall, this.#path);
  }

  /** Read into a buffer, from `position` or, where that is null or left out, from where the last read ended. */
  read<B extends NodeJS.ArrayBufferView>(
    buffer: B,
    offset?: number | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<ReadResult<B>>;
  read<B extends NodeJS.ArrayBufferView = Buffer>(options?: ReadOptions<B>): Promise<ReadResult<B>>;
  async read(
    first: NodeJS.ArrayBufferView | ReadOptions<NodeJS.ArrayBufferView> = {},
    ...rest: readonly (number | bigint | null | undefined)[]
  ): Promise<ReadResult<NodeJS.ArrayBufferView>> {
    this.#check('read', 'read');
    const options: ReadOptions<NodeJS.ArrayBufferView> = ArrayBuffer.isView(first)
      ? {
          buffer: first,
          ...(typeof rest[0] === 'number' ? { offset: rest[0] } : {}),
          ...(typeof rest[1] === 'number' ? { length: rest[1] } : {}),
          ...(rest[2] === undefined ? {} : { position: rest[2] }),
        }
      : first;
    const { buffer = Buffer.alloc(16_384), offset = 0 } = options;
    const { length = buffer.byteLength - offset } = options;
    if (offset < 0 || length < 0 || offset + length > buffer.byteLength) {
      throw new RangeError(`read: ${length} bytes at ${offset} of a buffer of ${buffer.byteLength} bytes`);
    }
    const into = new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);
    const stated =
      options.position === null || options.position === undefined || Number(options.position) < 0;
    const position = stated ? this.#position : Number(options.position);
    const bytesRead = await this.#fill(into, position);
    if (stated) this.#position += bytesRead;
    return { bytesRead, buffer };
  }

  async #fill(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const bytes = await this.#pread(Math.min(PIECE, into.length - done), position + done);
      if (bytes.length === 0) break;
      into.set(bytes, done);
      done += bytes.length;
    }
    return done;
  }

  #pread(count: number, position: number): Promise<Uint8Array> {
    return asNode('read', this.#path, () => this.#guest.pread(this.#path, count, position));
  }

  /** Read into several buffers, one after the other. */
  async readv(
    buffers: readonly NodeJS.ArrayBufferView[],
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: readonly NodeJS.ArrayBufferView[] }> {
    let bytesRead = 0;
    for (const buffer of buffers) {
      const at = position === null || position === undefined ? null : position + bytesRead;
      const part = await this.read({ buffer, position: at });
      bytesRead += part.bytesRead;
      if (part.bytesRead < buffer.byteLength) break;
    }
    return { bytesRead, buffers };
  }

  /** The rest of the file, from where the last read ended. */
  readFile(options?: null | 'buffer' | { encoding?: null | 'buffer' }): Promise<Buffer>;
  readFile(options: BufferEncoding | { encoding: BufferEncoding }): Promise<string>;
  async readFile(options?: ReadFileOptions): Promise<Buffer | string> {
    this.#check('read', 'read');
    const parts: Uint8Array[] = [];
    for (;;) {
      const bytes = await this.#pread(PIECE, this.#position);
      if (bytes.length === 0) break;
      parts.push(bytes);
      this.#position += bytes.length;
    }
    const all = Buffer.concat(parts);
    const encoding = encodingOf(options);
    return encoding === undefined ? all : all.toString(encoding);
  }

  /** fs.Stats of the file. */
  stat(options?: { bigint?: false }): Promise<GuestStats>;
  stat(options: { bigint: true }): Promise<GuestBigIntStats>;
  async stat(options: { bigint?: boolean } = {}): Promise<GuestStats | GuestBigIntStats> {
    this.#check('fstat');
    const stat = await asNode('fstat', this.#path, () => this.#guest.statns(this.#path));
    return options.bigint === true ? new GuestBigIntStats(stat) : new GuestStats(stat);
  }

  /** The content as a stream; it reads a piece at a time, so that other calls of the guest go between. */
  createReadStream(options: ReadStreamOptions = {}): Readable {
    this.#check('read', 'read');
    const { start, end = Number.MAX_SAFE_INTEGER, highWaterMark = 64 * 1024, autoClose = true } = options;
    const pieces = this.#pieces(start, end, highWaterMark, autoClose);
    // Node's streams are loaded where one is asked for: tools use this class's neighbours, and start without.
    const { Readable } = process.getBuiltinModule('node:stream');
    const stream = Readable.from(pieces, { objectMode: false, highWaterMark });
    return options.encoding === undefined ? stream : stream.setEncoding(options.encoding);
  }

  async *#pieces(
    start: number | undefined,
    end: number,
    size: number,
    autoClose: boolean,
  ): AsyncGenerator<Uint8Array> {
    try {
      let position = start ?? this.#position;
      while (position <= end) {
        const bytes = await this.#pread(Math.min(size, end - position + 1), position);
        if (bytes.length === 0) return;
        position += bytes.length;
        if (start === undefined) this.#position = position;
        yield bytes;
      }
    } finally {
      if (autoClose) await this.close();
    }
  }

  /** The lines of the rest of the file, without their ends. */
  async *readLines(options: { encoding?: BufferEncoding } = {}): AsyncGenerator<string> {
    const { createInterface } = await import('node:readline');
    const input = this.createReadStream({ encoding: options.encoding ?? 'utf8' });
    yield* createInterface({ input, crlfDelay: Infinity });
  }

  /** Make what was written durable. */
  async sync(): Promise<void> {
    this.#check('fsync');
    if (this.#how.write) await asNode('fsync', this.#path, () => this.#guest.sync());
  }

  /** As {@link sync}. */
  async datasync(): Promise<void> {
    this.#check('fdatasync');
    if (this.#how.write) await asNode('fdatasync', this.#path, () => this.#guest.sync());
  }

  /**
   * Write a buffer, or a part of it, or a text: at `position` or, where that is null or left out, where the last write
   * or read ended; at the end of the file if it was opened to append.
   */
  async write<B extends NodeJS.ArrayBufferView>(
    buffer: B,
    offset?: number | null | { offset?: number; length?: number; position?: number | null },
    length?: number | null,
    position?: number | null,
  ): Promise<WriteResult<B>>;
  async write(
    text: string,
    position?: number | null,
    encoding?: BufferEncoding | null,
  ): Promise<WriteResult<string>>;
  async write(
    data: WriteData,
    second?: number | null | { offset?: number; length?: number; position?: number | null },
    third?: number | BufferEncoding | null,
    fourth?: number | null,
  ): Promise<WriteResult<WriteData>> {
    this.#check('write', 'write');
    if (typeof data === 'string') {
      const encoding = typeof third === 'string' ? third : 'utf8';
      const position = typeof second === 'number' ? second : null;
      return { bytesWritten: await this.#write(bytesOf(data, encoding), position), buffer: data };
    }
    const options =
      typeof second === 'object' && second !== null
        ? second
        : {
            offset: second ?? 0,
            ...(typeof third === 'number' ? { length: third } : {}),
            position: fourth ?? null,
          };
    const { offset = 0, length = data.byteLength - offset, position = null } = options;
    if (offset < 0 || length < 0 || offset + length > data.byteLength) {
      throw new RangeError(`write: ${length} bytes at ${offset} of a buffer of ${data.byteLength} bytes`);
    }
    const bytes = bytesOf(data).subarray(offset, offset + length);
    return { bytesWritten: await this.#write(bytes, position), buffer: data };
  }

  async #write(bytes: Uint8Array, position: number | null): Promise<number> {
    const stated = position !== null && position >= 0;
    await asNode('write', this.#path, async () => {
      if (this.#how.append) {
        await this.#guest.writeAppend(this.#path, bytes);
        return;
      }
      const at = stated ? position : this.#position;
      for (let done = 0; done < bytes.length;) {
        done += await this.#guest.pwrite(this.#path, bytes.subarray(done, done + PIECE), at + done);
      }
    });
    if (!stated) this.#position += bytes.length;
    return bytes.length;
  }

  /** Write several buffers, one after the other. */
  async writev(
    buffers: readonly NodeJS.ArrayBufferView[],
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: readonly NodeJS.ArrayBufferView[] }> {
    const { bytesWritten } = await this.write(
      Buffer.concat(buffers.map((buffer) => bytesOf(buffer))),
      0,
      null,
      position ?? null,
    );
    return { bytesWritten, buffers };
  }

  /** Write from where the last write ended; the file is not cut before, as node:fs does not cut it. */
  async writeFile(
    data: FileData,
    options?: BufferEncoding | null | { encoding?: BufferEncoding | null },
  ): Promise<void> {
    this.#check('write', 'write');
    for await (const piece of piecesOf(data, encodingOf(options))) await this.#write(piece, null);
  }

  /** As {@link writeFile}. */
  appendFile(
    data: FileData,
    options?: BufferEncoding | null | { encoding?: BufferEncoding | null },
  ): Promise<void> {
    return this.writeFile(data, options);
  }

  async truncate(length = 0): Promise<void> {
    this.#check('ftruncate', 'write');
    await asNode('ftruncate', this.#path, () => this.#guest.truncateSize(this.#path, Math.max(0, length)));
  }

  async chmod(mode: number | string): Promise<void> {
    this.#check('fchmod');
    await asNode('fchmod', this.#path, () => this.#guest.chmod(modeOf(mode), this.#path));
  }

  async chown(uid: number, gid: number): Promise<void> {
    this.#check('fchown');
    await asNode('fchown', this.#path, () => this.#guest.chown(uid, gid, this.#path));
  }

  async utimes(atime: number | string | Date, mtime: number | string | Date): Promise<void> {
    this.#check('futime');
    const [a, m] = [timeOf(atime), timeOf(mtime)];
    await asNode('futime', this.#path, () => this.#guest.utimens(this.#path, a[0], a[1], m[0], m[1]));
  }

  /** A stream into the file. */
  createWriteStream(options: WriteStreamOptions = {}): Writable {
    this.#check('write', 'write');
    const { start, encoding = 'utf8', highWaterMark = 64 * 1024, autoClose = true } = options;
    let position = start ?? null;
    const { Writable } = process.getBuiltinModule('node:stream');
    return new Writable({
      highWaterMark,
      defaultEncoding: encoding,
      write: (chunk: Buffer, _encoding, callback) => {
        this.#write(chunk, position).then((written) => {
          if (position !== null) position += written;
          callback();
        }, callback);
      },
      destroy: (error, callback) => {
        if (autoClose) void this.close().then(() => callback(error));
        else callback(error);
      },
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
