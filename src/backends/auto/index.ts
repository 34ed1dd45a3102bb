/**
 * The backend `auto`: the engine, until a call needs a Linux kernel. What is done then is in `move.ts`, which a handle
 * that never needs it does not load.
 */
import { UnsupportedError } from '../../errors/index.ts';
import type { Backend, BackendCall, BackendEvents, LaunchConfig } from '../backend.ts';
import type { EngineBackend } from '../engine/state.ts';
import { hiddenFrom } from './hidden.ts';
import type { Mover } from './move.ts';

/** Makes the engine, at first and again where the appliance could not be started. */
export type MakeEngine = (events: BackendEvents) => EngineBackend | Promise<EngineBackend>;

/** A backend for machines, as much of it as is needed here. */
export interface MachineBackend extends Backend {
  /** Rejects where a launch is bound to fail, before anything is given up for it. */
  prepare(config: LaunchConfig): Promise<void>;
}

/** What the backend is made of. */
export interface AutoParts {
  makeEngine: MakeEngine;
  /** Makes the machine's side; the appliance's if absent. */
  makeMachine?: (events: BackendEvents) => MachineBackend;
}

/** Answer of internal_feature_available. */
const NOT_AVAILABLE = 1;

/** Starts on the engine; moves to the appliance before the first call that only a kernel can answer. */
export class AutoBackend implements Backend {
  readonly name = 'auto';
  readonly #events: BackendEvents;
  readonly #parts: AutoParts;
  #engine: EngineBackend | undefined;
  #config: LaunchConfig | undefined;
  /** There from the first call on that the engine could not answer. */
  #mover: Mover | undefined;

  constructor(events: BackendEvents, parts: AutoParts) {
    this.#events = events;
    this.#parts = parts;
  }

  /** Process number of the machine, once there is one. */
  get pid(): number | undefined {
    return this.#mover?.current.pid;
  }

  async launch(config: LaunchConfig): Promise<void> {
    this.#config = config;
    this.#engine ??= await this.#parts.makeEngine(this.#events);
    if (config.machine?.drives.some(({ remote }) => remote !== undefined) === true) {
      await (await this.#load(config, this.#engine)).launchMachine();
      return;
    }
    await this.#engine.launch(config);
  }

  async call(call: BackendCall): Promise<unknown> {
    if (this.#mover?.moved === true) return this.#mover.call(call);
    const watch = new StreamWatch(call);
    try {
      const result = await this.#current().call(watch.call);
      if (call.action === 'internal_feature_available' && result === NOT_AVAILABLE) {
        return (await this.#load()).featureAvailable(call.args[0] as string);
      }
      const hidden = await hiddenFrom(this.#current(), call.action, result);
      return hidden === undefined ? result : (await this.#load()).completely(call, result, hidden);
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      return (await this.#load()).instead(call, watch.isTouched, error);
    }
  }

  async hostCall(action: string, args: readonly unknown[]): Promise<unknown> {
    this.#engine ??= await this.#parts.makeEngine(this.#events);
    return this.#current().hostCall(action, args);
  }

  cancel(): void {
    if (this.#mover === undefined) this.#engine?.cancel();
    else this.#mover.cancel();
  }

  async close(): Promise<void> {
    if (this.#mover === undefined) await this.#engine?.close();
    else await this.#mover.close();
  }

  async kill(): Promise<void> {
    if (this.#mover === undefined) await this.#engine?.kill();
    else await this.#mover.kill();
  }

  #current(): Backend {
    return this.#mover?.current ?? (this.#engine as EngineBackend);
  }

  async #load(config = this.#config as LaunchConfig, engine = this.#engine as EngineBackend): Promise<Mover> {
    if (this.#mover === undefined) {
      const { Mover } = await import('./move.ts');
      this.#mover = new Mover({ ...this.#parts, events: this.#events, config, engine });
    }
    return this.#mover;
  }
}

/** Sees whether the engine has used a stream before it gave a call up: what was read or written cannot be taken back. */
class StreamWatch {
  /** What the engine is given: the call with streams that are watched. */
  readonly call: BackendCall;
  isTouched: boolean;

  constructor(call: BackendCall) {
    const { input, output } = call;
    // Of descriptors and folders nobody can tell.
    this.isTouched = input?.kind === 'fd' || output?.kind === 'fd' || output?.kind === 'extract';
    this.call = call;
    if (input?.kind === 'stream')
      this.call = { ...call, input: { kind: 'stream', next: this.#seen(input.next) } };
    if (output?.kind === 'stream') {
      this.call = { ...this.call, output: { kind: 'stream', write: this.#seen(output.write) } };
    }
  }

  #seen<A extends unknown[], R>(use: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      this.isTouched = true;
      return use(...args);
    };
  }
}
