import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { decodeText } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import { sendFile } from './file-sender.ts';
import { FrameParser, type Frame } from './frames.ts';
import { RunningCall, streamError, type WireCall } from './library-call.ts';
import {
  CHUNK_MAX,
  DIRECTION,
  HEADER_LENGTH,
  MESSAGE_MAX,
  readChunk,
  readError,
  readHeader,
  readProgress,
  STATUS,
  WORD,
  wordBytes,
  writeHeader,
} from './messages.ts';
import { XdrReader } from './xdr/reader.ts';
import { XdrWriter } from './xdr/writer.ts';

/** First serial number: as a libguestfs library has it, so that it stands out in dumps. */
const FIRST_SERIAL = 0x00123400;
/** Bytes below which a read is a small one: Node reads 64 KiB at most. */
const SMALL_READ = 32 * 1024;
/** Calls that are on their way at once where calls are rehearsed. */
const AT_ONCE = 8;
/** Milliseconds for which a FileOut gathers. */
const GATHERING = 1;

/**
 * The library's side of a connection to a daemon: one call at a time, asynchronous. A daemon that breaks the protocol
 * or goes away fails the running call and ends the connection.
 */
export class LibraryConnection {
  readonly #stream: Duplex;
  readonly #parser = new FrameParser();
  readonly #onClosed: (reason: GuestfsError) => void;
  #serial = FIRST_SERIAL;
  #running: RunningCall | undefined;
  /** Waits for the launch word. */
  #launching: { resolve(): void; reject(error: GuestfsError): void } | undefined;
  #launched = false;
  /** The daemon may believe that it still speaks with another library: it has not answered this one yet. */
  #takesOver = false;
  #closed: GuestfsError | undefined;
  /** Replies that are still to come and that nobody waits for. */
  #unheard = 0;
  /** True while the target of a FileOut has no room. */
  #blocked = false;
  /** True while more of a FileOut is waited for before it is read. */
  #gathering = false;
  /** Hears the warnings of a daemon of this package. */
  onWarning: ((message: string) => void) | undefined;
  /** Bytes of data in a chunk: what the protocol has, or what both sides agreed on. */
  chunkMax = CHUNK_MAX;

  /** `onClosed` hears once why the connection ended, if that was not asked for. */
  constructor(stream: Duplex, onClosed: (reason: GuestfsError) => void) {
    this.#stream = stream;
    this.#onClosed = onClosed;
    stream.on('data', (bytes: Uint8Array) => {
      this.#parser.push(bytes);
      this.#pump();
      if (bytes.length < SMALL_READ) this.#gather();
    });
    stream.on('error', (error: Error) =>
      this.#end(`the connection to the daemon failed: ${error.message}`, error),
    );
    stream.on('end', () => this.#ended());
    stream.on('close', () => this.#ended());
  }

  /**
   * Resolves when the daemon says that it is ready. Rejects where the connection ends first.
   *
   * With `assumeAfter` the daemon may have said so to another library, which it still believes to speak with: it is taken
   * for ready after that many milliseconds, and what it says before it answers a call of this library is passed over.
   */
  async ready({ assumeAfter }: { assumeAfter?: number } = {}): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    if (assumeAfter !== undefined) {
      this.#takesOver = true;
      // An answer to the library before must not be taken for one to this.
      this.#serial = randomInt(2 ** 32);
    }
    if (this.#launched) return;
    const timer = assumeAfter === undefined ? undefined : setTimeout(() => this.#launchWord(), assumeAfter);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#launching = { resolve, reject };
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #launchWord(): void {
    this.#launched = true;
    this.#launching?.resolve();
    this.#launching = undefined;
  }

  /** Why there is no connection any more; undefined while there is one. */
  get closed(): GuestfsError | undefined {
    return this.#closed;
  }

  /**
   * Send a call; gives the encoded result. Rejects with the error that the daemon answered, with what the source or the
   * target failed with, EINTR where the call was cancelled, ENOTCONN where the connection ended, and EPROTO where the
   * daemon broke the protocol, which ends the connection.
   */
  async call(call: WireCall): Promise<Uint8Array> {
    this.#wantIdle(call);
    const serial = this.#serial;
    this.#serial = (this.#serial + 1) >>> 0;
    const message = requestMessage(call, serial);
    if (call.secret) call.body.fill(0);
    const running = new RunningCall(call, serial);
    this.#running = running;
    try {
      this.#stream.write(message, () => {
        if (call.secret) message.fill(0);
      });
      if (call.input !== undefined) await sendFile(running, call.input, this.#stream, this.chunkMax);
      return await running.done;
    } finally {
      this.#running = undefined;
    }
  }

  #wantIdle({ name }: WireCall): void {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#running !== undefined) {
      throw new GuestfsError('EBUSY', `${name}: another call is on its way on this connection`);
    }
  }

