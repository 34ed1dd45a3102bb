import type { Duplex } from 'node:stream';
import { actionEntry, type ActionEntry } from '../../actions/table.ts';
import { BUFFER_CAP } from '../../daemon/content.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { ARGUMENTS_MAX, type AsyncSource, type AsyncTarget, plainCall } from '../../rpc/library-call.ts';
import { LibraryConnection } from '../../rpc/library-connection.ts';
import { CHUNK_MAX } from '../../rpc/messages.ts';
import type { Attachment } from '../../platform/attachment.ts';
import {
  ATTACH,
  HELLO,
  OWN_ACTIONS,
  readAgreement,
  writeAttachment,
  writeHello,
} from '../../rpc/own-protocol.ts';
import { traitsOf } from '../../rpc/procedures.ts';
import { writeCall } from '../../rpc/xdr/calls.ts';
import { XdrReader } from '../../rpc/xdr/reader.ts';
import { readResult } from '../../rpc/xdr/results.ts';
import { XdrWriter } from '../../rpc/xdr/writer.ts';
import type { BackendCall, BackendEvents } from '../backend.ts';
import { libraryActions, type DaemonCalls } from './library-actions.ts';
import { bytesOrigin, openOrigin } from './origin.ts';
import { MemoryTarget, openTarget } from './target.ts';

/**
 * The calls of a handle to a daemon at the other end of a stream: one of ours, or one of libguestfs. What the daemon
 * has no procedure for is made of what it has, as libguestfs does in its library.
 */
export class RemoteSession {
  readonly #connection: LibraryConnection;
  readonly #events: BackendEvents;
  /** Procedures of the actions that only our own daemon has a number for. */
  readonly #own = new Map<string, number>();
  #cancelled = false;

  /** `onClosed` hears once if the daemon goes away by itself after it was ready. */
  constructor(stream: Duplex, events: BackendEvents, onClosed: (reason: GuestfsError) => void) {
    this.#events = events;
    this.#connection = new LibraryConnection(stream, onClosed);
    this.#connection.onWarning = (message) => events.warning(message);
  }

  /**
   * Wait until the daemon is ready, and find out whether it is one of ours. One that says nothing is asked after `askAfter`
   * milliseconds. Rejects where the connection ends first.
   */
  async start({ askAfter }: { askAfter?: number } = {}): Promise<void> {
    // Through a port of a machine a daemon may not notice that another library has taken the place of the one before.
    await this.#connection.ready(askAfter === undefined ? {} : { assumeAfter: askAfter });
    try {
      const answer = await this.#connection.call(plainCall('launch', HELLO, writeHello));
      const { chunk, actions } = readAgreement(new XdrReader(answer));
      this.#connection.chunkMax = chunk;
      for (const [index, action] of actions.entries()) this.#own.set(action, OWN_ACTIONS + index);
    } catch (error) {
      // A daemon of libguestfs does not know the question.
      if (this.#connection.closed !== undefined) throw error;
      this.#connection.chunkMax = CHUNK_MAX;
    }
  }

  /** Tell a machine that was stopped what is new. Rejects where its daemon is none of an appliance, or with its error. */
  async attach(attachment: Attachment): Promise<void> {
    await this.#connection.call(plainCall('launch', ATTACH, (writer) => writeAttachment(writer, attachment)));
  }

  /** Why there is no connection any more; undefined while there is one. */
  get closed(): GuestfsError | undefined {
    return this.#connection.closed;
  }

  /** True if the daemon is one of this package. */
  get isOwn(): boolean {
    return this.#own.size > 0;
  }

  /** Run a call. Every failure is a GuestfsError. */
  async call(call: BackendCall): Promise<unknown> {
    const entry = actionEntry(call.action);
    if (entry === undefined || entry.where !== 'daemon') {
      throw new GuestfsError('ENOSYS', `${call.action}: there is no such action`, { action: call.action });
    }
    this.#cancelled = false;
    const warn = (message: string): void => this.#events.warning(message);
    const source = call.input === undefined ? undefined : await openOrigin(call.input, warn);
    try {
      if (call.output === undefined) return await this.#route(entry, call, source, undefined);
      const target = openTarget(call.output, warn);
      try {
        const result = await this.#route(entry, call, source, target);
        await target.end();
        return result;
      } catch (error) {
        target.abort();
        throw error;
      }
    } finally {
      source?.close();
    }
  }

  /** Have the daemon answer the smallest call `count` times, for what that compiles. Rejects as {@link call}. */
  async rehearse(count: number): Promise<void> {
    const { name, proc } = requireEntry('ping_daemon');
    await this.#connection.rehearse(plainCall(name, proc as number), count);
  }

  /** Stop the running call; harmless when none runs. */
  cancel(): void {
    this.#cancelled = true;
    this.#connection.cancel();
  }

  /** Have the daemon unmount and write everything through, and end the connection. */
  async close(): Promise<void> {
    if (this.#connection.closed !== undefined) return;
    try {
      this.#cancelled = false;
      await this.#wire(requireEntry('internal_autosync'), {
        action: 'internal_autosync',
        args: [],
        options: {},
        serial: 0,
      });
    } finally {
      this.#connection.destroy();
    }
  }

