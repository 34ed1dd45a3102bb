import { Worker } from 'node:worker_threads';
import { errorFromRecord, GuestfsError } from '../../errors/index.ts';
import type { BackendCall, BackendEvents, LaunchConfig, NextChunk, WriteChunk } from '../backend.ts';
import { pipeInput } from '../io/pipe-input.ts';
import {
  CONTROL,
  CONTROL_WORDS,
  INPUT,
  INPUT_WINDOW,
  OUTPUT_WINDOW,
  type Request,
  type Response,
  type WorkerStart,
} from './protocol.ts';
import type { EngineBackend, EngineState } from './state.ts';

/** Limits of a handle's worker. */
export interface WorkerOptions {
  /** MiB of JavaScript heap; over it the worker dies. Default 512. */
  heapLimit?: number;
  /** MiB of buffers that the engine may have at a time; over it a call fails with ENOMEM. Default 1024. */
  bufferLimit?: number;
  /** Module that the worker runs. */
  entry?: URL;
}

const MIB = 1024 * 1024;

/** The module beside this one; from source, where this runs from source. */
function defaultEntry(): URL {
  const fromSource = import.meta.url.endsWith('.ts');
  return new URL(fromSource ? './engine-worker-source.mjs' : './engine-worker.js', import.meta.url);
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: GuestfsError): void;
}

/**
 * The engine in a worker thread of its own: what it reads cannot harm the caller's thread, its memory is bounded,
 * and it can be killed. The thread is started by the first request and keeps the process alive only while one is
 * pending.
 */
export class WorkerBackend implements EngineBackend {
  readonly name = 'engine';
  readonly #events: BackendEvents;
  readonly #options: WorkerOptions;
  readonly #words = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
  readonly #pending = new Map<number, Pending>();
  #window: SharedArrayBuffer | undefined;
  #worker: Worker | undefined;
  #ending = false;
  #nextId = 1;
  /** What the running call reads from and writes to. */
  #next: NextChunk | undefined;
  #rest: Uint8Array | undefined;
  #write: WriteChunk | undefined;
  #written: Promise<void> = Promise.resolve();
  #streamFailure: GuestfsError | undefined;
  /** Number of the running call; what an older call's streams still do is not for it. */
  #generation = 0;

  constructor(events: BackendEvents, options: WorkerOptions = {}) {
    this.#events = events;
    this.#options = options;
  }

  async launch(config: LaunchConfig): Promise<void> {
    await this.#request({ type: 'launch', id: 0, config });
  }

  async hostCall(action: string, args: readonly unknown[]): Promise<unknown> {
    return this.#request({ type: 'hostCall', id: 0, action, args });
  }

