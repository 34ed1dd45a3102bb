import { fixClock } from '../../bytes/clock.ts';
import { seedRandom } from '../../crypto/random.ts';
import { actionEntry } from '../../actions/table.ts';
import type { ActionContext, ByteSource } from '../../daemon/context.ts';
import { Daemon, type CallIO, type Implementations } from '../../daemon/daemon.ts';
import { toGuestfsError } from '../../daemon/failure.ts';
import { monotonicMilliseconds } from '../../daemon/monotonic.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { Platform } from '../../platform/contract.ts';
import type { EngineConfig } from '../../platform/engine/config.ts';
import type { BackendCall, FileOrigin, FileTarget, LaunchConfig } from '../backend.ts';
import { DescriptorSink, PathSink, type ClosableSink } from '../io/sink.ts';
import { extractor } from '../io/tar-extractor.ts';
import { bytesSource, descriptorSource, pathSource, type ClosableSource } from '../io/source.ts';
import { packSource } from '../io/tar-packer.ts';
import { runHostAction } from './host-actions.ts';
import { ProgressMeter } from '../../daemon/progress-meter.ts';

/** Makes the platform that a session runs on; tests give their own. */
export type CreatePlatform = (config: EngineConfig) => Platform;

/** What a session tells its surroundings. */
export interface SessionEvents {
  warning(message: string): void;
  library(message: string): void;
  progress(procedure: number, serial: number, position: number, total: number): void;
}

/** A call as the session's thread gets it: streams are made by that thread's side of the connection. */
export interface SessionCall extends Pick<BackendCall, 'action' | 'args' | 'options' | 'serial'> {
  input?: Exclude<FileOrigin, { kind: 'stream' }> | { kind: 'source'; source: ClosableSource };
  output?: Exclude<FileTarget, { kind: 'stream' }> | { kind: 'sink'; sink: ClosableSink };
}

/**
 * The engine of one handle: a platform and a daemon on it, in whatever thread this is made. Synchronous. Streams
 * that live in another thread come as `source` and `sink`.
 */
export class EngineSession {
  readonly #createPlatform: CreatePlatform;
  readonly #events: SessionEvents;
  readonly #cancelled: Int32Array;
  #actions: Implementations;
  readonly #meter: ProgressMeter;
  #daemon: Daemon | undefined;
  #procedure = 0;
  #serial = 0;

  /**
   * `cancelled` is one shared word; another value than 0 makes the running call fail with EINTR.
   * `actions` are the implementations that calls run.
   */
  constructor(
    createPlatform: CreatePlatform,
    events: SessionEvents,
    cancelled: Int32Array,
    actions: Implementations,
  ) {
    this.#actions = actions;
    this.#createPlatform = createPlatform;
    this.#events = events;
    this.#cancelled = cancelled;
    this.#meter = new ProgressMeter((position, total) =>
      events.progress(this.#procedure, this.#serial, position, total),
    );
  }

