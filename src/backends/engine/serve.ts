import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { wipeKeys } from '../../actions/check.ts';
import { actionEntry } from '../../actions/table.ts';
import { setAllocationMeter } from '../../bytes/budget.ts';
import { errorToRecord, GuestfsError } from '../../errors/index.ts';
import type { Implementations } from '../../daemon/daemon.ts';
import { toGuestfsError } from '../../daemon/failure.ts';
import { implementations } from '../../daemon/registry.ts';
import type { ClosableSink } from '../io/sink.ts';
import type { ClosableSource } from '../io/source.ts';
import { handOver } from './hand-over.ts';
import { CONTROL, INPUT, type Request, type Response, type WorkerStart } from './protocol.ts';
import { EngineSession, type CreatePlatform, type SessionCall } from './session.ts';

/** Bytes that may be allocated between two looks at how much there is. */
const METER_STEP = 32 * 1024 * 1024;

/** Be the worker of a handle: answer the requests that come, one after the other, with an engine session. */
export function serveEngine(
  createPlatform: CreatePlatform,
  actions: Implementations = implementations,
): void {
  const port = parentPort;
  if (port === null) throw new GuestfsError('EINVAL', 'the engine worker must be started as a worker thread');
  const { control, bufferLimit } = workerData as WorkerStart;
  limitBuffers(bufferLimit);
  const words = new Int32Array(control);
  const post = (message: Response, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  const session = new EngineSession(
    createPlatform,
    {
      warning: (message) => post({ type: 'warning', message }),
      library: (message) => post({ type: 'library', message }),
      progress: (procedure, serial, position, total) =>
        post({ type: 'progress', procedure, serial, position, total }),
    },
    words.subarray(CONTROL.CANCELLED, CONTROL.CANCELLED + 1),
    actions,
  );
  port.on('message', (request: Request) => {
    try {
      const result = answer(session, request, words, port);
      const transfer: ArrayBuffer[] = [];
      post({ type: 'result', id: request.id, result: movable(result, transfer) }, transfer);
    } catch (error) {
      const failure = toGuestfsError(error, request.type === 'call' ? request.action : request.type);
      post({ type: 'error', id: request.id, error: errorToRecord(failure) });
    }
  });
}

function answer(session: EngineSession, request: Request, words: Int32Array, port: MessagePort): unknown {
  switch (request.type) {
    case 'launch':
      session.launch(request.config);
      return undefined;
    case 'hostCall':
      return session.hostCall(request.action, request.args);
    case 'handOver':
      return session.look((context) => handOver(context, request.folder));
    case 'close':
      session.close();
      return undefined;
    case 'call': {
      const { input, output, action, args, options, serial } = request;
      const call: SessionCall = { action, args, options, serial };
      if (input?.kind === 'window') {
        call.input = { kind: 'source', source: new WindowSource(input.window, words, port, session) };
      } else if (input !== undefined) {
        call.input = input;
      }
      if (output?.kind === 'messages') {
        call.output = { kind: 'sink', sink: new MessageSink(words, port, session) };
      } else if (output !== undefined) {
        call.output = output;
      }
      try {
        return session.call(call);
      } finally {
        const entry = actionEntry(action);
        if (entry !== undefined) wipeKeys(entry, args);
      }
    }
  }
}

/** ArrayBuffers are outside a worker's resourceLimits, so their sum is watched where they are allocated. */
function limitBuffers(limit: number): void {
  let since = 0;
  setAllocationMeter((length, what) => {
    since += length;
    if (since < METER_STEP) return;
    since = length;
    const { arrayBuffers } = process.memoryUsage();
    if (arrayBuffers + length > limit) {
      throw new GuestfsError(
        'ENOMEM',
        `${what} asks for ${length} bytes, the handle has ${arrayBuffers} of at most ${limit} bytes of buffers`,
        { structure: what },
      );
    }
  });
}

/** Waits in the worker for what the handle's thread does; wakes up now and then to see a cancel. */
const WAKE = 100;

/** FileIn from a stream of the handle's thread: pieces come through a window of shared memory. */
class WindowSource implements ClosableSource {
  readonly #window: Uint8Array;
  readonly #words: Int32Array;
  readonly #port: MessagePort;
  readonly #session: EngineSession;
  #at = 0;
  #length = 0;
  #ended = false;

  constructor(window: SharedArrayBuffer, words: Int32Array, port: MessagePort, session: EngineSession) {
    this.#window = new Uint8Array(window);
    this.#words = words;
    this.#port = port;
    this.#session = session;
  }

  read(into: Uint8Array): number {
    if (this.#at === this.#length && !this.#ended) this.#pull();
    const length = Math.min(into.length, this.#length - this.#at);
    into.set(this.#window.subarray(this.#at, this.#at + length));
    this.#at += length;
    return length;
  }

  #pull(): void {
    Atomics.store(this.#words, CONTROL.INPUT_STATE, INPUT.EMPTY);
    this.#port.postMessage({ type: 'pull' } satisfies Response);
    while (Atomics.load(this.#words, CONTROL.INPUT_STATE) === INPUT.EMPTY) {
      this.#session.checkCancelled();
      Atomics.wait(this.#words, CONTROL.INPUT_STATE, INPUT.EMPTY, WAKE);
    }
    const state = Atomics.load(this.#words, CONTROL.INPUT_STATE);
    this.#at = 0;
    this.#length = state === INPUT.FULL ? Atomics.load(this.#words, CONTROL.INPUT_LENGTH) : 0;
    this.#ended = state !== INPUT.FULL;
    // The handle's thread knows what was wrong with its stream and says it instead of this.
    if (state === INPUT.FAILED) throw new GuestfsError('EIO', 'the input stream failed');
  }

  close(): void {}
}

/** FileOut to a stream of the handle's thread: chunks go as messages, as far as the credit goes. */
class MessageSink implements ClosableSink {
  readonly #words: Int32Array;
  readonly #port: MessagePort;
  readonly #session: EngineSession;

  constructor(words: Int32Array, port: MessagePort, session: EngineSession) {
    this.#words = words;
    this.#port = port;
    this.#session = session;
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    for (;;) {
      this.#session.checkCancelled();
      const credit = Atomics.load(this.#words, CONTROL.CREDIT);
      if (credit > 0) break;
      Atomics.wait(this.#words, CONTROL.CREDIT, credit, WAKE);
    }
    Atomics.sub(this.#words, CONTROL.CREDIT, chunk.length);
    const bytes = new Uint8Array(chunk);
    this.#port.postMessage({ type: 'chunk', bytes } satisfies Response, [bytes.buffer]);
  }

  writeZeroes(length: number): void {
    const part = 256 * 1024;
    for (let left = length; left > 0; left -= part) this.write(new Uint8Array(Math.min(left, part)));
  }

  end(): void {}

  abort(): void {}
}

/** Buffers of at least this many bytes are moved, not copied; smaller ones may belong to a cache of the engine. */
const MOVE_FROM = 1024 * 1024;

/**
 * The result in a form that crosses cheaply: a large buffer that stands alone is moved, a view of a larger one is
 * copied first, so that what is around it does not cross with it.
 */
function movable(result: unknown, transfer: ArrayBuffer[]): unknown {
  if (result instanceof Uint8Array) {
    const { buffer } = result;
    const whole = buffer instanceof ArrayBuffer && result.byteLength === buffer.byteLength;
    const bytes = whole && result.length >= MOVE_FROM ? new Uint8Array(buffer) : Uint8Array.from(result);
    transfer.push(bytes.buffer as ArrayBuffer);
    return bytes;
  }
  if (!Array.isArray(result) || typeof result[0] !== 'object') return result;
  return result.map((item: Record<string, unknown>) => {
    const copy = { ...item };
    for (const [key, value] of Object.entries(item)) {
      if (value instanceof Uint8Array) copy[key] = Uint8Array.from(value);
    }
    return copy;
  });
}
