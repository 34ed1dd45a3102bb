import { GuestfsError } from '../../errors/index.ts';
import type { BackendCall } from '../backend.ts';
import type { RemoteSession } from './session.ts';

/** What backends have in common that speak to a daemon over a channel. */
export abstract class RemoteBackend {
  /** There is none before the launch, and when the daemon is gone. */
  protected session: RemoteSession | undefined;
  /** What a call hears that finds no session. */
  protected abstract readonly absence: string;

  /** Only a call that runs keeps the program alive. */
  protected abstract idle(idle: boolean): void;

  async call(call: BackendCall): Promise<unknown> {
    const { session } = this;
    if (session === undefined) {
      throw new GuestfsError('ENOTCONN', `${call.action}: ${this.absence}`, { action: call.action });
    }
    this.idle(false);
    try {
      return await session.call(call);
    } finally {
      this.idle(true);
    }
  }

  async hostCall(action: string, args: readonly unknown[]): Promise<unknown> {
    const { runHostAction } = await import('../engine/host-actions.ts');
    return runHostAction(action, args);
  }

  cancel(): void {
    this.session?.cancel();
  }
}
