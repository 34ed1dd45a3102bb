import { wipeKeys } from '../actions/check.ts';
import { actionEntry, actionNames, type ActionEntry } from '../actions/table.ts';
import type { Daemon, DaemonHooks, CallIO } from '../daemon/daemon.ts';
import { monotonicMilliseconds } from '../daemon/monotonic.ts';
import { ProgressMeter } from '../daemon/progress-meter.ts';
import { toGuestfsError } from '../daemon/failure.ts';
import { GuestfsError } from '../errors/index.ts';
import type { Attachment } from '../platform/attachment.ts';
import { ChannelClosed, type DaemonChannel } from './daemon-channel.ts';
import { FileInStream } from './file-in.ts';
import { FileOutStream, streamBuffer } from './file-out.ts';
import {
  CHUNK_MAX,
  DIRECTION,
  emptyReply,
  HEADER_LENGTH,
  MESSAGE_MAX,
  progressMessage,
  readHeader,
  STATUS,
  warningMessage,
  WORD,
  writeError,
  writeHeader,
  type Header,
} from './messages.ts';
import { ATTACH, HELLO, OWN_ACTIONS, readAttachment, readHello, writeAgreement } from './own-protocol.ts';
import { procedureEntry, traitsOf } from './procedures.ts';
import { readCall } from './xdr/calls.ts';
import { XdrReader } from './xdr/reader.ts';
import { writeResult } from './xdr/results.ts';
import { XdrWriter } from './xdr/writer.ts';

/** Milliseconds between two looks at whether the library cancelled: a look is a system call. */
const LOOK_EVERY = 50;

/** Milliseconds of work after which others have the thread for a moment. */
const PAUSE_EVERY = 1000;

/** What a server is told about its surroundings. */
export interface ServerOptions {
  /** A line for whoever debugs: a warning of an action, a message that was no call. */
  log(message: string): void;
  /** False leaves out what is beyond the protocol of libguestfs, as if the daemon were one of its. */
  own?: boolean;
  /** The machine goes on elsewhere, with other disks: only an appliance allows that. */
  attach?(attachment: Attachment): void;
  /** Called after every call. */
  answered?(): void;
  /** A line for every call and what became of it, without values: they may be secret. */
  trace?(message: string): void;
}

/** What follows a header. */
interface Request {
  header: Header;
  reader: XdrReader;
  message: Uint8Array;
}

/** Outcome of a call whose arguments were read, and the streams of it. */
interface Running {
  header: Header;
  entry: ActionEntry;
  input?: FileInStream;
  output?: FileOutStream;
}

/**
 * Answers the calls that come through a channel, one after the other, with a daemon. Synchronous: it has the thread
 * while a call runs. The daemon is made with the {@link hooks} of the server.
 */
export class DaemonServer {
  readonly #channel: DaemonChannel;
  readonly #options: ServerOptions;
  readonly #meter: ProgressMeter;
  #chunkMax = CHUNK_MAX;
  /** Actions without a number that the daemon has, in the order in which it told them; undefined until a library asks. */
  #ownActions: readonly string[] | undefined;
  /** True once the library has said that it takes warnings. */
  #warnings = false;
  #streamBuffer: Uint8Array | undefined;
  readonly #writer = new XdrWriter(4 + MESSAGE_MAX);
  #running: Running | undefined;
  #nextLook = 0;

  /** What a daemon tells about the call that it runs. */
  readonly hooks: DaemonHooks = {
    warn: (message) => this.#warn(message),
    progress: (position, total) => this.#meter.report(position, total),
    checkCancelled: () => this.#checkCancelled(),
  };

