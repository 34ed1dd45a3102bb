import type { Socket } from 'node:net';
import { GuestfsError } from '../../errors/index.ts';
import type { Backend, BackendEvents, LaunchConfig } from '../backend.ts';
import { ProgressMeter } from '../../daemon/progress-meter.ts';
import { RemoteBackend } from '../remote/backend.ts';
import { RemoteSession } from '../remote/session.ts';
import type { Machine } from './launch/machine.ts';
import { resizeConsole, startShell, type TerminalSize } from './launch/control.ts';
import { launchMachine, type LaunchEvents, prepareMachine } from './launch/launch.ts';

/** Milliseconds between two progress messages of a launch that stays where it is. */
const BEAT = 500;

/**
 * A small machine with a Linux kernel, run by qemu, in which a daemon has the disks: ours, or a fixed appliance of
 * libguestfs. It ends with the handle, and with the program.
 */
export class ApplianceBackend extends RemoteBackend implements Backend {
  readonly name = 'appliance';
  protected readonly absence = 'the machine is gone';
  readonly #events: BackendEvents;
  #machine: Machine | undefined;
  #channel: Socket | undefined;
  #control: Socket | undefined;
  readonly #rescue: boolean;
  /** True from when the end is wanted: what ends then is no surprise. */
  #ending = false;

  /** With `rescue` a person can work in the machine: see {@link shell}. */
  constructor(events: BackendEvents, { rescue = false }: { rescue?: boolean } = {}) {
    super();
    this.#events = events;
    this.#rescue = rescue;
  }

  /** Process number of the machine. */
  get pid(): number | undefined {
    return this.#machine?.process.pid;
  }

  /** Find out whether a machine can be launched, and make the appliance if it is not there. Rejects as launch does. */
  async prepare({ machine: wanted }: Pick<LaunchConfig, 'machine'>): Promise<void> {
    if (wanted === undefined)
      throw new GuestfsError('EINVAL', 'the backend appliance needs settings of a machine');
    await prepareMachine(wanted, { library: (message) => this.#events.library(message) });
  }

  async launch({ machine: wanted, verbose }: LaunchConfig): Promise<void> {
    if (wanted === undefined)
      throw new GuestfsError('EINVAL', 'the backend appliance needs settings of a machine');
    const meter = new ProgressMeter((position, total) => this.#events.progress(0, 0, position, total));
    meter.start();
    let stage: [position: number, total: number] = [0, 1];
    // Stages are few and a boot can take long: who waits is told again how far it is.
    const beat = setInterval(() => meter.report(...stage), BEAT);
    const events: LaunchEvents = {
      appliance: (text) => this.#events.appliance(text),
      warning: (message) => this.#events.warning(message),
      library: (message) => this.#events.library(message),
      progress(position, total) {
        stage = [position, total];
        meter.report(position, total);
      },
      started: (machine) => {
        if (this.#ending) machine.process.killNow();
        this.#machine = machine;
      },
      cancelled: () => this.#ending,
    };
    const connect = (channel: Socket): RemoteSession => {
      const session = new RemoteSession(channel, this.#events, () => {
        // A machine that does not come up, or is only to be saved, is no loss.
        if (this.session === session) this.#lost();
      });
      channel.resume();
      return session;
    };
    const request = { ...wanted, verbose, rescue: this.#rescue, connect };
    const launched = await launchMachine(request, events)
      .catch((error: unknown) => {
        throw this.#ending ? new GuestfsError('EINTR', 'the launch was given up') : error;
      })
      .finally(() => clearInterval(beat));
    this.#machine = launched.machine;
    this.#channel = launched.channel;
    this.#control = launched.control;
    this.session = launched.session;
    if (launched.session.closed !== undefined) {
      await this.kill();
      throw launched.session.closed;
    }
    meter.finish();
    this.idle(true);
  }

  /** The daemon or the machine is gone. */
  #lost(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.session = undefined;
    this.#machine?.process.killNow();
    this.#events.quit(false);
  }

  protected idle(idle: boolean): void {
    this.#machine?.process.keepsProgram(!idle);
    if (idle) this.#channel?.unref();
    else this.#channel?.ref();
  }

  /**
   * Start a shell on the machine's console. An appliance of libguestfs has started one by itself, and its end is that of
   * the machine. What is typed goes to {@link type}, what the console shows comes as events of the appliance. Resolves
   * when the shell has ended.
   */
  async shell(size: TerminalSize): Promise<void> {
    const machine = this.#machine;
    if (machine === undefined) throw new GuestfsError('ENOTCONN', 'the machine is gone');
    this.idle(false);
    const ended = machine.process.ended.then(() => undefined);
    if (this.#control === undefined) await ended;
    else await Promise.race([startShell(this.#control, size), ended]);
  }

  /** Type on the machine's console. */
  type(bytes: Uint8Array): void {
    this.#machine?.process.type(bytes);
  }

  /** Tell the console how large the terminal is; an appliance of libguestfs is not told. */
  resize(size: TerminalSize): void {
    if (this.#control !== undefined) resizeConsole(this.#control, size);
  }

  async close(): Promise<void> {
    const session = this.session;
    this.session = undefined;
    this.idle(false);
    try {
      await session?.close();
    } finally {
      this.#ending = true;
      await this.#machine?.stop();
    }
  }

  async kill(): Promise<void> {
    this.#ending = true;
    this.session?.kill();
    this.session = undefined;
    this.idle(false);
    await this.#machine?.kill();
  }
}
