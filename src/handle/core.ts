import { wipeKeys } from '../actions/check.ts';
import type {
  Backend,
  BackendCall,
  FileOrigin,
  FileTarget,
  LaunchConfig,
  Reproducible,
} from '../backends/backend.ts';
import { noteSuccess } from '../daemon/action-log.ts';
import { monotonicMilliseconds } from '../daemon/monotonic.ts';
import { encodeText } from '../bytes/text.ts';
import { GuestfsError, UnsupportedError } from '../errors/index.ts';
import { CallQueue } from './call-queue.ts';
import { DriveList } from './drives.ts';
import { EventRegistry, guarded, writeToStderr } from './events.ts';
import { handleActions, runsAtOnce, runsLong } from './handle-actions.ts';
import { prepareCall, type PreparedCall } from './prepare.ts';
import { PrivateData } from './private-data.ts';
import { environmentOf, Settings } from './settings.ts';
import { isWithinStreamOf, openInput, openOutput } from './streams.ts';
import { traceCall, traceFailure, traceResult } from './trace.ts';

/** States of a handle; the numbers are those of get_state. */
const STATE = { CONFIG: 0, LAUNCHING: 1, READY: 2, BUSY: 3 } as const;

/** Makes a handle's backend of a name. */
export type BackendFactory = (core: HandleCore, name: string) => Backend | Promise<Backend>;

/** What is behind a Guestfs object: state, queue, settings, drives, events, and the way to the daemon. */
export class HandleCore {
  readonly settings = new Settings();
  readonly events = new EventRegistry();
  readonly privateData = new PrivateData();
  readonly drives = new DriveList(() => this.settings.tmpdir);
  readonly id: number;
  readonly #makeBackend: BackendFactory;
  #backend: Backend | undefined;
  /** An engine for files of the host, made before launch; becomes the handle's backend if that is an engine. */
  #hostBackend: Backend | undefined;
  #state: 'config' | 'launching' | 'ready' | 'closed' = 'config';
  readonly #queue = new CallQueue(() => this.#backend?.cancel());
  #serial = 0;
  #closing: Promise<void> | undefined;
  reproducible: Reproducible | undefined;
  lastError: GuestfsError | null = null;
  errorHandler: ((error: GuestfsError) => void) | null = null;
  outOfMemoryHandler: (() => void) | null = null;
  /** Called when a handle has something that must be closed, and when it no longer has. */
  onOpen: (open: boolean) => void = () => undefined;

  constructor(id: number, makeBackend: BackendFactory) {
    this.id = id;
    this.#makeBackend = makeBackend;
  }

  /** State as get_state numbers it. */
  get state(): number {
    if (this.#state === 'launching') return STATE.LAUNCHING;
    if (this.#state !== 'ready') return STATE.CONFIG;
    return this.#queue.isBusy ? STATE.BUSY : STATE.READY;
  }

  get launched(): boolean {
    return this.#state === 'ready';
  }

  get isClosed(): boolean {
    return this.#state === 'closed' || this.#closing !== undefined;
  }

  /** Run an action by its API name, arguments as its method takes them. Never throws: it rejects. */
  async invoke(name: string, given: readonly unknown[]): Promise<unknown> {
    let call: PreparedCall;
    try {
      if (this.isClosed && name !== 'user_cancel') {
        throw new GuestfsError('EBADF', `${name}: the handle is closed`, { action: name });
      }
      call = prepareCall(name, given);
    } catch (error) {
      throw this.#noted(error);
    }
    const { entry } = call;
    const onHandle = entry.where === 'handle';
    if (runsAtOnce(entry.name) || (onHandle && !this.#queue.isBusy && !runsLong(entry.name))) {
      return this.#traced(call, () => this.#runOnHandle(call));
    }
    return this.#queued(entry.name, call.signal, (token) =>
      this.#traced(call, () => (onHandle ? this.#runOnHandle(call) : this.#runOnDaemon(call, token))),
    );
  }

  async #queued(
    action: string,
    signal: AbortSignal | undefined,
    run: (token: object) => Promise<unknown>,
  ): Promise<unknown> {
    if (isWithinStreamOf(this.#queue.token)) throw this.#noted(wouldWait(action));
    let began = false;
    try {
      return await this.#queue.add(action, signal, (token) => {
        began = true;
        return run(token);
      });
    } catch (error) {
      throw began ? error : this.#noted(error, action);
    }
  }

  /** Run with enter and trace events around it; errors get their action and are kept as the last error. */
  async #traced(call: PreparedCall, run: () => unknown): Promise<unknown> {
    const { entry } = call;
    if (this.events.has('enter')) this.events.emitMessage('enter', entry.name);
    // As in libguestfs, set_trace itself is traced if tracing was on before it.
    const tracing = this.settings.trace;
    if (tracing) this.trace(traceCall(entry, call.given, call.options));
    try {
      const result = await run();
      if (tracing && this.settings.trace) this.trace(traceResult(entry, result));
      return result;
    } catch (error) {
      const noted = this.#noted(error, entry.name);
      if (tracing) this.trace(traceFailure(entry));
      throw noted;
    }
  }

