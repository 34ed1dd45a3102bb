/** A machine from its start to its end: process, console, and the lines into it. */
import type { Socket } from 'node:net';
import { stripVTControlCharacters } from 'node:util';
import { GuestfsError } from '../../../errors/index.ts';
import { WORD, wordBytes } from '../../../rpc/messages.ts';
import { type MachinePlan, qemuArguments } from './arguments.ts';
import { Listener } from './listener.ts';
import type { PrivateFolder } from './private-folder.ts';
import { MachineProcess, type ProcessEnd } from './process.ts';

/** What a machine tells while it runs. */
export interface MachineEvents {
  /** What its console and qemu print. */
  output(chunk: Uint8Array): void;
  /** It was started. */
  started(machine: Machine): void;
}

/** Lines into a machine that has started. */
export interface MachineLines {
  channel: Socket;
  control: Socket;
  monitor?: Socket;
}

/** Bytes of what was printed last that an error quotes from. */
const KEPT_OUTPUT = 4096;
const QUOTED_LINES = 6;
/** Milliseconds between the end of a line and the end of the process behind it. */
const GRACE = 1000;
/** How it is said that a line, to the monitor or to the daemon, has ended. */
const LINE_GONE: readonly string[] = ['EPIPE', 'ENOTCONN'];
/** What a daemon says first, as it is on the wire. */
export const LAUNCH_WORD_BYTES = wordBytes(WORD.LAUNCH);

/** A machine that was started. */
export class Machine {
  readonly process: MachineProcess;
  readonly #folder: PrivateFolder;
  readonly #listeners: readonly Listener[];
  readonly #lines: Promise<Socket>[];
  #said = '';
  #removed = false;

  private constructor(process: MachineProcess, folder: PrivateFolder, listeners: readonly Listener[]) {
    this.process = process;
    this.#folder = folder;
    this.#listeners = listeners;
    this.#lines = listeners.map((listener) => listener.connection());
    void process.ended.then(() => this.#cleanUp());
  }

  /**
   * Listen, then start qemu. The folder goes when the machine ends. Resolves when qemu runs, long before the machine
   * can answer.
   */
  static async start(
    planIn: (folder: PrivateFolder) => MachinePlan,
    folder: PrivateFolder,
    events: MachineEvents,
  ): Promise<Machine> {
    const listeners: Listener[] = [];
    let plan: MachinePlan;
    let args: string[];
    try {
      plan = planIn(folder);
      args = qemuArguments(plan);
      const { channel, control, monitor } = plan.sockets;
      const paths = monitor === undefined ? [channel, control] : [channel, control, monitor];
      for (const path of paths) listeners.push(await Listener.at(path));
    } catch (error) {
      for (const listener of listeners) listener.close();
      folder.remove();
      throw error;
    }
    const { settings } = plan;
    let machine: Machine | undefined;
    const process_ = new MachineProcess(settings.hv, args, {
      // qemu keeps what is written to read-only drives there.
      environment: { ...process.env, TMPDIR: settings.tmpdir, LC_ALL: 'C' },
      watchdog: plan.watchdog,
      output(chunk) {
        machine?.hear(chunk);
        events.output(chunk);
      },
    });
    machine = new Machine(process_, folder, listeners);
    events.started(machine);
    return machine;
  }

  /** Keep what is printed, for the words of an error. */
  hear(chunk: Uint8Array): void {
    this.#said = (this.#said + Buffer.from(chunk).toString('latin1')).slice(-KEPT_OUTPUT);
  }

  /** The lines, when qemu has taken them up. Rejects where the machine ends before. */
  async lines(): Promise<MachineLines> {
    const [channel, control, monitor] = await this.orEnd(Promise.all(this.#lines));
    return { channel: channel!, control: control!, ...(monitor === undefined ? {} : { monitor }) };
  }

  /** Wait for something, but not beyond the end of the machine, which explains best why lines are closed. */
  async orEnd<T>(what: Promise<T>): Promise<T> {
    const ended = this.process.ended.then((end): never => {
      throw this.#died(end);
    });
    // Whichever is later is of no interest any more.
    ended.catch(() => {});
    try {
      return await Promise.race([what, ended]);
    } catch (error) {
      if (!(error instanceof GuestfsError) || !LINE_GONE.includes(error.code)) throw error;
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, GRACE))]);
      throw error;
    }
  }

  #died({ status, signal, error }: ProcessEnd): GuestfsError {
    if (error !== undefined)
      return new GuestfsError('ENOENT', `the machine cannot be started: ${error.message}`);
    const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
    const lines = stripVTControlCharacters(this.#said).split(/\r?\n/);
    const last = lines.filter((line) => line.trim() !== '').slice(-QUOTED_LINES);
    const words = last.length === 0 ? 'it printed nothing' : `it printed last: ${last.join(' | ')}`;
    return new GuestfsError(
      'EIO',
      `the machine ended (${how}); ${words}. LIBGUESTFS_DEBUG=1 shows everything`,
    );
  }

  /** End in order. */
  async stop(): Promise<void> {
    await this.process.stop();
  }

  /** End at once. */
  async kill(): Promise<void> {
    this.process.killNow();
    await this.process.ended;
  }

  #cleanUp(): void {
    if (this.#removed) return;
    this.#removed = true;
    for (const listener of this.#listeners) listener.close();
    for (const line of this.#lines) void line.then((socket) => socket.destroy());
    this.#folder.remove();
  }
}
