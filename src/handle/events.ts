import { EVENT_BITS, type EventName } from '../actions/events.ts';
import { encodeText } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import { writeAll } from '../backends/io/write-all.ts';

/** How far a long call has come. */
export interface ProgressEvent {
  /** Procedure number of the running action. */
  procedure: number;
  /** Number of the call within its handle. */
  serial: number;
  position: number;
  total: number;
}

/** What listeners of {@link EventRegistry.on} get, by event. Messages are guest text: escape them on terminals. */
export interface GuestfsEvents {
  close: [];
  subprocess_quit: [];
  launch_done: [];
  progress: [progress: ProgressEvent];
  appliance: [message: string];
  library: [message: string];
  trace: [message: string];
  enter: [action: string];
  libvirt_auth: [message: string];
  warning: [message: string];
}

/**
 * A callback registered with a bitmask: the event's bit, the event handle of the registration, the message's bytes
 * (empty where the event has none) and its integers (for progress: procedure, serial, position, total).
 */
export type EventCallback = (
  event: number,
  eventHandle: number,
  message: Uint8Array,
  integers: readonly number[],
) => void;

/** All events. */
export const EVENT_ALL = Object.values(EVENT_BITS).reduce((all, bit) => all | bit, 0);

interface Registration {
  callback: EventCallback;
  bits: number;
}

type Listener = (...payload: unknown[]) => void;

const noBytes = new Uint8Array(0);

/**
 * The callbacks of a handle. They run while the call that emits runs, in the order they were registered. One that
 * throws does not disturb the call or the others: its error surfaces as an uncaught exception.
 */
export class EventRegistry {
  readonly #registrations = new Map<number, Registration>();
  readonly #listeners = new Map<EventName, Listener[]>();
  #nextHandle = 1;

  /** Register a callback for a set of events; returns its event handle. */
  setCallback(callback: EventCallback, bits: number): number {
    if (typeof callback !== 'function') throw new TypeError('setEventCallback: callback must be a function');
    if (!Number.isInteger(bits) || bits === 0 || (bits & ~EVENT_ALL) !== 0) {
      throw new GuestfsError('EINVAL', `setEventCallback: ${bits} is no set of events`);
    }
    const handle = this.#nextHandle++;
    this.#registrations.set(handle, { callback, bits });
    return handle;
  }

  /** Remove a registration; an event handle that is none does nothing. */
  deleteCallback(handle: number): void {
    this.#registrations.delete(handle);
  }

  on(event: EventName, listener: Listener): void {
    if (!Object.hasOwn(EVENT_BITS, event)) {
      throw new TypeError(`there is no event '${event}', only ${Object.keys(EVENT_BITS).join(', ')}`);
    }
    if (typeof listener !== 'function') throw new TypeError(`on ${event}: the listener must be a function`);
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  off(event: EventName, listener: Listener): void {
    const list = this.#listeners.get(event) ?? [];
    const at = list.lastIndexOf(listener);
    if (at >= 0) this.#listeners.set(event, list.toSpliced(at, 1));
  }

  /** True if somebody hears the event. */
  has(event: EventName): boolean {
    if ((this.#listeners.get(event)?.length ?? 0) > 0) return true;
    for (const { bits } of this.#registrations.values()) if ((bits & EVENT_BITS[event]) !== 0) return true;
    return false;
  }

  /** Call everybody who hears an event without a payload. */
  emit(event: 'close' | 'subprocess_quit' | 'launch_done'): void {
    this.#emit(event, [], noBytes, []);
  }

  emitMessage(
    event: Exclude<EventName, 'close' | 'subprocess_quit' | 'launch_done' | 'progress'>,
    text: string,
  ): void {
    this.#emit(event, [text], this.#registrations.size > 0 ? encodeText(text) : noBytes, []);
  }

  emitProgress(progress: ProgressEvent): void {
    const { procedure, serial, position, total } = progress;
    this.#emit('progress', [progress], noBytes, [procedure, serial, position, total]);
  }

  #emit(event: EventName, payload: unknown[], bytes: Uint8Array, integers: readonly number[]): void {
    const bit = EVENT_BITS[event];
    for (const [handle, { callback, bits }] of Array.from(this.#registrations)) {
      if ((bits & bit) !== 0) guarded(() => callback(bit, handle, bytes, integers));
    }
    for (const listener of this.#listeners.get(event) ?? []) guarded(() => listener(...payload));
  }

  /** Forget every callback. */
  clear(): void {
    this.#registrations.clear();
    this.#listeners.clear();
  }
}

/** Run somebody else's function; what it throws becomes an uncaught exception after the current work. */
export function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** A line on the program's standard error, whatever state that is in. */
export function writeToStderr(line: string): void {
  const bytes = encodeText(`${line}\n`);
  try {
    writeAll(2, bytes, bytes.length, null, () => undefined);
  } catch {
    // Nobody reads it: there is nowhere left to say so.
  }
}