  /**
   * Have the daemon answer a call `count` times, several at once, so that it has compiled what answers it. The call has
   * no streams and changes nothing. Rejects as {@link call}.
   */
  async rehearse(call: WireCall, count: number): Promise<void> {
    for (let left = count; left > 0; left -= AT_ONCE) {
      this.#wantIdle(call);
      const more = Math.min(left, AT_ONCE) - 1;
      const request = requestMessage(call, this.#serial);
      this.#unheard = more;
      this.#stream.write(Buffer.concat(Array.from({ length: more }, () => request)));
      await this.call(call);
    }
  }

  /**
   * Stop the running call: its streams at once, anything else if the daemon looks. Harmless when none runs.
   */
  cancel(): void {
    const running = this.#running;
    if (running === undefined || running.cancelled || running.phase === 'over') return;
    // Once all of a FileIn is sent there is nothing left that the daemon would stop for.
    if (running.call.input !== undefined && !running.sending) return;
    running.cancelled = true;
    running.wake();
    if (!running.sending) this.#stopDaemon(running);
  }

  /** End the connection; a running call fails. */
  destroy(reason = new GuestfsError('EINTR', 'the connection was closed')): void {
    this.#close(reason, false);
  }

  /** What the daemon answers is not to be trusted any more: end the connection and say so. */
  fail(reason: GuestfsError): void {
    this.#close(reason, true);
  }

  /** Say the cancel word once. */
  #stopDaemon(running: RunningCall): void {
    if (running.wordSent) return;
    running.wordSent = true;
    this.#stream.write(wordBytes(WORD.CANCEL));
  }

