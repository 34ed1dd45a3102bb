/** Whether the program was asked to end. Who serves has the thread, and lets others ask only when it looks. */
export class StopRequest {
  #requested = false;
  readonly #hearers: (() => void)[] = [];

  /** `hear` is told what to call to ask for the end. */
  constructor(hear: ((end: () => void) => void) | undefined) {
    hear?.(() => this.request());
  }

  get requested(): boolean {
    return this.#requested;
  }

  request(): void {
    this.#requested = true;
    for (const hearer of this.#hearers.splice(0)) hearer();
  }

  /** Call `hearer` at the request, or now if there was one. */
  onRequest(hearer: () => void): void {
    if (this.#requested) hearer();
    else this.#hearers.push(hearer);
  }

  /** Give the event loop a turn, in which signals are heard. True unless the end was asked for. */
  async notYet(): Promise<boolean> {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    return !this.#requested;
  }
}
