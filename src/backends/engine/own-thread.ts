import type { Implementations } from '../../daemon/daemon.ts';
import { lightImplementations } from '../../daemon/light-registry.ts';
import { topicOf } from '../../daemon/topics.ts';
import type { GuestfsError } from '../../errors/index.ts';
import type { BackendCall, BackendEvents, LaunchConfig, NextChunk } from '../backend.ts';
import type { ClosableSource } from '../io/source.ts';
import { drainInto, gather } from './spool.ts';
import { EngineSession, type CreatePlatform, type SessionCall } from './session.ts';
import type { EngineBackend, EngineState } from './state.ts';

/**
 * The engine in the caller's thread: starts at once and costs no message, but a call keeps the thread until it
 * ends, and nothing bounds its memory. For command-line tools. Streams are read before the call and written after
 * it, by way of memory or a temporary file; paths and descriptors are used directly.
 */
export class OwnThreadBackend implements EngineBackend {
  readonly name = 'engine';
  readonly #session: EngineSession;
  /** What is loaded so far. */
  #loaded: Implementations = lightImplementations;
  /** False while only light implementations and some topics are loaded. */
  #complete: boolean;
  readonly #cancelled = new Int32Array(new SharedArrayBuffer(4));
  /** Ends the waiting for a stream. */
  #interrupt: (() => void) | undefined;

  constructor(createPlatform: CreatePlatform, events: BackendEvents, actions?: Implementations) {
    this.#complete = actions !== undefined;
    this.#session = new EngineSession(createPlatform, events, this.#cancelled, actions ?? this.#loaded);
  }

  async launch(config: LaunchConfig): Promise<void> {
    this.#session.launch(config);
  }

  async call(call: BackendCall): Promise<unknown> {
    Atomics.store(this.#cancelled, 0, 0);
    this.#interrupt = undefined;
    if (!this.#complete && !this.#session.implements(call.action)) await this.#load(call.action);
    const { input, output, ...rest } = call;
    if (input?.kind !== 'stream' && output?.kind !== 'stream') {
      return this.#session.call(call as SessionCall);
    }
    const sessionCall: SessionCall = { ...rest };
    // Fails without a look at the streams.
    if (!this.#session.implements(call.action)) return this.#session.call(sessionCall);
    if (input?.kind === 'stream') {
      sessionCall.input = { kind: 'source', source: await this.#gather(input.next) };
    } else if (input !== undefined) {
      sessionCall.input = input;
    }
    if (output?.kind !== 'stream') {
      if (output !== undefined) sessionCall.output = output;
      return this.#session.call(sessionCall);
    }
    const write = (chunk: Uint8Array): Promise<void> => this.#unlessCancelled(() => output.write(chunk));
    return drainInto(write, this.#session.checkCancelled, (sink) => {
      sessionCall.output = { kind: 'sink', sink };
      return this.#session.call(sessionCall);
    });
  }

  #gather(next: NextChunk): Promise<ClosableSource> {
    return gather(() => this.#unlessCancelled(next), this.#session.checkCancelled);
  }

  /** Wait for a stream, but not longer than until the call is cancelled: the stream may never go on. */
  #unlessCancelled<T>(start: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#interrupt = () => {
        try {
          this.#session.checkCancelled();
        } catch (error) {
          reject(error as GuestfsError);
        }
      };
      start().then(resolve, reject);
    });
  }

  /** Load what implements the action: its topic, or everything. */
  async #load(action: string): Promise<void> {
    const topic = await topicOf(action);
    if (topic !== undefined) {
      this.#loaded = { ...this.#loaded, ...topic };
      this.#session.use(this.#loaded);
      if (this.#session.implements(action)) return;
    }
    const { implementations } = await import('../../daemon/registry.ts');
    this.#session.use(implementations);
    this.#complete = true;
  }

  async hostCall(action: string, args: readonly unknown[]): Promise<unknown> {
    return this.#session.hostCall(action, args);
  }

  async handOver(folder: string): Promise<EngineState> {
    const { handOver } = await import('./hand-over.ts');
    return this.#session.look((context) => handOver(context, folder));
  }

  cancel(): void {
    Atomics.store(this.#cancelled, 0, 1);
    this.#interrupt?.();
  }

  async close(): Promise<void> {
    this.#session.close();
  }

  async kill(): Promise<void> {
    this.#session.close();
  }
}
