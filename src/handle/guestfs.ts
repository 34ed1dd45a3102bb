import { EVENT_BITS, type EventName } from '../actions/events.ts';
import type { Backend, BackendEvents, Reproducible } from '../backends/backend.ts';
import type { EngineBackend } from '../backends/engine/state.ts';
import { backendNotBuilt, parseBackend } from '../backends/names.ts';
import { setHostErrnoTable, type GuestfsError } from '../errors/index.ts';
import { constants } from 'node:os';
import { HandleCore, type BackendFactory } from './core.ts';
import { EVENT_ALL, type EventCallback, type GuestfsEvents, type ProgressEvent } from './events.ts';
import { GuestFs, type GuestFsPromises } from './fs/guest-fs.ts';
import { ActionMethods, INVOKE } from './methods.ts';
import { openGuest, type ImageToOpen, type OpenOptions } from './open.ts';
import { OlderSetters } from './older-setters.ts';
import { closeAtExit } from './open-handles.ts';

/** How a handle is made. */
export interface GuestfsOptions {
  /** False leaves out the settings that `LIBGUESTFS_*` variables make. Default true. */
  environment?: boolean;
  /** Backend where neither the environment nor `setBackend` names one. Default `engine`. */
  backend?: string;
  /** False keeps the handle open when the program has nothing more to do. Default true: it is closed then. */
  closeOnExit?: boolean;
  /**
   * Where the engine runs: `worker`, the default, is a thread of its own with bounded memory that can be killed;
   * `own` is the caller's thread, which starts faster and is kept busy by every call: for command-line tools.
   */
  thread?: 'worker' | 'own';
  /**
   * Make what is written the same each time: all times are `time`, in seconds since 1970, and what is else drawn by
   * chance (UUIDs, hash seeds) follows from `seed`. With `thread: 'own'` it holds for all handles of the thread.
   */
  reproducible?: Reproducible;
  /** MiB of JavaScript heap of the worker. Default 512. */
  heapLimit?: number;
  /** MiB of buffers that the worker may have at a time. Default 1024. */
  bufferLimit?: number;
}

/** Option under which tests give a handle its backend. */
export const BACKEND: unique symbol = Symbol('backend');

let handles = 0;
setHostErrnoTable(constants.errno);

/**
 * A handle on a guest: its disk images, and after {@link launch} what is in them.
 *
 * Every action of the libguestfs API is a method with a camelCase name (`mount_ro` is `mountRo`): required arguments
 * in order, optional ones in an object at the end, which also takes `signal`. Calls of one handle run one after the
 * other in the order they were made; handles run side by side. A call rejects with {@link GuestfsError}, or with
 * TypeError where its arguments are of the wrong number or type.
 */
export class Guestfs extends ActionMethods implements AsyncDisposable {
  static readonly EVENT_CLOSE = EVENT_BITS.close;
  static readonly EVENT_SUBPROCESS_QUIT = EVENT_BITS.subprocess_quit;
  static readonly EVENT_LAUNCH_DONE = EVENT_BITS.launch_done;
  static readonly EVENT_PROGRESS = EVENT_BITS.progress;
  static readonly EVENT_APPLIANCE = EVENT_BITS.appliance;
  static readonly EVENT_LIBRARY = EVENT_BITS.library;
  static readonly EVENT_TRACE = EVENT_BITS.trace;
  static readonly EVENT_ENTER = EVENT_BITS.enter;
  static readonly EVENT_LIBVIRT_AUTH = EVENT_BITS.libvirt_auth;
  static readonly EVENT_WARNING = EVENT_BITS.warning;
  /** All events, for {@link setEventCallback}. */
  static readonly EVENT_ALL = EVENT_ALL;

  readonly #core: HandleCore;
  readonly #older: OlderSetters;
  #fs: GuestFsPromises | undefined;