  constructor(channel: DaemonChannel, options: ServerOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#meter = new ProgressMeter((position, total) => {
      const { procedure, serial } = this.#running?.header ?? { procedure: 0, serial: 0 };
      channel.write(progressMessage({ procedure, serial, position, total }));
    });
  }

  /**
   * Say that the daemon is ready, and answer calls until the connection ends. Returns why it did. Failures of the
   * actions go to the peer; what is thrown is a defect of this package.
   */
  serve(daemon: Daemon): string {
    const steps = this.#steps(daemon);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  /** As {@link serve}, but `goOn` is asked now and then, between calls, and whenever there is nothing to do for a while. */
  async serveWhile(daemon: Daemon, goOn: () => Promise<boolean>): Promise<string> {
    const steps = this.#steps(daemon);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (!(await goOn())) return 'the daemon was stopped';
    }
  }

  /** Serves; pauses where others may have the thread for a moment. */
  *#steps(daemon: Daemon): Generator<void, string> {
    try {
      while (!this.#channel.tryWriteWord(WORD.LAUNCH)) yield;
      for (let nextPause = monotonicMilliseconds() + PAUSE_EVERY; ;) {
        while (!this.#channel.waitReadable()) yield;
        const request = this.#nextRequest();
        if (request === undefined) break;
        this.#answer(daemon, request);
        this.#options.answered?.();
        const now = monotonicMilliseconds();
        if (now < nextPause) continue;
        nextPause = now + PAUSE_EVERY;
        yield;
      }
    } catch (error) {
      if (!(error instanceof ChannelClosed)) throw error;
    }
    return this.#channel.closed ?? 'the connection ended';
  }

  /** The next message that is a call; undefined at the end of the connection. */
  #nextRequest(): Request | undefined {
    for (;;) {
      const length = this.#channel.word();
      if (length === undefined) return undefined;
      // A cancellation that came after the stream it was for.
      if (length === WORD.CANCEL) continue;
      if (length > MESSAGE_MAX) {
        throw this.#channel.fail(
          `a message of ${length} bytes was announced, at most ${MESSAGE_MAX} are allowed`,
        );
      }
      const message = this.#channel.take(length, 'a message');
      if (isStrayChunk(message)) {
        this.#options.log(`a chunk of ${length} bytes came without a call; it is left out`);
        continue;
      }
      if (length < HEADER_LENGTH) {
        throw this.#channel.fail(`a message of ${length} bytes came, a header alone has ${HEADER_LENGTH}`);
      }
      const reader = new XdrReader(message);
      try {
        return { header: readHeader(reader), reader, message };
      } catch (error) {
        if (error instanceof GuestfsError) throw this.#channel.fail(error.message);
        throw error;
      }
    }
  }

  #answer(daemon: Daemon, { header, reader, message }: Request): void {
    const { own, attach } = this.#options;
    if (header.procedure === HELLO && own !== false) {
      this.#ownCall(header, () => this.#agree(daemon, header, reader));
      return;
    }
    if (header.procedure === ATTACH && attach !== undefined) {
      this.#ownCall(header, () => {
        attach(readAttachment(reader));
        this.#sendReply(header);
      });
      return;
    }
    const entry = this.#entryOf(header.procedure);
    if (entry === undefined) {
      // The word stops a library that sends a stream with it; what has no stream ignores the word.
      this.#channel.writeWord(WORD.CANCEL);
      this.#sendError(header, new GuestfsError('ENOSYS', `unknown procedure number ${header.procedure}`));
      return;
    }
    this.#options.trace?.(entry.name);
    const running: Running = { header, entry };
    if (traitsOf(entry).takesFile)
      running.input = new FileInStream(this.#channel, this.#chunkMax, header.progressHint);
    this.#running = running;
    try {
      this.#run(daemon, running, reader, message);
    } catch (error) {
      // An action may have made another error of it.
      const { closed } = this.#channel;
      if (closed !== undefined) throw new ChannelClosed(closed);
      this.#failed(running, toGuestfsError(error, entry.name));
    } finally {
      this.#running = undefined;
    }
  }

  #run(daemon: Daemon, running: Running, reader: XdrReader, message: Uint8Array): void {
    const { header, entry, input } = running;
    let call;
    try {
      if (header.direction !== DIRECTION.CALL || header.status !== STATUS.OK) {
        throw new GuestfsError(
          'EPROTO',
          `${entry.name}: found direction ${header.direction} and status ${header.status}, expected 0 and 0`,
        );
      }
      call = readCall(reader, entry, header.optargs);
    } finally {
      // What stays in the buffer of the channel shall not hold a key.
      if (traitsOf(entry).hasKey) message.fill(0);
    }
    const io: CallIO = {};
    const output = this.#outputOf(running);
    if (input !== undefined) io.input = input;
    if (output !== undefined && traitsOf(entry).givesFile) io.output = output;
    const now = monotonicMilliseconds();
    this.#meter.start(now);
    this.#nextLook = now + LOOK_EVERY;
    let result: unknown;
    try {
      result = daemon.call(entry.name, call.args, call.options, io);
    } finally {
      wipeKeys(entry, call.args);
    }
    input?.finish(false);
    this.#meter.finish();
    if (output === undefined) {
      if (entry.ret.type === 'void') this.#sendReply(header);
      else this.#sendReply(header, (writer) => writeResult(writer, entry.ret, result));
      return;
    }
    if (!traitsOf(entry).givesFile) streamResult(output, entry, result);
    output.end();
  }

  /** Where a call writes its stream: its FileOut, or the result of an action that has no number. */
  #outputOf(running: Running): FileOutStream | undefined {
    const { entry, header } = running;
    if (!traitsOf(entry).givesFile && (header.procedure < OWN_ACTIONS || entry.ret.type === 'void'))
      return undefined;
    this.#streamBuffer ??= streamBuffer(this.#chunkMax);
    const output = new FileOutStream(this.#channel, this.#chunkMax, this.#streamBuffer, () =>
      this.#sendReply(header),
    );
    running.output = output;
    return output;
  }

  #failed({ header, entry, input, output }: Running, error: GuestfsError): void {
    this.#options.trace?.(`${entry.name}: ${error.code}: ${error.message}`);
    if (output?.begun) {
      this.#options.log(error.message);
      output.abort();
      return;
    }
    try {
      input?.finish(true);
    } catch (late) {
      // The library cancelled what had failed already: the failure is the answer.
      if (!(late instanceof GuestfsError)) throw late;
    }
    this.#sendError(header, error, entry.name);
  }

  #entryOf(procedure: number): ActionEntry | undefined {
    if (procedure < OWN_ACTIONS) return procedureEntry(procedure);
    const name = this.#ownActions?.[procedure - OWN_ACTIONS];
    return name === undefined ? undefined : actionEntry(name);
  }

  #agree(daemon: Daemon, header: Header, reader: XdrReader): void {
    const { chunk, warnings } = readHello(reader);
    const actions = (this.#ownActions ??= actionNames.filter((name) => {
      const entry = actionEntry(name) as ActionEntry;
      return entry.proc === null && entry.where === 'daemon' && daemon.implements(name);
    }));
    this.#sendReply(header, (writer) => writeAgreement(writer, { chunk, actions }));
    this.#chunkMax = chunk;
    this.#warnings = warnings;
    this.#streamBuffer = undefined;
  }

  /** A call beyond the actions. */
  #ownCall(header: Header, call: () => void): void {
    try {
      call();
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      this.#sendError(header, error);
    }
  }

  /** Tell the library, or where it has no ear for that, whoever reads the log. */
  #warn(message: string): void {
    if (this.#warnings && this.#channel.closed === undefined) this.#channel.write(warningMessage(message));
    else this.#options.log(`warning: ${message}`);
  }

  #sendReply(header: Header, body?: (writer: XdrWriter) => void): void {
    if (body === undefined) this.#channel.write(emptyReply(header.procedure, header.serial));
    else this.#send(header, STATUS.OK, body);
  }

  #sendError(header: Header, error: GuestfsError, action = ''): void {
    // Libraries put the action's name before the text themselves.
    const prefix = `${action}: `;
    const { code, message } = error;
    const text = message.startsWith(prefix) ? message.slice(prefix.length) : message;
    this.#send(header, STATUS.ERROR, (writer) => writeError(writer, code, text));
  }

  #send(header: Header, status: number, body: (writer: XdrWriter) => void): void {
    const writer = this.#writer;
    writer.clear();
    writer.uint32(0);
    const { procedure, serial } = header;
    writeHeader(writer, {
      procedure,
      serial,
      status,
      direction: DIRECTION.REPLY,
      progressHint: 0n,
      optargs: 0n,
    });
    body(writer);
    writer.setUint32(0, writer.length - 4);
    this.#channel.write(writer.bytes());
  }

  /** Looks at the channel now and then; while a FileIn is read a chunk says it, and {@link FileInStream} sees that. */
  #checkCancelled(): void {
    const running = this.#running;
    if (running === undefined || running.input !== undefined) return;
    const now = monotonicMilliseconds();
    if (now < this.#nextLook) return;
    this.#nextLook = now + LOOK_EVERY;
    if (running.output !== undefined) running.output.checkCancelled();
    else if (this.#channel.cancelWordCame()) {
      throw new GuestfsError('EINTR', 'the call was cancelled by the caller');
    }
  }
}

/** Messages begin with the program's number; chunks with 0 or 1, in four bytes. */
function isStrayChunk(message: Uint8Array): boolean {
  if (message.length < 8) return false;
  return message[0] === 0 && message[1] === 0 && message[2] === 0 && (message[3] as number) <= 1;
}

/** A result of any size as a stream. */
function streamResult(output: FileOutStream, entry: ActionEntry, result: unknown): void {
  const writer = new XdrWriter(0x7fffffff);
  writeResult(writer, entry.ret, result);
  output.write(writer.bytes());
}
