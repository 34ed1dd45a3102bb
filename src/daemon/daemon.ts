import { checkCall, wipeKeys } from '../actions/check.ts';
import { actionEntry, type ActionEntry } from '../actions/table.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import type { Platform } from '../platform/contract.ts';
import { SessionState, type ActionContext, type ByteSink, type ByteSource } from './context.ts';
import { noteSuccess } from './action-log.ts';
import { DAEMON_SLOT, type DaemonInfo } from './daemon-info.ts';
import { toGuestfsError } from './failure.ts';
import { needsKernel } from './kernel-actions.ts';

/** What a daemon tells its surroundings while it runs a call. */
export interface DaemonHooks {
  /** Something odd that does not stop the call, one sentence. */
  warn(message: string): void;
  /** How far the running call has come; called freely, the receiver throttles. */
  progress(position: number, total: number): void;
  /** Throws EINTR if the user cancelled the running call. */
  checkCancelled(): void;
}

/** Where the bytes of a call's FileIn and FileOut arguments come from and go. */
export interface CallIO {
  input?: ByteSource;
  output?: ByteSink;
}

/** An action's implementation as the dispatcher sees it. */
export type Implementation = (context: ActionContext, ...args: readonly unknown[]) => unknown;

/** Implementations by the names of their actions. */
export type Implementations = Readonly<Record<string, unknown>>;

/**
 * Takes calls, checks their arguments against the action's record, and runs them on a platform. Synchronous; one
 * call at a time.
 */
export class Daemon {
  readonly platform: Platform;
  readonly #context: ActionContext;
  #implementations: Readonly<Record<string, Implementation | undefined>>;

  constructor(platform: Platform, hooks: DaemonHooks, actions: Implementations) {
    this.platform = platform;
    this.#implementations = actions as Readonly<Record<string, Implementation | undefined>>;
    const state = new SessionState();
    state.slot<DaemonInfo>(DAEMON_SLOT, () => ({ implements: (action) => this.implements(action) }));
    this.#context = {
      platform,
      state,
      warn: (message) => hooks.warn(message),
      progress: (position, total) => hooks.progress(position, total),
      checkCancelled: () => hooks.checkCancelled(),
    };
  }

  /** Take other implementations from now on: more of them, once they are loaded. */
  use(actions: Implementations): void {
    this.#implementations = actions as Readonly<Record<string, Implementation | undefined>>;
  }

  /** Have a part of the package look at what the session has become. */
  look<T>(look: (context: ActionContext) => T): T {
    return look(this.#context);
  }

  /** True if this daemon has an implementation of the action. */
  implements(name: string): boolean {
    return Object.hasOwn(this.#implementations, name);
  }

  /**
   * Run an action. `args` are its arguments without FileIn and FileOut, which are in `io`; `options` go by their
   * camelCase names. Every failure is a GuestfsError with `action` set: ENOSYS for a name that is no action,
   * ENOTSUP for an action that has no implementation here, EINVAL for bad arguments.
   */
  call(name: string, args: readonly unknown[], options: object = {}, io: CallIO = {}): unknown {
    const entry = actionEntry(name);
    if (entry === undefined || entry.where !== 'daemon') {
      throw new GuestfsError('ENOSYS', `${name}: there is no such action`, { action: name });
    }
    try {
      const result = this.#run(entry, args, options, io);
      noteSuccess(entry.name, this.platform.name);
      return result;
    } catch (error) {
      throw toGuestfsError(error, entry.name);
    }
  }

  #run(entry: ActionEntry, args: readonly unknown[], options: object, io: CallIO): unknown {
    if (!this.implements(entry.name)) throw notImplemented(entry, this.platform.name);
    const implementation = this.#implementations[entry.name] as Implementation;
    let checked;
    try {
      checked = checkCall(entry, args, options);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new GuestfsError('EINVAL', error.message, { cause: error });
    }
    const values: unknown[] = [];
    let next = 0;
    for (const parameter of entry.args) {
      if (parameter.type === 'FileIn') values.push(stream(entry, parameter.name, io.input));
      else if (parameter.type === 'FileOut') values.push(stream(entry, parameter.name, io.output));
      else values.push(checked.args[next++]);
    }
    if (entry.optargs.length > 0) values.push(checked.options);
    try {
      return implementation(this.#context, ...values);
    } finally {
      wipeKeys(entry, checked.args);
    }
  }
}

function stream<T>(entry: ActionEntry, name: string, given: T | undefined): T {
  if (given !== undefined) return given;
  throw new GuestfsError('EINVAL', `${entry.name}: no stream was given for ${name}`);
}

function notImplemented(entry: ActionEntry, platform: Platform['name']): UnsupportedError {
  return platform === 'engine' && needsKernel(entry.name)
    ? new UnsupportedError(
        `${entry.name}: the engine backend does not have this action; the appliance backend has it`,
      )
    : new UnsupportedError(`${entry.name}: this daemon does not have this action`);
}