  /** Emit a trace message, or write it to stderr where nobody hears. */
  trace(text: string): void {
    const { identifier } = this.settings;
    const message = identifier === '' ? text : `${identifier}: ${text}`;
    if (this.events.has('trace')) this.events.emitMessage('trace', message);
    else writeToStderr(`libguestfs: trace: ${message}`);
  }

  warn(message: string): void {
    if (this.events.has('warning')) this.events.emitMessage('warning', message);
    else if (this.settings.verbose) writeToStderr(`libguestfs: warning: ${message}`);
  }

  /** What a machine's console printed: an event, or stderr if verbose. */
  console(text: string): void {
    if (this.events.has('appliance')) this.events.emitMessage('appliance', text);
    else if (this.settings.verbose) process.stderr.write(encodeText(text));
  }

  /** A debugging message of the library: an event, or a line on stderr if verbose. */
  log(message: string): void {
    if (!this.settings.verbose) return;
    if (this.events.has('library')) this.events.emitMessage('library', message);
    else writeToStderr(`libguestfs: ${message}`);
  }

  #noted(error: unknown, action?: string): unknown {
    if (!(error instanceof GuestfsError)) return error;
    if (action !== undefined) {
      error.action ??= action;
      if (!error.message.startsWith(`${error.action}: `)) error.message = `${error.action}: ${error.message}`;
    }
    this.lastError = error;
    const handler = this.errorHandler;
    if (handler !== null) guarded(() => handler(error));
    return error;
  }

  async #runOnHandle(call: PreparedCall): Promise<unknown> {
    const implementation = handleActions[call.entry.name];
    if (implementation === undefined) {
      throw new UnsupportedError(`${call.entry.name}: this is not part of this version`);
    }
    if (call.entry.configOnly && call.entry.name !== 'launch') this.requireConfig(call.entry.name);
    const result = await implementation(this, call.args, call.options);
    noteSuccess(call.entry.name);
    return result;
  }

  async #runOnDaemon(call: PreparedCall, token: object): Promise<unknown> {
    const { entry, input, output } = call;
    this.requireLaunched(entry.name);
    const opened: { release(): void }[] = [];
    try {
      const streams: { input?: FileOrigin; output?: FileTarget } = {};
      if (input !== undefined) {
        const stream = openInput(entry, input.name, input.value, token);
        opened.push(stream);
        streams.input = stream.end;
      }
      if (output !== undefined) {
        const stream = openOutput(entry, output.name, output.value, token);
        opened.push(stream);
        streams.output = stream.end;
      }
      return await this.daemonCall(entry.name, call.args, call.options, streams);
    } finally {
      for (const stream of opened) stream.release();
      wipeKeys(entry, call.args);
    }
  }

  /** Run a daemon action for the call that runs now, without queue and trace. */
  async daemonCall(
    action: string,
    args: readonly unknown[],
    options: Record<string, unknown> = {},
    streams: Pick<BackendCall, 'input' | 'output'> = {},
  ): Promise<unknown> {
    const backend = this.requireLaunched(action);
    const result = await backend.call({ action, args, options, serial: ++this.#serial, ...streams });
    if (backend.name === 'appliance') noteSuccess(action, 'appliance');
    return result;
  }

  /** The backend, or EINVAL before launch. */
  requireLaunched(action: string): Backend {
    if (this.#state === 'ready' && this.#backend !== undefined) return this.#backend;
    throw new GuestfsError('EINVAL', `${action}: call launch before this (in guestfish: run)`, { action });
  }

  /** A backend for actions on host files, launched or not. */
  async hostCall(action: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#backend !== undefined) return this.#backend.hostCall(action, args);
    this.#hostBackend ??= await this.#makeBackend(this, 'engine');
    this.onOpen(true);
    return this.#hostBackend.hostCall(action, args);
  }

  /** Throws EINVAL unless the handle is still being configured. */
  requireConfig(action: string): void {
    if (this.#state === 'config') return;
    throw new GuestfsError('EINVAL', `${action}: must be called before launch`, { action });
  }

  async launch(): Promise<void> {
    if (this.#state !== 'config')
      throw new GuestfsError('EINVAL', 'launch: the handle has already been launched');
    // A daemon that is attached to has its disks already.
    if (this.drives.length === 0 && !this.settings.backend.startsWith('unix:')) {
      throw new GuestfsError('EINVAL', 'launch: no drive was added, call add_drive before launch');
    }
    const started = monotonicMilliseconds();
    this.log(`launch: program=${this.settings.program}`);
    this.log(`launch: backend=${this.settings.backend}`);
    this.log(`launch: ${this.drives.length} drive(s)`);
    this.#state = 'launching';
    this.onOpen(true);
    try {
      this.#backend = await this.#backendToLaunch();
      const { verbose, tmpdir } = this.settings;
      const { reproducible } = this;
      await this.#backend.launch({
        drives: this.drives.configs(),
        verbose,
        tmpdir,
        ...this.#machine(),
        ...(reproducible === undefined ? {} : { reproducible }),
      });
      this.#state = 'ready';
    } catch (error) {
      this.#state = 'config';
      const backend = this.#backend;
      this.#backend = undefined;
      await backend?.kill();
      throw error;
    }
    this.log(`launch: ready after ${(monotonicMilliseconds() - started).toFixed(1)} ms`);
    this.events.emit('launch_done');
  }

  /** What a machine is launched with; nothing for backends without one. */
  #machine(): Pick<LaunchConfig, 'machine'> {
    const { settings, drives } = this;
    if (!settings.hasMachine) {
      drives.requireLocal();
      return {};
    }
    const { temporaryFolder } = drives;
    const temporary = temporaryFolder === undefined ? {} : { temporary: temporaryFolder };
    return { machine: { settings: { ...settings.machine(), ...temporary }, drives: drives.machineDrives() } };
  }

  /** Process number of what the backend runs. */
  get backendPid(): number {
    return this.#backend?.pid ?? process.pid;
  }

  async #backendToLaunch(): Promise<Backend> {
    const { backend } = this.settings;
    const prepared = this.#hostBackend;
    this.#hostBackend = undefined;
    if (prepared !== undefined && backend === 'engine') return prepared;
    await prepared?.close();
    return this.#makeBackend(this, backend);
  }

  /** End the backend; the handle can be configured and launched again, its drives are forgotten. */
  async shutdown(): Promise<void> {
    const backend = this.#backend;
    const hostBackend = this.#hostBackend;
    this.#backend = undefined;
    this.#hostBackend = undefined;
    this.#state = 'config';
    try {
      await backend?.close();
      await hostBackend?.close();
    } finally {
      this.drives.clear();
      this.onOpen(false);
    }
  }

  /** Make the running call fail with EINTR; from anywhere, at any time. */
  cancel(): void {
    if (this.#queue.isBusy) this.#backend?.cancel();
  }

  /** The backend ended by itself. */
  backendQuit(outOfMemory: boolean): void {
    this.#backend = undefined;
    this.#hostBackend = undefined;
    if (this.#state !== 'closed') this.#state = 'config';
    this.drives.clear();
    this.onOpen(false);
    const handler = this.outOfMemoryHandler;
    if (outOfMemory && handler !== null) guarded(handler);
    this.events.emit('subprocess_quit');
  }

  /** Kill the backend without writing anything through: the running call fails, queued ones too. */
  async terminate(): Promise<void> {
    const backend = this.#backend;
    if (backend === undefined) return;
    this.#backend = undefined;
    this.#state = 'config';
    await backend.kill();
    this.backendQuit(false);
  }

  /** Close after the calls that are queued; a second close waits for the first. */
  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    if (isWithinStreamOf(this.#queue.token)) return Promise.reject(this.#noted(wouldWait('close')));
    const closing = this.#queued('close', undefined, () => this.#close()) as Promise<void>;
    this.#closing = closing;
    return closing;
  }

  async #close(): Promise<void> {
    if (this.settings.trace) this.trace('close');
    this.events.emit('close');
    try {
      await this.shutdown();
    } catch (error) {
      throw this.#noted(error, 'close');
    } finally {
      this.#state = 'closed';
      this.events.clear();
    }
  }

  /** parse_environment_list. */
  parseEnvironment(list: readonly string[]): void {
    this.settings.parseEnvironment(environmentOf(list));
  }
}

function wouldWait(action: string): GuestfsError {
  return new GuestfsError(
    'EDEADLK',
    `${action}: called from the stream of a call that is still running on this handle; it would wait for itself`,
    { action },
  );
}