  /** Open the drives. */
  launch(config: LaunchConfig): void {
    try {
      const started = monotonicMilliseconds();
      const { reproducible } = config;
      if (reproducible !== undefined) {
        fixClock(reproducible.time);
        seedRandom(`${reproducible.time} ${reproducible.seed ?? ''}`);
      }
      const platform = this.#createPlatform({
        drives: config.drives,
        ...(config.tmpdir === undefined ? {} : { tmpdir: config.tmpdir }),
        warn: (message) => this.#events.warning(message),
      });
      this.#daemon = new Daemon(
        platform,
        {
          warn: (message) => this.#events.warning(message),
          progress: (position, total) => this.#meter.report(position, total),
          checkCancelled: this.checkCancelled,
        },
        this.#actions,
      );
      if (config.verbose) {
        const milliseconds = (monotonicMilliseconds() - started).toFixed(1);
        this.#events.library(`launch: engine opened ${config.drives.length} drive(s) in ${milliseconds} ms`);
      }
    } catch (error) {
      throw toGuestfsError(error, 'launch');
    }
  }

  /** True if the session has an implementation of the action. */
  implements(action: string): boolean {
    return Object.hasOwn(this.#actions, action);
  }

  /** Take other implementations from now on. */
  use(actions: Implementations): void {
    this.#actions = actions;
    this.#daemon?.use(actions);
  }

  /** Throws EINTR if the running call was cancelled. */
  readonly checkCancelled = (): void => {
    if (Atomics.load(this.#cancelled, 0) !== 0) {
      throw new GuestfsError('EINTR', 'the call was cancelled');
    }
  };

  /** Run a call to its end. Every failure is a GuestfsError. */
  call(call: SessionCall): unknown {
    const { action } = call;
    if (this.#daemon === undefined) {
      throw new GuestfsError('EINVAL', `${action}: the engine was not launched`, { action });
    }
    this.#procedure = actionEntry(action)?.proc ?? 0;
    this.#serial = call.serial;
    let source: ClosableSource | undefined;
    let sink: ClosableSink | undefined;
    try {
      source = this.#openSource(call.input);
      sink = this.#openSink(call.output);
      const io: CallIO = {};
      if (source !== undefined) io.input = this.#watched(source);
      if (sink !== undefined) io.output = sink;
      this.#meter.start();
      const result = this.#daemon.call(action, call.args, call.options, io);
      sink?.end();
      this.#meter.finish();
      return result;
    } catch (error) {
      sink?.abort();
      throw toGuestfsError(error, action);
    } finally {
      source?.close();
    }
  }

  /** Have a part of the package look at what the session has become. Throws EINVAL before launch. */
  look<T>(look: (context: ActionContext) => T): T {
    if (this.#daemon === undefined) throw new GuestfsError('EINVAL', 'the engine was not launched');
    return this.#daemon.look(look);
  }

  /** Run an action on files of the host; no launch is needed. */
  hostCall(action: string, args: readonly unknown[]): unknown {
    return runHostAction(action, args);
  }

  /** Write everything through and close the drives. */
  close(): void {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined) return;
    try {
      daemon.platform.sync();
    } catch (error) {
      throw toGuestfsError(error, 'shutdown');
    } finally {
      daemon.platform.close();
    }
  }

  #watched(source: ByteSource): ByteSource {
    return {
      ...(source.size === undefined ? {} : { size: source.size }),
      read: (into) => {
        this.checkCancelled();
        return source.read(into);
      },
    };
  }

  #openSource(origin: SessionCall['input']): ClosableSource | undefined {
    switch (origin?.kind) {
      case undefined:
        return undefined;
      case 'path':
        return pathSource(origin.path, this.checkCancelled);
      case 'fd':
        return descriptorSource(origin.fd, this.checkCancelled);
      case 'bytes':
        return bytesSource(origin.bytes);
      case 'pack':
        return packSource(origin.path, {
          ...origin.options,
          warn: (message) => this.#events.warning(message),
        });
      case 'source':
        return origin.source;
    }
  }

  #openSink(target: SessionCall['output']): ClosableSink | undefined {
    switch (target?.kind) {
      case undefined:
        return undefined;
      case 'path':
        return this.#cancellable(new PathSink(target.path, this.checkCancelled));
      case 'fd':
        return this.#cancellable(new DescriptorSink(target.fd, this.checkCancelled));
      case 'extract':
        return this.#cancellable(
          extractor(target.directory, target.options, (message) => this.#events.warning(message)),
        );
      case 'sink':
        return this.#cancellable(target.sink);
    }
  }

  /** The sink, with a look at the cancel flag before each write: so no action that writes can forget it. */
  #cancellable(sink: ClosableSink): ClosableSink {
    return {
      write: (chunk) => {
        this.checkCancelled();
        sink.write(chunk);
      },
      writeZeroes: (length) => {
        this.checkCancelled();
        sink.writeZeroes(length);
      },
      end: () => sink.end(),
      abort: () => sink.abort(),
    };
  }
}
