import { Readable } from 'node:stream';
import type { GuestfsMethods } from '../generated/methods.ts';
import { asNode, nodeError } from './error.ts';
import { GuestBigIntStats, GuestStats } from './stats.ts';

/** Bytes that one pread asks for. */
const PIECE = 1024 * 1024;

/** Encodings of text, and `buffer` for none. */
export type Encoding = BufferEncoding | 'buffer';
/** Options of reading a whole file. */
export type ReadFileOptions =
  Encoding | null | { encoding?: Encoding | null; flag?: string; signal?: AbortSignal };

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

/** The encoding that options ask for; undefined for bytes. */
export function encodingOf(options: ReadFileOptions | undefined): BufferEncoding | undefined {
  const encoding = typeof options === 'object' ? options?.encoding : options;
  return encoding === 'buffer' || encoding === null ? undefined : encoding;
}

/** A file of a guest that was opened for reading, in the shape of node:fs's FileHandle. */
export class GuestFileHandle implements AsyncDisposable {
  readonly #guest: GuestfsMethods;
  readonly #path: string;
  #position = 0;
  #closed = false;

  /** `path` is canonical: it still means the same file after links on the way have changed. */
  constructor(guest: GuestfsMethods, path: string) {
    this.#guest = guest;
    this.#path = path;
  }

  /** A guest's file has no descriptor on the host. */
  get fd(): number {
    return -1;
  }

  #check(syscall: string): void {
    if (this.#closed) throw nodeError('EBADF', syscall, this.#path);
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
    this.#check('read');
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
    this.#check('read');
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
    this.#check('read');
    const { start, end = Number.MAX_SAFE_INTEGER, highWaterMark = 64 * 1024, autoClose = true } = options;
    const pieces = this.#pieces(start, end, highWaterMark, autoClose);
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

  /** Does nothing: nothing was written. */
  async sync(): Promise<void> {
    this.#check('fsync');
  }

  /** Does nothing: nothing was written. */
  async datasync(): Promise<void> {
    this.#check('fdatasync');
  }

  /** Rejects with EBADF: the file was opened for reading. */
  async write(): Promise<never> {
    throw nodeError('EBADF', 'write', this.#path);
  }

  /** Rejects with EBADF: the file was opened for reading. */
  async writeFile(): Promise<never> {
    throw nodeError('EBADF', 'write', this.#path);
  }

  /** Rejects with EBADF: the file was opened for reading. */
  async truncate(): Promise<never> {
    throw nodeError('EBADF', 'ftruncate', this.#path);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
