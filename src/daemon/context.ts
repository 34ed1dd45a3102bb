import type { Platform } from '../platform/contract.ts';

/** Where a FileOut argument goes; a write returns when the receiver has room for more. */
export interface ByteSink {
  /** The sink has taken its copy when this returns: the caller may reuse `chunk`. */
  write(chunk: Uint8Array): void;
  /**
   * The next `length` bytes are zeroes: a file may keep them as a hole. A caller that knows of holes writes
   * zeroes itself where a sink has not got this.
   */
  writeZeroes?(length: number): void;
}

/** Where a FileIn argument comes from. */
export interface ByteSource {
  /** How many bytes will come, where that is known; a hint. */
  readonly size?: number;
  /** Bytes read into `into`; 0 at the end. */
  read(into: Uint8Array): number;
}

/** A parameter that may be a device or a path in the guest. */
export type DeviceOrPath = { device: string } | { path: string };

/** A parameter that may be a mountable or a path in the guest. */
export type MountableOrPath = { mountable: string } | { path: string };

/** What an action's implementation gets besides its arguments. */
export interface ActionContext {
  readonly platform: Platform;
  /** Session state that outlives a call: each topic keeps its own under its own key. */
  readonly state: SessionState;
  /** Emit a warning event. */
  warn(message: string): void;
  /** Say how far a long call has come; cheap, call it freely. */
  progress(position: number, total: number): void;
  /** Throws EINTR if the user cancelled; call it in every loop that may run for seconds. */
  checkCancelled(): void;
}

/** State of a daemon session, by topic. */
export class SessionState {
  readonly #slots = new Map<string, unknown>();

  /** The slot of a topic, made by `create` at first use. */
  slot<T>(topic: string, create: () => T): T {
    if (!this.#slots.has(topic)) this.#slots.set(topic, create());
    return this.#slots.get(topic) as T;
  }
}