  /** Handle what has come, until it is all handled or a target has no room. */
  #pump(): void {
    try {
      while (!this.#blocked && this.#closed === undefined) {
        const frame = this.#parser.next();
        if (frame === undefined) return;
        this.#handle(frame);
      }
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      this.#close(new GuestfsError('EPROTO', `the daemon broke the protocol: ${error.message}`), true);
    }
  }

  /**
   * A FileOut that comes in small pieces, as from a daemon of libguestfs, costs more to read than all else: wait a moment,
   * so that the next piece is a large one.
   */
  #gather(): void {
    if (this.#gathering || this.#blocked || this.#running?.phase !== 'chunks') return;
    this.#gathering = true;
    this.#stream.pause();
    setTimeout(() => {
      this.#gathering = false;
      if (!this.#blocked) this.#stream.resume();
    }, GATHERING);
  }

  #handle(frame: Frame): void {
    switch (frame.kind) {
      case 'launch':
        if (this.#launched && !this.#takesOver) {
          throw new GuestfsError('EPROTO', 'it said a second time that it is ready');
        }
        this.#launchWord();
        break;
      case 'cancel':
        if (this.#running?.sending) {
          this.#running.daemonStopped = true;
          this.#running.wake();
        }
        break;
      case 'progress': {
        const progress = readProgress(new XdrReader(frame.bytes));
        const running = this.#running;
        if (running !== undefined && !running.cancelled && running.phase !== 'over')
          running.call.progress?.(progress);
        break;
      }
      case 'warning':
        this.onWarning?.(decodeText(frame.bytes));
        break;
      case 'message':
        this.#message(frame.bytes);
    }
  }

  #message(bytes: Uint8Array): void {
    if (this.#unheard > 0) {
      this.#unheard--;
      return;
    }
    const running = this.#running;
    if (this.#takesOver && (running === undefined || !isReplyTo(bytes, running))) return;
    this.#takesOver = false;
    if (!this.#launched || running === undefined || running.phase === 'over') {
      throw new GuestfsError(
        'EPROTO',
        `a message of ${bytes.length} bytes came while no call was on its way`,
      );
    }
    if (running.phase === 'chunks') this.#chunk(running, bytes);
    else this.#reply(running, bytes);
  }

  #reply(running: RunningCall, bytes: Uint8Array): void {
    const reader = new XdrReader(bytes);
    const header = readHeader(reader);
    const { procedure } = running.call;
    if (
      header.direction !== DIRECTION.REPLY ||
      header.procedure !== procedure ||
      header.serial !== running.serial ||
      header.status > STATUS.ERROR
    ) {
      throw new GuestfsError(
        'EPROTO',
        `found a message of direction ${header.direction}, procedure ${header.procedure}, serial ${header.serial}, ` +
          `status ${header.status}; expected the reply (1) to procedure ${procedure}, serial ${running.serial}`,
      );
    }
    if (header.status === STATUS.ERROR) {
      running.fail(readError(reader));
      return;
    }
    if (running.sending) {
      throw new GuestfsError('EPROTO', `it answered ${running.call.name} before the stream had ended`);
    }
    if (running.call.output === undefined) running.succeed(bytes.subarray(HEADER_LENGTH));
    else running.phase = 'chunks';
  }

  #chunk(running: RunningCall, bytes: Uint8Array): void {
    const { cancel, data } = readChunk(bytes, this.chunkMax);
    if (cancel) {
      running.fail(
        new GuestfsError(
          'EIO',
          `${running.call.name}: the daemon failed in the middle of the transfer; it says no more`,
        ),
      );
    } else if (data.length === 0) running.succeed(data);
    else if (!running.cancelled && running.streamFailure === undefined) this.#deliver(running, data);
  }

  /** Hand bytes to the target; where it has no room, nothing more is read until it has. */
  #deliver(running: RunningCall, data: Uint8Array): void {
    try {
      const room = running.call.output?.write(data);
      if (room === undefined) return;
      this.#blocked = true;
      this.#stream.pause();
      const resume = (): void => {
        if (!this.#blocked) return;
        this.#blocked = false;
        this.#pump();
        if (!this.#blocked && !this.#gathering) this.#stream.resume();
      };
      // A cancelled call does not wait for its target.
      running.orStopped(room, running.abandoned).then(resume, (error: unknown) => {
        this.#targetFailed(running, error);
        resume();
      });
    } catch (error) {
      this.#targetFailed(running, error);
    }
  }

  #targetFailed(running: RunningCall, error: unknown): void {
    running.streamFailure ??= streamError(error, 'output');
    this.#stopDaemon(running);
  }

  #ended(): void {
    const within = this.#parser.isEmpty ? '' : ' in the middle of a message';
    this.#end(`the daemon ended the connection${within}`);
  }

  #end(reason: string, cause?: unknown): void {
    this.#close(new GuestfsError('ENOTCONN', reason, cause === undefined ? {} : { cause }), true);
  }

  #close(reason: GuestfsError, tell: boolean): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#blocked = false;
    this.#stream.destroy();
    if (tell && this.#launched) this.#onClosed(reason);
    this.#launching?.reject(reason);
    this.#launching = undefined;
    this.#running?.fail(reason);
  }
}

/** Whether a message is the reply to a call: it may be of a stream, or to a call that another library made. */
function isReplyTo(bytes: Uint8Array, { call, serial }: RunningCall): boolean {
  try {
    const header = readHeader(new XdrReader(bytes));
    return header.procedure === call.procedure && header.serial === serial;
  } catch (error) {
    if (error instanceof GuestfsError) return false;
    throw error;
  }
}

/** A call as it goes over the wire, its length word included. Throws E2BIG where no message holds it. */
export function requestMessage(call: WireCall, serial: number): Uint8Array {
  const length = HEADER_LENGTH + call.body.length;
  if (length > MESSAGE_MAX) {
    throw new GuestfsError(
      'E2BIG',
      `${call.name}: the arguments need ${length} bytes, a message has at most ${MESSAGE_MAX}`,
    );
  }
  const writer = new XdrWriter(4 + length);
  writer.uint32(length);
  writeHeader(writer, {
    procedure: call.procedure,
    direction: DIRECTION.CALL,
    serial,
    progressHint: BigInt(call.input?.size ?? 0),
    optargs: call.optargs,
    status: STATUS.OK,
  });
  writer.fixed(call.body);
  return writer.bytes();
}
