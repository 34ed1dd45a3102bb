/** Moving a session from the engine to the appliance, and back where that does not come up. */
import { needsKernel } from '../../daemon/kernel-actions.ts';
import { GuestfsError, UnsupportedError, type ErrorDetails } from '../../errors/index.ts';
import type { DriveConfig } from '../../platform/engine/config.ts';
import { ApplianceBackend } from '../appliance/index.ts';
import type { Backend, BackendCall, BackendEvents, LaunchConfig } from '../backend.ts';
import { TemporaryFolder } from '../io/temporary-folder.ts';
import type { EngineBackend, EngineState } from '../engine/state.ts';
import { featureAvailable } from './features.ts';
import type { AutoParts, MachineBackend } from './index.ts';
import { restoreState, run } from './restore.ts';
import { WriteRefusal } from './write-refusal.ts';

/** What is moved. */
export interface MoverOptions extends AutoParts {
  events: BackendEvents;
  config: LaunchConfig;
  engine: EngineBackend;
}

/** A session that has met something that only a kernel can do. */
export class Mover {
  readonly #options: MoverOptions;
  readonly #events: BackendEvents;
  #config: LaunchConfig;
  #engine: EngineBackend;
  #machine: MachineBackend | undefined;
  #moved = false;
  #wanted = true;
  #killed = false;
  #refusal: WriteRefusal | undefined;
  /** Folder of what was written to read-only drives. */
  readonly #folder = new TemporaryFolder();
  /** It was said that a listing lacks something. */
  #warned = false;
  /** inspect_os has found something on the engine, and has not run on the machine yet. */
  #inspected = false;
  /** Why the machine did not come up although everything was there for it: it is not tried again. */
  #failed: string | undefined;

  constructor(options: MoverOptions) {
    this.#options = options;
    this.#events = options.events;
    this.#config = options.config;
    this.#engine = options.engine;
  }

  /** True once calls go to the machine. */
  get moved(): boolean {
    return this.#moved;
  }

  /** What answers calls now. */
  get current(): Backend {
    return this.#moved ? (this.#machine as MachineBackend) : this.#engine;
  }

  /** Run a call on the machine. */
  async call(call: BackendCall): Promise<unknown> {
    const machine = this.#machine as MachineBackend;
    if (this.#inspected && call.action.startsWith('inspect_')) {
      this.#inspected = false;
      if (call.action !== 'inspect_os') await run(machine, 'inspect_os', []);
    }
    return this.#refusal === undefined ? machine.call(call) : this.#refusal.call(machine, call);
  }

