import { monotonicMilliseconds } from './monotonic.ts';

/** Milliseconds of a call that pass before its first progress message. */
const FIRST_AFTER = 2000;
/** Milliseconds between two progress messages: three a second at most. */
const INTERVAL = 334;

/**
 * Decides which of an action's many progress reports become messages: none in a call's first two seconds, at most
 * three a second after that, always 0 <= position <= total, and, once one was sent, a last one with position equal
 * to total when the call ends well.
 */
export class ProgressMeter {
  readonly #emit: (position: number, total: number) => void;
  readonly #now: () => number;
  #next = 0;
  #sent = false;
  #position = 0;
  #total = 0;

  constructor(emit: (position: number, total: number) => void, now: () => number = monotonicMilliseconds) {
    this.#emit = emit;
    this.#now = now;
  }

  /** A call begins. */
  start(now = this.#now()): void {
    this.#next = now + FIRST_AFTER;
    this.#sent = false;
  }

  /** The call has come to `position` of `total`. */
  report(position: number, total: number): void {
    const now = this.#now();
    if (now < this.#next) return;
    this.#next = now + INTERVAL;
    this.#total = Math.max(total, 0);
    this.#position = Math.min(Math.max(position, 0), this.#total);
    this.#sent = true;
    this.#emit(this.#position, this.#total);
  }

  /** The call ended well. */
  finish(): void {
    if (this.#sent && this.#position !== this.#total) this.#emit(this.#total, this.#total);
    this.#sent = false;
  }
}
