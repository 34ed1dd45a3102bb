import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NextChunk, WriteChunk } from '../backend.ts';
import type { ClosableSink } from '../io/sink.ts';
import { writeAll } from '../io/write-all.ts';
import type { ClosableSource } from '../io/source.ts';

/** Bytes that a spool keeps in memory before it goes to a file. */
const MEMORY_LIMIT = 8 * 1024 * 1024;
const PART = 256 * 1024;

/** Bytes that wait for somebody: in memory, or in a temporary file of ours once they are many. */
class Spool {
  readonly #chunks: Uint8Array[] = [];
  #folder: string | undefined;
  #fd: number | undefined;
  length = 0;

  add(chunk: Uint8Array): void {
    if (this.#fd === undefined && this.length + chunk.length <= MEMORY_LIMIT) {
      this.#chunks.push(new Uint8Array(chunk));
    } else {
      const fd = this.#file();
      writeAll(fd, chunk, chunk.length, this.length, () => undefined);
    }
    this.length += chunk.length;
  }

  #file(): number {
    if (this.#fd !== undefined) return this.#fd;
    this.#folder = mkdtempSync(join(tmpdir(), 'guestfs-'));
    this.#fd = openSync(join(this.#folder, 'spool'), 'wx+', 0o600);
    let position = 0;
    for (const chunk of this.#chunks.splice(0)) {
      writeAll(this.#fd, chunk, chunk.length, position, () => undefined);
      position += chunk.length;
    }
    return this.#fd;
  }

  /** The bytes from the start, each part valid until the next is asked for. */
  *parts(): Generator<Uint8Array> {
    if (this.#fd === undefined) {
      yield* this.#chunks;
      return;
    }
    for (let position = 0; position < this.length;) {
      const part = new Uint8Array(Math.min(PART, this.length - position));
      const read = readSync(this.#fd, part, 0, part.length, position);
      if (read === 0) return;
      position += read;
      yield part.subarray(0, read);
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#fd = undefined;
    this.#folder = undefined;
  }
}

/** Read all of a stream, for a call that cannot wait for it. */
export async function gather(next: NextChunk, poll: () => void): Promise<ClosableSource> {
  const spool = new Spool();
  try {
    for (;;) {
      poll();
      const chunk = await next();
      if (chunk === undefined) break;
      spool.add(chunk);
    }
  } catch (error) {
    spool.close();
    throw error;
  }
  const parts = spool.parts();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    read(into) {
      while (rest.length === 0) {
        const next = parts.next();
        if (next.done) return 0;
        rest = next.value;
      }
      const length = Math.min(rest.length, into.length);
      into.set(rest.subarray(0, length));
      rest = rest.subarray(length);
      return length;
    },
    close: () => spool.close(),
  };
}

/** Run a call that writes to a sink, then hand what it wrote to a stream, part by part. */
export async function drainInto<T>(
  write: WriteChunk,
  poll: () => void,
  run: (sink: ClosableSink) => T,
): Promise<T> {
  const spool = new Spool();
  try {
    const result = run({
      write: (chunk) => spool.add(chunk),
      writeZeroes: (length) => {
        for (let left = length; left > 0; left -= PART) spool.add(new Uint8Array(Math.min(left, PART)));
      },
      end: () => undefined,
      abort: () => undefined,
    });
    for (const part of spool.parts()) {
      poll();
      await write(part);
    }
    return result;
  } finally {
    spool.close();
  }
}