  /** Throws GuestfsError EINVAL where an environment variable has a value that makes no sense. */
  constructor(options: GuestfsOptions & { [BACKEND]?: BackendFactory } = {}) {
    super();
    const factory =
      options[BACKEND] ?? ((core: HandleCore, name: string) => makeBackend(core, name, options));
    this.#core = new HandleCore(++handles, factory);
    this.#older = new OlderSetters(this.#core.events);
    if (options.reproducible !== undefined) this.#core.reproducible = options.reproducible;
    if (options.closeOnExit !== false) {
      this.#core.onOpen = (open) => closeAtExit(this, open);
    }
    if (options.backend !== undefined) this.#core.settings.setBackend(options.backend);
    if (options.environment !== false) this.#core.settings.parseEnvironment(process.env);
  }

  /** @internal */
  [INVOKE](name: string, args: unknown[]): Promise<unknown> {
    return this.#core.invoke(name, args);
  }

  /**
   * A launched handle on images: read-only unless `readonly` is false, with the guest's filesystems mounted if
   * `inspect` is true. Rejects with ENOENT where no operating system was found, EINVAL where there are several and
   * no `root` is chosen, and with what adding, launching and mounting reject with.
   */
  static open(
    images: string | ImageToOpen | readonly (string | ImageToOpen)[],
    options: OpenOptions = {},
  ): Promise<Guestfs> {
    return openGuest(new Guestfs(options), images, options);
  }

  /** The mounted guest in the shape of node:fs/promises. */
  get fs(): GuestFsPromises {
    this.#fs ??= new GuestFs(this) as GuestFsPromises;
    return this.#fs;
  }

