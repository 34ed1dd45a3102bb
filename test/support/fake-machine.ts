import type { BackendCall, BackendEvents, LaunchConfig } from '../../src/backends/backend.ts';
import type { MachineBackend } from '../../src/backends/auto/index.ts';
import { OwnThreadBackend } from '../../src/backends/engine/own-thread.ts';
import type { ActionContext } from '../../src/daemon/context.ts';
import { implementations } from '../../src/daemon/registry.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import { createEnginePlatform } from '../../src/platform/engine/index.ts';

/** What a fake machine does besides. */
export interface FakePlan {
  /** Reject `prepare`, `launch`, or the call of an action. */
  fails?: string;
  /** Hears every step: `prepare`, `launch`, actions, `close`, `kill`. */
  log: string[];
  /** Run between launch and its end. */
  whileLaunching?: () => Promise<void>;
}

/**
 * Stands in for the appliance: an engine of its own on the drives that it is given, with `sh`, which tells what is mounted, and
 * `xfs_info`. So drives that are still locked or not written through are noticed.
 */
export class FakeMachine implements MachineBackend {
  readonly name = 'appliance';
  readonly pid = 4711;
  readonly #plan: FakePlan;
  readonly #events: BackendEvents;
  readonly #engine: OwnThreadBackend;

  constructor(events: BackendEvents, plan: FakePlan) {
    this.#plan = plan;
    this.#events = events;
    this.#engine = new OwnThreadBackend(createEnginePlatform, events, {
      ...implementations,
      sh: ({ platform }: ActionContext) =>
        platform.mounts
          .list()
          .map(({ mountable, mountpoint, readonly }) => `${mountable} ${mountpoint}${readonly ? ' ro' : ''}`)
          .join('\n'),
      ntfsclone_in: () => undefined,
    });
  }

  #step(name: string): void {
    this.#plan.log.push(name);
    if (this.#plan.fails === name) throw new GuestfsError('EIO', `${name} fails as planned`);
  }

  async prepare(): Promise<void> {
    this.#step('prepare');
  }

  async launch({ machine }: LaunchConfig): Promise<void> {
    await this.#plan.whileLaunching?.();
    this.#step('launch');
    const drives = machine?.drives ?? [];
    // Like qemu: what a drive refuses is not known to it.
    const known = drives.map(({ refuseWrites: _refused, ...drive }) => drive);
    await this.#engine.launch({ drives: known, verbose: false });
  }

  async call(call: BackendCall): Promise<unknown> {
    this.#step([call.action, ...call.args.map((value) => JSON.stringify(value))].join(' '));
    return this.#engine.call(call);
  }

  async hostCall(action: string, args: readonly unknown[]): Promise<unknown> {
    return this.#engine.hostCall(action, args);
  }

  /** The machine ends by itself. */
  die(): void {
    this.#events.quit(false);
  }

  cancel(): void {
    this.#engine.cancel();
  }

  async close(): Promise<void> {
    this.#plan.log.push('close');
    await this.#engine.close();
  }

  async kill(): Promise<void> {
    this.#plan.log.push('kill');
    await this.#engine.kill();
  }
}
