import type * as Zlib from 'node:zlib';

/**
 * The streams of node:zlib driven synchronously. Node's public interface has one-shot synchronous calls and
 * asynchronous streams only; `_processChunk` of a stream is the synchronous step between them, which packages as old
 * as pngjs and npm's own minizlib stand on. It closes the stream after each step, so closing is held back.
 */
interface SyncStream {
  _handle: { close(): void } | null;
  _processChunk(chunk: Uint8Array, flush: number): Uint8Array | null | undefined;
  removeAllListeners(event: string): void;
}

/** One stream: each step gives all the output that the input so far allows. Throws what zlib throws. */
export class ZlibStream {
  readonly #stream: SyncStream;
  readonly #handle: { close(): void };
  readonly #close: () => void;
  #closed = false;

  constructor(stream: Zlib.Gunzip | Zlib.Gzip | Zlib.InflateRaw | Zlib.Inflate) {
    this.#stream = stream as unknown as SyncStream;
    this.#handle = this.#stream._handle as { close(): void };
    this.#close = this.#handle.close.bind(this.#handle);
    this.#handle.close = () => {};
  }

  step(chunk: Uint8Array, flush: number): Uint8Array {
    this.#stream._handle = this.#handle;
    const given = this.#stream._processChunk(chunk, flush);
    // Each step adds a listener.
    this.#stream.removeAllListeners('error');
    // A copy: the next step writes into the same memory.
    return given ? new Uint8Array(given) : new Uint8Array(0);
  }

  /** Free the memory of zlib; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#close();
  }
}
