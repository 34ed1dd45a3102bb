import type { GuestfsMethods } from '../../handle/generated/methods.ts';

/** The parts of class Guestfs that tools use beside the actions; tests give their own. */
export interface Handle extends GuestfsMethods {
  close(): Promise<void>;
  setEventCallback(callback: EventCallback, events: number): number;
  deleteEventCallback(handle: number): void;
}

/** The event's bit, the event handle, the message's bytes (none where the event has no message), its integers. */
export type EventCallback = (
  event: number,
  eventHandle: number,
  message: Uint8Array,
  integers: readonly number[],
) => void;

/** How the engine runs. */
export interface HandleOptions {
  /**
   * `own` runs it in this thread: quickest to start, right for a tool that asks and ends. `worker` leaves this
   * thread free, so that a person can interrupt a call.
   */
  thread: 'own' | 'worker';
  /** All times are this one, in seconds since 1970, and nothing is left to chance. */
  reproducible?: { time: number; seed?: string };
}

/** A handle of class Guestfs, which is loaded only now. */
export async function createHandle(options: HandleOptions): Promise<Handle> {
  const { Guestfs } = await import('../../handle/index.ts');
  return new Guestfs({ backend: 'auto', ...options });
}
