import { close, open, statSync, write } from 'node:fs';
import { promisify } from 'node:util';
import type { AsyncTarget } from '../../rpc/library-call.ts';
import type { FileTarget, WriteChunk } from '../backend.ts';
import { hostError } from '../io/host-error.ts';
import { PathSink, type ClosableSink } from '../io/sink.ts';
import { extractor } from '../io/tar-extractor.ts';

/** A target that hears how the call went. */
export interface OpenTarget extends AsyncTarget {
  /** The call ended well: everything is written when this resolves. */
  end(): Promise<void>;
  /** The call failed. */
  abort(): void;
}

/** Bytes that are gathered before they are written. */
const GATHER = 256 * 1024;
/** Milliseconds between two tries of a descriptor that takes nothing. */
const PAUSE = 5;

/** Open what a FileOut argument names; files are made when the first byte comes. */
export function openTarget(target: FileTarget, warn: (message: string) => void): OpenTarget {
  switch (target.kind) {
    case 'stream':
      return new GatheringTarget(target.write);
    case 'fd':
      return new GatheringTarget((bytes) => writeAll(target.fd, bytes, `/dev/fd/${target.fd}`));
    case 'path':
      return isSpecial(target.path)
        ? specialTarget(target.path)
        : sinkTarget(new PathSink(target.path, nothing));
    case 'extract':
      return sinkTarget(extractor(target.directory, target.options, warn));
  }
}

const nothing = (): void => undefined;

/** True for what is there and is no regular file: a pipe may keep its writer waiting. */
function isSpecial(path: string): boolean {
  try {
    return !statSync(path).isFile();
  } catch {
    return false;
  }
}

/** A sink of a regular file: what it does not wait for anybody else for, it may do at once. */
function sinkTarget(sink: ClosableSink): OpenTarget {
  return {
    write(bytes) {
      sink.write(bytes);
      return undefined;
    },
    end: async () => sink.end(),
    abort: () => sink.abort(),
  };
}

function specialTarget(path: string): OpenTarget {
  let fd: number | undefined;
  const gathering = new GatheringTarget(async (bytes) => {
    try {
      fd ??= await promisify(open)(path, 'w');
    } catch (error) {
      throw hostError(error, 'cannot open for writing', path);
    }
    await writeAll(fd, bytes, path);
  });
  const done = (): void => {
    if (fd !== undefined) close(fd, nothing);
    fd = undefined;
  };
  return {
    write: (bytes) => gathering.write(bytes),
    end: async () => {
      await gathering.end();
      done();
    },
    abort: done,
  };
}

async function writeAll(fd: number, bytes: Uint8Array, name: string): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    try {
      done += (await promisify(write)(fd, bytes, done, bytes.length - done)).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw hostError(error, 'cannot write', name);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/** Gathers chunks, and hands them on once they are many: only then does the sender wait. */
class GatheringTarget implements OpenTarget {
  readonly #put: WriteChunk;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(put: WriteChunk) {
    this.#put = put;
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this.#length >= GATHER ? this.#flush() : undefined;
  }

  async end(): Promise<void> {
    if (this.#length > 0) await this.#flush();
  }

  abort(): void {
    this.#parts = [];
    this.#length = 0;
  }

  #flush(): Promise<void> {
    const bytes = this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return this.#put(bytes);
  }
}

/** Keeps everything in memory, for calls whose stream is their result. */
export class MemoryTarget implements AsyncTarget {
  readonly #parts: Uint8Array[] = [];
  readonly #cap: number;
  readonly #tooMuch: () => Error;
  #length = 0;

  /** What `tooMuch` makes is thrown where more than `cap` bytes come. */
  constructor(cap: number, tooMuch: () => Error) {
    this.#cap = cap;
    this.#tooMuch = tooMuch;
  }

  write(bytes: Uint8Array): undefined {
    this.#length += bytes.length;
    if (this.#length > this.#cap) throw this.#tooMuch();
    this.#parts.push(bytes);
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
