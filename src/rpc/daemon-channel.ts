import { WORD, emptyChunk, wordBytes } from './messages.ts';
import type { Transport } from './transport.ts';

/** Bytes that are read ahead; messages up to this size are not copied. */
const BUFFER = 256 * 1024;

/** Ends the daemon's work: the peer is gone, or what it sent is no protocol. Never leaves `rpc/`. */
export class ChannelClosed extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ChannelClosed';
  }
}

/**
 * The daemon's side of a connection, synchronous. What it throws is ChannelClosed, and from then on
 * {@link closed} tells why.
 */
export class DaemonChannel {
  readonly #transport: Transport;
  readonly #buffer = new Uint8Array(BUFFER);
  readonly #view = new DataView(this.#buffer.buffer);
  #start = 0;
  #end = 0;
  /** Why nothing can be read or written any more. */
  closed: string | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The next word. Undefined where the peer has ended the connection before it. */
  word(): number | undefined {
    if (this.#start === this.#end && !this.#fill()) {
      this.closed ??= 'the peer ended the connection';
      return undefined;
    }
    this.#need(4, 'a length word');
    const word = this.#view.getUint32(this.#start);
    this.#start += 4;
    return word;
  }

  /** The next `length` bytes: a view that the next read may write over, unless it is larger than the buffer. */
  take(length: number, what: string): Uint8Array {
    if (length <= BUFFER) {
      this.#need(length, what);
      const bytes = this.#buffer.subarray(this.#start, this.#start + length);
      this.#start += length;
      return bytes;
    }
    const bytes = new Uint8Array(length);
    let got = this.#end - this.#start;
    bytes.set(this.#buffer.subarray(this.#start, this.#end));
    this.#start = this.#end;
    while (got < length) {
      const read = this.#read(bytes.subarray(got));
      if (read === 0) throw this.fail(`the peer ended the connection within ${what}`);
      got += read;
    }
    return bytes;
  }

  /**
   * Take the cancel word if it is the next to come and is there already. Only called between messages: what
   * {@link take} gave before is no longer valid after it.
   */
  cancelWordCame(): boolean {
    if (this.closed !== undefined) return false;
    if (this.#end - this.#start < 4) {
      if (!this.#readable()) return false;
      this.#makeRoom(4);
      if (!this.#fill()) throw this.fail('the peer ended the connection');
      if (this.#end - this.#start < 4) return false;
    }
    if (this.#view.getUint32(this.#start) !== WORD.CANCEL) return false;
    this.#start += 4;
    return true;
  }

  write(bytes: Uint8Array): void {
    if (this.closed !== undefined) throw new ChannelClosed(this.closed);
    try {
      this.#transport.write(bytes);
    } catch (error) {
      throw this.fail(`cannot write to the peer: ${(error as Error).message}`);
    }
  }

  /** Write a word unless the peer takes nothing for a while, which gives false. */
  tryWriteWord(word: number): boolean {
    try {
      return this.#transport.tryWrite(wordBytes(word));
    } catch (error) {
      throw this.fail(`cannot write to the peer: ${(error as Error).message}`);
    }
  }

  /** Wait for a while until there is something to read, or the end of it; false if there is not. */
  waitReadable(): boolean {
    if (this.#start < this.#end) return true;
    try {
      return this.#transport.waitReadable();
    } catch (error) {
      throw this.fail(`cannot read from the peer: ${(error as Error).message}`);
    }
  }

  writeWord(word: number): void {
    this.write(wordBytes(word));
  }

  writeEmptyChunk(cancel: boolean): void {
    this.write(emptyChunk(cancel));
  }

  /** Close for a reason; returns what to throw. */
  fail(reason: string): ChannelClosed {
    this.closed ??= reason;
    return new ChannelClosed(this.closed);
  }

  /** Have `length` bytes in one piece in the buffer. */
  #need(length: number, what: string): void {
    if (this.#end - this.#start >= length) return;
    this.#makeRoom(length);
    while (this.#end - this.#start < length) {
      if (!this.#fill()) throw this.fail(`the peer ended the connection within ${what}`);
    }
  }

  /** Have room for `length` bytes from the start of what is there. */
  #makeRoom(length: number): void {
    if (this.#start + length <= BUFFER) return;
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  /** Read more behind what is there; false at the end. */
  #fill(): boolean {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    const read = this.#read(this.#buffer.subarray(this.#end));
    this.#end += read;
    return read > 0;
  }

  #readable(): boolean {
    try {
      return this.#transport.readable();
    } catch (error) {
      throw this.fail(`cannot read from the peer: ${(error as Error).message}`);
    }
  }

  #read(into: Uint8Array): number {
    if (this.closed !== undefined) throw new ChannelClosed(this.closed);
    try {
      return this.#transport.read(into);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // A reset is how some systems say that the peer is gone.
      if (code === 'ECONNRESET' || code === 'EOF') return 0;
      throw this.fail(`cannot read from the peer: ${message}`);
    }
  }
}