  /** Answer of internal_feature_available for a group that the engine has not got. */
  featureAvailable(group: string): number {
    return featureAvailable(group, this.#config.machine?.settings);
  }

  /** Run a call on the machine that the engine could not answer; rejects with the engine's error where there can be none. */
  async instead(call: BackendCall, isTouched: boolean, error: UnsupportedError): Promise<unknown> {
    if (!machineCan(call.action, error)) throw error;
    if (this.#config.reproducible !== undefined) {
      throw because(error, 'a handle that makes the same image each time does not turn to the appliance');
    }
    if (isTouched && !needsKernel(call.action)) {
      throw because(
        error,
        'the call has a stream, which cannot be used a second time for the appliance: give a file',
      );
    }
    if (this.#failed !== undefined) throw because(error, this.#failed);
    const why = withoutAdvice(error.message);
    try {
      await this.#move(why);
    } catch (failure) {
      if (failure instanceof GuestfsError && failure.code === 'EINTR') throw failure;
      const text = failure instanceof Error ? failure.message : String(failure);
      throw because(error, `backend auto turned to the appliance, which cannot be started: ${text}`);
    }
    return this.call(call);
  }

  /** Run a call on the machine whose result on the engine lacks something; that result where there can be no machine. */
  async completely(call: BackendCall, result: unknown, hidden: string): Promise<unknown> {
    const error = new UnsupportedError(`${call.action}: ${hidden}; the appliance backend can`);
    try {
      return await this.instead(call, false, error);
    } catch (failure) {
      if (!(failure instanceof UnsupportedError)) throw failure;
      if (!this.#warned) this.#events.warning(failure.message);
      this.#warned = true;
      return result;
    }
  }

  /** Begin on the machine: the engine cannot open the drives at all. */
  async launchMachine(): Promise<void> {
    const machine = this.#makeMachine();
    this.#events.library('backend auto: there are disks of servers, which only the appliance can open');
    await this.#launchOn(machine, this.#config);
    this.#moved = true;
  }

  async #move(why: string): Promise<void> {
    this.#wanted = true;
    this.#events.library(`backend auto: moving from the engine to the appliance: ${why}`);
    const machine = this.#makeMachine();
    // What is missing on the host is found out while the engine still has the drives.
    await machine.prepare(this.#config);
    this.#checkWanted();
    const state = await this.#engine.handOver(this.#makeFolder());
    this.#checkWanted();
    try {
      await this.#engine.close();
      await this.#launchOn(machine, this.#withOverlays(state));
      await restoreState(this.#refusal?.wrap(machine) ?? machine, state);
    } catch (error) {
      const isWanted = this.#wanted;
      await machine.close().catch(() => machine.kill());
      this.#machine = undefined;
      this.#refusal = undefined;
      if (this.#killed) throw error;
      const { message } = error as Error;
      if (isWanted) this.#failed = `the appliance did not come up before: ${message}`;
      await this.#backToEngine(state, message);
      throw isWanted ? error : new GuestfsError('EINTR', 'the move to the appliance was cancelled');
    }
    this.#inspected = state.inspected;
    this.#moved = true;
    this.#events.warning(`backend auto: the appliance was started on the same drives: ${why}`);
  }

  async #launchOn(machine: MachineBackend, config: LaunchConfig): Promise<void> {
    this.#machine = machine;
    await machine.launch(config);
    this.#refusal = await WriteRefusal.on(machine, config.machine?.drives ?? []);
  }

  #makeMachine(): MachineBackend {
    const events: BackendEvents = {
      ...this.#events,
      // Before the move is done the engine takes over again.
      quit: (outOfMemory) => {
        if (!this.#moved) return;
        this.#folder.remove();
        this.#events.quit(outOfMemory);
      },
    };
    return this.#options.makeMachine?.(events) ?? new ApplianceBackend(events);
  }

  /** The engine on the same drives, with what was written to them. */
  async #backToEngine(state: EngineState, reason: string): Promise<void> {
    try {
      // Drives that were handed over have their images from now on.
      this.#config = this.#withOverlays(state);
      this.#engine = await this.#options.makeEngine(this.#events);
      await this.#engine.launch(this.#config);
      await restoreState(this.#engine, state);
      if (state.inspected) await run(this.#engine, 'inspect_os', []);
    } catch (error) {
      this.#events.warning(
        `backend auto: the appliance did not come up (${reason}), and the engine cannot go on: ${(error as Error).message}`,
      );
      await this.#engine.kill();
      this.#folder.remove();
      this.#events.quit(false);
    }
  }

  /** The drives, with the images of what was written to read-only ones in place of their own. */
  #withOverlays({ overlays }: EngineState): LaunchConfig {
    const { machine } = this.#config;
    const over = <T extends DriveConfig>(drive: T, index: number): T => {
      const overlay = overlays.find((found) => found.drive === index);
      return overlay === undefined
        ? drive
        : { ...drive, path: overlay.path, format: 'qcow2', backing: 'any' as const };
    };
    return {
      ...this.#config,
      drives: this.#config.drives.map(over),
      ...(machine === undefined
        ? {}
        : { machine: { settings: this.#settings(machine.settings), drives: machine.drives.map(over) } }),
    };
  }

  /** What must go with the machine even where the program is killed: one folder can be named, the handle's comes first. */
  #settings<T extends { temporary?: string }>(settings: T): T {
    return settings.temporary !== undefined || this.#folder.path === undefined
      ? settings
      : { ...settings, temporary: this.#folder.path };
  }

  #makeFolder(): string {
    const { machine, tmpdir } = this.#config;
    return this.#folder.make(machine?.settings.temporary ?? machine?.settings.tmpdir ?? tmpdir ?? '/tmp');
  }

  #checkWanted(): void {
    if (!this.#wanted) throw new GuestfsError('EINTR', 'the move to the appliance was cancelled');
  }

  /** Stop the running call; one that waits for the machine gives that up. */
  cancel(): void {
    if (this.#moved) {
      this.#machine?.cancel();
      return;
    }
    this.#wanted = false;
    this.#engine.cancel();
    void this.#machine?.kill();
  }

  async close(): Promise<void> {
    try {
      await this.current.close();
    } finally {
      this.#folder.remove();
    }
  }

  async kill(): Promise<void> {
    this.#wanted = false;
    this.#killed = true;
    try {
      await Promise.all([this.#engine.kill(), this.#machine?.kill()]);
    } finally {
      this.#folder.remove();
    }
  }
}

/** Types that a kernel cannot read either without more being said. */
const CLOSED_TYPES = new Set(['crypto_LUKS', 'BitLocker']);

/** How messages of the engine end that name who can; what a file of the guest is called is not at their end. */
const NAMES_APPLIANCE =
  /\bthe appliance(?: backend)?(?: (?:can|has|makes|reads|removes|resizes|writes)\b[^/]*)?$/;

/** Whether what the engine cannot do can be done by a kernel, as far as the error tells. */
function machineCan(action: string, error: UnsupportedError): boolean {
  if (action.startsWith('internal_')) return false;
  if (needsKernel(action)) return true;
  if (action === 'inspect_os') {
    const types = [...error.message.matchAll(/\/dev\/\S+ \((\w+)\)/g)].map(([, type]) => type as string);
    return types.some((type) => !CLOSED_TYPES.has(type));
  }
  return /^mount(_ro|_options|_vfs)?$/.test(action) || NAMES_APPLIANCE.test(error.message);
}

/** The reason of a failure without what it advises. */
function withoutAdvice(message: string): string {
  return message.replace(/[;,] (which )?the appliance( backend)? [^;]*$/, '');
}

/** The engine's error with why the appliance did not help. */
function because(error: UnsupportedError, why: string): UnsupportedError {
  const { action, path, device, offset, structure } = error;
  const details = Object.entries({ action, path, device, offset, structure, cause: error });
  return new UnsupportedError(
    `${error.message} (${why})`,
    Object.fromEntries(details.filter(([, value]) => value !== undefined)) as ErrorDetails,
  );
}