  async handOver(folder: string): Promise<EngineState> {
    Atomics.store(this.#words, CONTROL.CANCELLED, 0);
    return (await this.#request({ type: 'handOver', id: 0, folder })) as EngineState;
  }

  async call(call: BackendCall): Promise<unknown> {
    const { action, args, options, serial, output } = call;
    Atomics.store(this.#words, CONTROL.CANCELLED, 0);
    const pipe = call.input === undefined ? undefined : await pipeInput(call.input);
    const input = pipe === undefined ? call.input : { kind: 'stream' as const, next: pipe.next };
    const request: Request = { type: 'call', id: 0, action, args, options, serial };
    this.#generation++;
    this.#next = undefined;
    this.#rest = undefined;
    this.#write = undefined;
    this.#written = Promise.resolve();
    this.#streamFailure = undefined;
    if (input?.kind === 'stream') {
      this.#next = input.next;
      this.#window ??= new SharedArrayBuffer(INPUT_WINDOW);
      request.input = { kind: 'window', window: this.#window };
    } else if (input !== undefined) {
      request.input = input;
    }
    if (output?.kind === 'stream') {
      this.#write = output.write;
      request.output = { kind: 'messages' };
    } else if (output !== undefined) {
      request.output = output;
    }
    Atomics.store(this.#words, CONTROL.CREDIT, OUTPUT_WINDOW);
    try {
      const result = await this.#request(request);
      await this.#written;
      if (this.#streamFailure !== undefined) throw this.#streamFailure;
      return result;
    } catch (error) {
      // A failed stream ends the call by cancelling it: the stream's failure is the reason, not the cancel.
      throw this.#streamFailure ?? error;
    } finally {
      this.#next = undefined;
      this.#write = undefined;
      pipe?.close();
    }
  }

  cancel(): void {
    Atomics.store(this.#words, CONTROL.CANCELLED, 1);
    Atomics.notify(this.#words, CONTROL.CREDIT);
    Atomics.notify(this.#words, CONTROL.INPUT_STATE);
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    try {
      await this.#request({ type: 'close', id: 0 });
    } finally {
      await this.kill();
    }
  }

  async kill(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#ending = true;
    await worker.terminate();
  }

  #request(request: Request): Promise<unknown> {
    const worker = (this.#worker ??= this.#start());
    request.id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(request.id, { resolve, reject });
      worker.ref();
      worker.postMessage(request);
    });
  }

  #start(): Worker {
    const { heapLimit = 512, bufferLimit = 1024, entry = defaultEntry() } = this.#options;
    const start: WorkerStart = {
      control: this.#words.buffer as SharedArrayBuffer,
      bufferLimit: bufferLimit * MIB,
    };
    const worker = new Worker(entry, {
      name: 'guestfs engine',
      workerData: start,
      // The program's own flags (--input-type, --import, --test) are not for this thread.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapLimit },
    });
    let failure: Error | undefined;
    worker.on('message', (message: Response) => this.#receive(message));
    worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', (code) => this.#exited(code, failure));
    return worker;
  }

  #receive(message: Response): void {
    switch (message.type) {
      case 'result':
        this.#take(message.id)?.resolve(message.result);
        break;
      case 'error':
        this.#take(message.id)?.reject(errorFromRecord(message.error));
        break;
      case 'warning':
        this.#events.warning(message.message);
        break;
      case 'library':
        this.#events.library(message.message);
        break;
      case 'progress':
        this.#events.progress(message.procedure, message.serial, message.position, message.total);
        break;
      case 'chunk': {
        const generation = this.#generation;
        this.#written = this.#written.then(() => this.#forward(message.bytes, generation));
        break;
      }
      case 'pull':
        void this.#pull();
        break;
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#worker?.unref();
    return pending;
  }

  async #forward(bytes: Uint8Array, generation: number): Promise<void> {
    if (this.#write === undefined || this.#streamFailure !== undefined) return;
    try {
      await this.#write(bytes);
      if (generation !== this.#generation) return;
      Atomics.add(this.#words, CONTROL.CREDIT, bytes.length);
      Atomics.notify(this.#words, CONTROL.CREDIT);
    } catch (error) {
      if (generation === this.#generation) this.#failStream(error);
    }
  }

  #failStream(error: unknown): void {
    this.#streamFailure ??=
      error instanceof GuestfsError
        ? error
        : new GuestfsError('EIO', `the stream failed: ${String(error)}`, { cause: error });
    this.cancel();
  }

  /** The worker wants more input: the rest of the last piece, or the next. */
  async #pull(): Promise<void> {
    let state: number = INPUT.END;
    const generation = this.#generation;
    try {
      const piece = this.#rest ?? (await this.#nextPiece());
      if (generation !== this.#generation) return;
      this.#rest = undefined;
      if (piece !== undefined && this.#window !== undefined) {
        const length = Math.min(piece.length, INPUT_WINDOW);
        new Uint8Array(this.#window).set(piece.subarray(0, length));
        if (length < piece.length) this.#rest = piece.subarray(length);
        Atomics.store(this.#words, CONTROL.INPUT_LENGTH, length);
        state = INPUT.FULL;
      }
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#failStream(error);
      state = INPUT.FAILED;
    }
    Atomics.store(this.#words, CONTROL.INPUT_STATE, state);
    Atomics.notify(this.#words, CONTROL.INPUT_STATE);
  }

  /** The next piece that has bytes in it. */
  async #nextPiece(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = await this.#next?.();
      if (piece === undefined || piece.length > 0) return piece;
    }
  }

  #exited(code: number, failure: Error | undefined): void {
    const outOfMemory = (failure as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
    const error = this.#ending
      ? new GuestfsError('EINTR', 'the handle was terminated')
      : outOfMemory
        ? new GuestfsError('ENOMEM', `the engine ran out of memory and ended; ${this.#limitText()}`, {
            cause: failure,
          })
        : new GuestfsError(
            'ENOTCONN',
            failure === undefined
              ? `the engine's worker thread ended with code ${code}`
              : `the engine's worker thread crashed: ${failure.message}`,
            { cause: failure },
          );
    this.#worker = undefined;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    const quit = !this.#ending;
    this.#ending = false;
    if (quit) this.#events.quit(outOfMemory);
    for (const { reject } of pending) reject(error);
  }

  #limitText(): string {
    return `its limit is ${this.#options.heapLimit ?? 512} MiB of heap (option heapLimit of new Guestfs)`;
  }
}
