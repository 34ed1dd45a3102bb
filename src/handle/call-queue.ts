import { GuestfsError } from '../errors/index.ts';

interface Job {
  run: () => Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  signal: AbortSignal | undefined;
  onAbort?: () => void;
  token: object;
}

/** The calls of a handle, one after the other in the order they were made. */
export class CallQueue {
  readonly #cancelRunning: () => void;
  readonly #waiting: Job[] = [];
  #running: Job | undefined;

  /** `cancelRunning` is called when the signal of the running call is aborted. */
  constructor(cancelRunning: () => void) {
    this.#cancelRunning = cancelRunning;
  }

  /** True while a call runs. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Stands for the running call; undefined while none runs. */
  get token(): object | undefined {
    return this.#running?.token;
  }

  /**
   * Run `run` after the calls before it; at once, before this returns, if there are none. A signal that is aborted
   * before `run` began makes it reject with EINTR without running.
   */
  add(
    action: string,
    signal: AbortSignal | undefined,
    run: (token: object) => Promise<unknown>,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(cancelled(action, signal));
        return;
      }
      const token = {};
      const job: Job = { run: () => run(token), resolve, reject, token, signal };
      if (signal !== undefined) {
        job.onAbort = () => this.#abort(job, cancelled(action, signal));
        signal.addEventListener('abort', job.onAbort, { once: true });
      }
      this.#waiting.push(job);
      if (this.#running === undefined) void this.#work();
    });
  }

  #abort(job: Job, error: GuestfsError): void {
    const at = this.#waiting.indexOf(job);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      job.reject(error);
    } else if (this.#running === job) {
      this.#cancelRunning();
    }
  }

  async #work(): Promise<void> {
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      this.#running = job;
      try {
        const value = await job.run();
        this.#done(job);
        job.resolve(value);
      } catch (error) {
        this.#done(job);
        job.reject(error);
      }
    }
  }

  #done(job: Job): void {
    this.#running = undefined;
    if (job.onAbort !== undefined) job.signal?.removeEventListener('abort', job.onAbort);
  }
}

function cancelled(action: string, signal: AbortSignal): GuestfsError {
  return new GuestfsError('EINTR', `${action}: the call was cancelled`, { action, cause: signal.reason });
}