  /** End the connection at once; the running call fails. */
  kill(): void {
    this.#connection.destroy(new GuestfsError('EINTR', 'the handle was terminated'));
  }

  async #route(
    entry: ActionEntry,
    call: BackendCall,
    source: AsyncSource | undefined,
    target: AsyncTarget | undefined,
  ): Promise<unknown> {
    if (entry.proc !== null) return this.#wire(entry, call, { source, target });
    const procedure = this.#own.get(entry.name);
    const library = libraryActions[entry.name];
    if (procedure !== undefined && (library === undefined || fits(entry, call))) {
      return this.#ownCall(entry, call, procedure, { source, target });
    }
    if (library !== undefined) return library(this.#daemonCalls(call), call.args);
    throw new UnsupportedError(
      `${entry.name}: the daemon is one of libguestfs, which has no such call; a guestfsd of this package has it`,
      { action: entry.name },
    );
  }

  /** A call of an action without a number: its result comes as a stream, so that it may be large. */
  async #ownCall(
    entry: ActionEntry,
    call: BackendCall,
    procedure: number,
    streams: Streams,
  ): Promise<unknown> {
    if (traitsOf(entry).givesFile || entry.ret.type === 'void')
      return this.#wire(entry, call, { ...streams, procedure });
    const memory = memoryTarget(entry.name, BUFFER_CAP);
    await this.#wire(entry, call, { ...streams, procedure, target: memory });
    return readResult(new XdrReader(memory.bytes()), entry.ret);
  }

  #daemonCalls(call: BackendCall): DaemonCalls {
    const wire = (action: string, args: readonly unknown[], streams: Streams = {}): Promise<unknown> =>
      this.#wire(
        requireEntry(action),
        { ...call, action, args, options: {} },
        { ...streams, reportAs: call.action },
      );
    return {
      call: (action, args, procedure) => wire(action, args, procedure === undefined ? {} : { procedure }),
      async gather(action, args, cap) {
        const memory = memoryTarget(call.action, cap);
        await wire(action, args, { target: memory });
        return memory.bytes();
      },
      async send(action, args, bytes) {
        return wire(action, args, { source: bytesOrigin(bytes) });
      },
    };
  }

  async #wire(
    entry: ActionEntry,
    call: Pick<BackendCall, 'action' | 'args' | 'options' | 'serial'>,
    streams: Streams = {},
  ): Promise<unknown> {
    if (this.#cancelled) throw new GuestfsError('EINTR', 'the call was cancelled');
    const writer = new XdrWriter(ARGUMENTS_MAX);
    const optargs = writeCall(writer, entry, { args: [...call.args], options: { ...call.options } });
    const { source, target, procedure = entry.proc as number, reportAs } = streams;
    const reported = reportAs === undefined ? procedure : (actionEntry(reportAs)?.proc ?? 0);
    const body = await this.#connection.call({
      procedure,
      name: entry.name,
      body: writer.bytes(),
      optargs,
      secret: entry.args.some(({ type }) => type === 'Key'),
      ...(source === undefined ? {} : { input: source }),
      ...(target === undefined ? {} : { output: target }),
      progress: ({ position, total }) => this.#events.progress(reported, call.serial, position, total),
    });
    if (target !== undefined) return undefined;
    return this.#result(entry, body);
  }

  /** The result of a reply: bytes that are none end the connection, since nothing that follows can be trusted. */
  #result(entry: ActionEntry, body: Uint8Array): unknown {
    try {
      return readResult(new XdrReader(body), entry.ret);
    } catch (error) {
      if (error instanceof GuestfsError && error.code === 'EPROTO') {
        const reason = new GuestfsError(
          'EPROTO',
          `${entry.name}: the daemon's answer makes no sense: ${error.message}`,
        );
        this.#connection.fail(reason);
        throw reason;
      }
      throw error;
    }
  }
}

/** What a call reads from and writes to, and how it is numbered. */
interface Streams {
  source?: AsyncSource | undefined;
  target?: AsyncTarget | undefined;
  procedure?: number;
  /** Action that progress is reported for, where that is another one. */
  reportAs?: string;
}

function requireEntry(name: string): ActionEntry {
  const entry = actionEntry(name);
  if (entry === undefined) throw new GuestfsError('ENOSYS', `${name}: there is no such action`);
  return entry;
}

function memoryTarget(action: string, cap: number): MemoryTarget {
  return new MemoryTarget(
    cap,
    () => new GuestfsError('EFBIG', `${action}: the result has more than ${cap} bytes`, { action }),
  );
}

/** True if the arguments are small enough for one message, judged without encoding them. */
function fits(entry: ActionEntry, call: BackendCall): boolean {
  let bytes = 1024;
  for (const value of call.args) {
    if (value instanceof Uint8Array) bytes += value.length;
    else if (typeof value === 'string') bytes += value.length * 3;
    else if (Array.isArray(value)) for (const item of value) bytes += String(item).length * 3 + 8;
  }
  return bytes + entry.optargs.length * 16 <= ARGUMENTS_MAX;
}
