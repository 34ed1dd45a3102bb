import type { ByteSource } from '../daemon/context.ts';
import { GuestfsError } from '../errors/index.ts';
import type { DaemonChannel } from './daemon-channel.ts';
import { CHUNK_HEADER, readChunk, WORD } from './messages.ts';

/**
 * The stream of a FileIn argument as the daemon reads it: chunk by chunk, each when it is asked for, so that the
 * library waits while the action is busy.
 */
export class FileInStream implements ByteSource {
  readonly size?: number;
  readonly #channel: DaemonChannel;
  readonly #chunkMax: number;
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;
  /** Why the stream ended before its end. */
  failure: GuestfsError | undefined;

  /** `hint` is how many bytes the library says will come, 0 for unknown. */
  constructor(channel: DaemonChannel, chunkMax: number, hint: bigint) {
    this.#channel = channel;
    this.#chunkMax = chunkMax;
    const size = Number(hint);
    if (size > 0 && Number.isSafeInteger(size)) this.size = size;
  }

  read(into: Uint8Array): number {
    let done = 0;
    // Fill what was asked for as far as the buffer goes: chunks are small, and whoever reads asks for much.
    while (done < into.length) {
      if (this.#rest.length === 0 && !this.#next()) break;
      const length = Math.min(this.#rest.length, into.length - done);
      into.set(length === this.#rest.length ? this.#rest : this.#rest.subarray(0, length), done);
      this.#rest = this.#rest.subarray(length);
      done += length;
    }
    return done;
  }

  /**
   * Read to the end what the action did not: where it failed the library is told first to stop. Throws EINTR if the
   * library cancelled.
   */
  finish(failed: boolean): void {
    if (this.#ended) return;
    this.#rest = new Uint8Array(0);
    if (failed) this.#channel.writeWord(WORD.CANCEL);
    while (this.#next()) this.#rest = new Uint8Array(0);
  }

  /** Have the next chunk; false at the end. */
  #next(): boolean {
    if (this.failure !== undefined) throw this.failure;
    if (this.#ended) return false;
    for (;;) {
      const length = this.#channel.word();
      if (length === undefined) throw this.#channel.fail('the peer ended the connection within a stream');
      if (length === WORD.CANCEL) continue;
      const most = CHUNK_HEADER + this.#chunkMax;
      if (length < CHUNK_HEADER || length > most) {
        throw this.#channel.fail(`a chunk of ${length} bytes came, expected ${CHUNK_HEADER} to ${most}`);
      }
      let chunk;
      try {
        chunk = readChunk(this.#channel.take(length, 'a chunk'), this.#chunkMax);
      } catch (error) {
        throw error instanceof GuestfsError ? this.#channel.fail(error.message) : error;
      }
      if (chunk.cancel) {
        this.#ended = true;
        this.failure = new GuestfsError('EINTR', 'the transfer was cancelled by the caller');
        throw this.failure;
      }
      if (chunk.data.length === 0) {
        this.#ended = true;
        return false;
      }
      this.#rest = chunk.data;
      return true;
    }
  }
}
