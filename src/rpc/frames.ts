import { GuestfsError } from '../errors/index.ts';
import { MESSAGE_MAX, PROGRESS_LENGTH, WARNING_MAX, WORD } from './messages.ts';

/** What comes out of a stream of the wire. */
export type Frame =
  | { kind: 'launch' | 'cancel' }
  | { kind: 'progress'; bytes: Uint8Array }
  /** The text of a warning. */
  | { kind: 'warning'; bytes: Uint8Array }
  /** A message or a chunk, without its length word: a view of what was pushed where that is possible. */
  | { kind: 'message'; bytes: Uint8Array };

/** Takes the bytes of a stream apart, however they were cut; holds no more than one message and what was pushed last. */
export class FrameParser {
  #buffers: Uint8Array[] = [];
  /** Bytes of the first buffer that are taken. */
  #at = 0;
  #available = 0;
  /** The word that was read and whose bytes are still to come. */
  #word: number | undefined;
  /** Bytes of the warning whose length was read. */
  #warning: number | undefined;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#buffers.push(bytes);
    this.#available += bytes.length;
  }

  /** True if nothing that was pushed waits, not even a part of a message. */
  get isEmpty(): boolean {
    return this.#available === 0 && this.#word === undefined;
  }

  /** The next whole frame, or undefined while more bytes are needed. Throws EPROTO for a length that cannot be. */
  next(): Frame | undefined {
    if (this.#word === undefined) {
      if (this.#available < 4) return undefined;
      const bytes = this.#take(4);
      const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
      if (word === WORD.LAUNCH) return { kind: 'launch' };
      if (word === WORD.CANCEL) return { kind: 'cancel' };
      if (word !== WORD.PROGRESS && word !== WORD.WARNING && word > MESSAGE_MAX) {
        throw new GuestfsError(
          'EPROTO',
          `the daemon announced a message of ${word} bytes, at most ${MESSAGE_MAX} are allowed`,
        );
      }
      this.#word = word;
    }
    if (this.#word === WORD.WARNING) return this.#nextWarning();
    const isProgress = this.#word === WORD.PROGRESS;
    const length = isProgress ? PROGRESS_LENGTH : this.#word;
    if (this.#available < length) return undefined;
    this.#word = undefined;
    return { kind: isProgress ? 'progress' : 'message', bytes: this.#take(length) };
  }

  #nextWarning(): Frame | undefined {
    if (this.#warning === undefined) {
      if (this.#available < 4) return undefined;
      const bytes = this.#take(4);
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
      if (length > WARNING_MAX) {
        throw new GuestfsError(
          'EPROTO',
          `the daemon announced a warning of ${length} bytes, at most ${WARNING_MAX} are allowed`,
        );
      }
      this.#warning = length;
    }
    const length = this.#warning;
    const filled = Math.ceil(length / 4) * 4;
    if (this.#available < filled) return undefined;
    this.#word = undefined;
    this.#warning = undefined;
    return { kind: 'warning', bytes: this.#take(filled).subarray(0, length) };
  }

  #take(length: number): Uint8Array {
    this.#available -= length;
    const first = this.#buffers[0];
    if (first === undefined) return new Uint8Array(0);
    if (this.#at + length <= first.length) {
      const bytes = first.subarray(this.#at, this.#at + length);
      this.#at += length;
      if (this.#at === first.length) this.#dropFirst();
      return bytes;
    }
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const buffer = this.#buffers[0] as Uint8Array;
      const part = buffer.subarray(this.#at, this.#at + length - done);
      bytes.set(part, done);
      done += part.length;
      this.#at += part.length;
      if (this.#at === buffer.length) this.#dropFirst();
    }
    return bytes;
  }

  #dropFirst(): void {
    this.#buffers.shift();
    this.#at = 0;
  }
}
