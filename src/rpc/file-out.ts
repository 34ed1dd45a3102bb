import type { ByteSink } from '../daemon/context.ts';
import { GuestfsError } from '../errors/index.ts';
import type { DaemonChannel } from './daemon-channel.ts';
import { chunkLength, putChunkHeader } from './messages.ts';

/** Bytes that are gathered before they are written: one system call for many chunks. */
const BATCH = 128 * 1024;

/** Memory for the chunks of one stream after the other, of data up to `chunkMax` bytes each. */
export function streamBuffer(chunkMax: number): Uint8Array {
  const chunk = chunkLength(chunkMax);
  return new Uint8Array(Math.max(1, Math.floor(BATCH / chunk)) * chunk);
}

/**
 * The stream of a FileOut argument as the daemon writes it. `begin` is called before the first byte: it sends the
 * reply that the chunks follow.
 */
export class FileOutStream implements ByteSink {
  readonly #channel: DaemonChannel;
  readonly #chunkMax: number;
  readonly #begin: () => void;
  readonly #buffer: Uint8Array;
  readonly #view: DataView;
  /** Bytes of whole chunks in the buffer. */
  #length = 0;
  /** Data in the chunk that is being filled, behind them. */
  #filled = 0;
  /** True once the reply was sent. */
  begun = false;
  #cancelled = false;

  /** `buffer` is from {@link streamBuffer}. */
  constructor(channel: DaemonChannel, chunkMax: number, buffer: Uint8Array, begin: () => void) {
    this.#channel = channel;
    this.#chunkMax = chunkMax;
    this.#begin = begin;
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(bytes.length - at, this.#chunkMax - this.#filled);
      this.#buffer.set(bytes.subarray(at, at + length), this.#length + 12 + this.#filled);
      this.#filled += length;
      at += length;
      if (this.#filled === this.#chunkMax) this.#closeChunk();
    }
  }

  writeZeroes(length: number): void {
    for (let left = length; left > 0;) {
      const part = Math.min(left, this.#chunkMax - this.#filled);
      const at = this.#length + 12 + this.#filled;
      this.#buffer.fill(0, at, at + part);
      this.#filled += part;
      left -= part;
      if (this.#filled === this.#chunkMax) this.#closeChunk();
    }
  }

  /** Everything was written: send the rest and the end. Throws EINTR if the library cancelled. */
  end(): void {
    if (this.#filled > 0) this.#closeChunk();
    this.#send();
    this.#channel.writeEmptyChunk(false);
  }

  /** The action failed after the stream had begun: nothing but a chunk that cancels can say so. */
  abort(): void {
    this.#channel.writeEmptyChunk(true);
  }

  #closeChunk(): void {
    const end = this.#length + chunkLength(this.#filled);
    putChunkHeader(this.#view, this.#length, this.#filled, false);
    this.#buffer.fill(0, this.#length + 12 + this.#filled, end);
    this.#length = end;
    this.#filled = 0;
    if (this.#length + chunkLength(this.#chunkMax) > this.#buffer.length) this.#send();
  }

  #send(): void {
    this.checkCancelled();
    if (!this.begun) {
      this.begun = true;
      this.#begin();
    }
    if (this.#length > 0) this.#channel.write(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }

  /** Throws EINTR if the library said that it does not want the rest. */
  checkCancelled(): void {
    this.#cancelled ||= this.#channel.cancelWordCame();
    if (this.#cancelled) throw new GuestfsError('EINTR', 'the transfer was cancelled by the caller');
  }
}
