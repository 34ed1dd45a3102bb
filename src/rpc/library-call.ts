import { GuestfsError } from '../errors/index.ts';
import { HEADER_LENGTH, MESSAGE_MAX, type Progress } from './messages.ts';
import { XdrWriter } from './xdr/writer.ts';

/** Where the bytes of a FileIn come from, asynchronously. */
export interface AsyncSource {
  /** How many bytes will come, where that is known. */
  readonly size?: number;
  /** The next bytes, undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
}

/** Where the bytes of a FileOut go, asynchronously. */
export interface AsyncTarget {
  /** Take bytes, which nobody writes over later; a promise where more must wait for it. */
  write(bytes: Uint8Array): Promise<void> | undefined;
}

/** A call as the connection sends it. */
export interface WireCall {
  procedure: number;
  /** Name for messages. */
  name: string;
  /** Encoded arguments. */
  body: Uint8Array;
  optargs: bigint;
  /** True if the arguments hold a key: the bytes are overwritten once they are sent. */
  secret?: boolean;
  input?: AsyncSource;
  output?: AsyncTarget;
  progress?(progress: Progress): void;
}

/** Bytes that a message has for arguments. */
export const ARGUMENTS_MAX = MESSAGE_MAX - HEADER_LENGTH;

/** A call without options and streams, whose arguments `write` writes. */
export function plainCall(name: string, procedure: number, write?: (writer: XdrWriter) => void): WireCall {
  const writer = new XdrWriter(ARGUMENTS_MAX);
  write?.(writer);
  return { procedure, name, body: writer.bytes(), optargs: 0n };
}

/** Where a call is. */
export type Phase =
  /** The reply is waited for; a FileIn may be on its way. */
  | 'reply'
  /** The chunks of a FileOut are coming. */
  | 'chunks'
  | 'over';

/** A call that is on its way. */
export class RunningCall {
  readonly call: WireCall;
  readonly serial: number;
  phase: Phase = 'reply';
  /** True while the FileIn is being sent. */
  sending: boolean;
  /** The user wants it to end. */
  cancelled = false;
  /** The daemon wants no more of the FileIn. */
  daemonStopped = false;
  /** The cancel word was sent for the FileOut. */
  wordSent = false;
  /** What was wrong with the source or the target: more to the point than what the daemon makes of it. */
  streamFailure: GuestfsError | undefined;
  readonly done: Promise<Uint8Array>;
  #resolve!: (body: Uint8Array) => void;
  #reject!: (error: GuestfsError) => void;
  #onStop: (() => void) | undefined;

  constructor(call: WireCall, serial: number) {
    this.call = call;
    this.serial = serial;
    this.sending = call.input !== undefined;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits for the stream first must not make this an unhandled rejection.
    this.done.catch(() => undefined);
  }

  /** True once the FileIn need not go on. */
  get stopped(): boolean {
    return this.cancelled || this.daemonStopped || this.streamFailure !== undefined || this.phase !== 'reply';
  }

  /** True once nobody wants the FileOut. */
  get abandoned(): boolean {
    return this.cancelled || this.streamFailure !== undefined || this.phase === 'over';
  }

  /** Wake up whoever waits in {@link orStopped}. */
  wake(): void {
    const wake = this.#onStop;
    this.#onStop = undefined;
    wake?.();
  }

  /** What a promise gives, or `undefined` as soon as the call is woken; at once where it need not go on. */
  orStopped<T>(promise: Promise<T>, stopped = this.stopped): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#onStop = () => resolve(undefined);
      promise.then(resolve, reject);
      if (stopped) this.wake();
    });
  }

  succeed(body: Uint8Array): void {
    this.phase = 'over';
    this.wake();
    if (this.streamFailure !== undefined) this.#reject(this.streamFailure);
    else if (this.cancelled && (this.call.input !== undefined || this.call.output !== undefined)) {
      this.#reject(cancelled());
    } else this.#resolve(body);
  }

  fail(error: GuestfsError): void {
    this.phase = 'over';
    this.wake();
    this.#reject(
      this.streamFailure ?? (this.cancelled && error.code !== 'ENOTCONN' ? interrupted(error) : error),
    );
  }
}

function cancelled(): GuestfsError {
  return new GuestfsError('EINTR', 'the call was cancelled');
}

/** The error of a call that was cancelled: whatever the daemon calls it, unless it is about something else. */
function interrupted(error: GuestfsError): GuestfsError {
  // Daemons that lose their stream say what their system call said, or nothing.
  return error.code === 'EINTR' || error.code === 'EIO' ? cancelled() : error;
}

/** What a source or target failed with, as an error of the call. */
export function streamError(error: unknown, side: 'input' | 'output'): GuestfsError {
  if (error instanceof GuestfsError) return error;
  return new GuestfsError('EIO', `the ${side} stream failed: ${String(error)}`, { cause: error });
}