  /**
   * Close the handle after the calls that are queued: what was written is durable when the promise settles. Further
   * calls reject with EBADF; closing again does nothing.
   */
  close(): Promise<void> {
    return this.#core.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Kill the engine at once, whatever it does: the running call and the queued ones fail, the handle is back in
   * CONFIG without drives. With `thread: 'own'` it can only be called between calls.
   */
  terminate(): Promise<void> {
    return this.#core.terminate();
  }

  /**
   * Call `callback` for each event whose bit is in `events`. Returns an event handle for
   * {@link deleteEventCallback}. Throws EINVAL where `events` is no set of events.
   */
  setEventCallback(callback: EventCallback, events: number): number {
    return this.#core.events.setCallback(callback, events);
  }

  /** Remove a callback by its event handle. */
  deleteEventCallback(eventHandle: number): void {
    this.#core.events.deleteCallback(eventHandle);
  }

  /** Call `listener` at each event of a name. */
  on<E extends EventName>(event: E, listener: (...payload: GuestfsEvents[E]) => void): this {
    this.#core.events.on(event, listener as (...payload: unknown[]) => void);
    return this;
  }

  /** Call `listener` at the next event of a name only. */
  once<E extends EventName>(event: E, listener: (...payload: GuestfsEvents[E]) => void): this {
    const once = (...payload: GuestfsEvents[E]): void => {
      this.off(event, once);
      listener(...payload);
    };
    return this.on(event, once);
  }

  /** Take back one {@link on} of the same listener. */
  off<E extends EventName>(event: E, listener: (...payload: GuestfsEvents[E]) => void): this {
    this.#core.events.off(event, listener as (...payload: unknown[]) => void);
    return this;
  }

  /** One callback for messages of appliance and library; null takes it away. */
  setLogMessageCallback(callback: ((message: string) => void) | null): void {
    this.#older.set('log', callback, (call) => ({ appliance: call, library: call }));
  }

  /** One callback for the end of the backend that nobody asked for; null takes it away. */
  setSubprocessQuitCallback(callback: (() => void) | null): void {
    this.#older.set('quit', callback, (call) => ({ subprocess_quit: call }));
  }

  /** One callback for the end of the launch; null takes it away. */
  setLaunchDoneCallback(callback: (() => void) | null): void {
    this.#older.set('launch', callback, (call) => ({ launch_done: call }));
  }

  /** One callback for the closing of the handle; null takes it away. */
  setCloseCallback(callback: (() => void) | null): void {
    this.#older.set('close', callback, (call) => ({ close: call }));
  }

  /** One callback for progress; null takes it away. */
  setProgressCallback(callback: ((progress: ProgressEvent) => void) | null): void {
    this.#older.set('progress', callback, (call) => ({ progress: call }));
  }

  /** Keep a value of the program with the handle; null removes it. Keys beginning with `_` are reserved. */
  setPrivate(key: string, value: unknown): void {
    this.#core.privateData.set(key, value);
  }

  /** A value that {@link setPrivate} kept, or null. */
  getPrivate(key: string): unknown {
    return this.#core.privateData.get(key);
  }

  /** Begin a walk over the kept values: the first key and value, or null. {@link setPrivate} ends the walk. */
  firstPrivate(): [key: string, value: unknown] | null {
    return this.#core.privateData.first();
  }

  /** The next key and value of the walk, or null at its end. */
  nextPrivate(): [key: string, value: unknown] | null {
    return this.#core.privateData.next();
  }

  /** All kept values with their keys. */
  privateEntries(): IterableIterator<[key: string, value: unknown]> {
    return this.#core.privateData.entries();
  }

  /** The error of the last call that failed, or null before any. */
  lastError(): GuestfsError | null {
    return this.#core.lastError;
  }

  /** The host's errno number of {@link lastError}; 0 if there was none. */
  lastErrno(): number {
    return this.#core.lastError?.errno ?? 0;
  }

  /** Have a function called with every error before its call rejects; null, the default, for none. */
  setErrorHandler(handler: ((error: GuestfsError) => void) | null): void {
    this.#core.errorHandler = handler;
  }

  /** The function that {@link setErrorHandler} set. */
  getErrorHandler(): ((error: GuestfsError) => void) | null {
    return this.#core.errorHandler;
  }

  /** Have a function called when the engine's worker dies of its memory limit; null, the default, for none. */
  setOutOfMemoryHandler(handler: (() => void) | null): void {
    this.#core.outOfMemoryHandler = handler;
  }

  /** The function that {@link setOutOfMemoryHandler} set. */
  getOutOfMemoryHandler(): (() => void) | null {
    return this.#core.outOfMemoryHandler;
  }
}

/** What a backend tells a handle, handed on to its events and state. */
export function backendEvents(core: HandleCore): BackendEvents {
  return {
    warning: (message) => core.warn(message),
    appliance: (text) => core.console(text),
    library: (message) => core.log(message),
    progress: (procedure, serial, position, total) =>
      core.events.emitProgress({ procedure, serial, position, total }),
    quit: (outOfMemory) => core.backendQuit(outOfMemory),
  };
}

/** A backend by its name. Throws ENOTSUP for one that is not built. */
async function makeBackend(core: HandleCore, name: string, options: GuestfsOptions): Promise<Backend> {
  const parsed = parseBackend(name);
  const events = backendEvents(core);
  if (parsed.kind === 'unix') {
    const { SocketBackend } = await import('../backends/socket/index.ts');
    return new SocketBackend(parsed.path, events);
  }
  if (parsed.kind === 'appliance') {
    const { ApplianceBackend } = await import('../backends/appliance/index.ts');
    return new ApplianceBackend(events);
  }
  if (parsed.kind === 'auto') {
    const { AutoBackend } = await import('../backends/auto/index.ts');
    return new AutoBackend(events, { makeEngine: (to) => makeEngine(to, options) });
  }
  if (parsed.kind !== 'engine') throw backendNotBuilt(name);
  return makeEngine(events, options);
}

async function makeEngine(events: BackendEvents, options: GuestfsOptions): Promise<EngineBackend> {
  if (options.thread === 'own') {
    const [{ OwnThreadBackend }, { createEnginePlatform }] = await Promise.all([
      import('../backends/engine/own-thread.ts'),
      import('../platform/engine/index.ts'),
    ]);
    return new OwnThreadBackend(createEnginePlatform, events);
  }
  const { WorkerBackend } = await import('../backends/engine/worker-backend.ts');
  return new WorkerBackend(events, {
    ...(options.heapLimit === undefined ? {} : { heapLimit: options.heapLimit }),
    ...(options.bufferLimit === undefined ? {} : { bufferLimit: options.bufferLimit }),
  });
}
