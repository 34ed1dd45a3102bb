import { encodeText } from '../bytes/text.ts';
import type { ActionContext, ByteSink } from './context.ts';

const SIZE = 64 * 1024;

/** Gathers small writes to a sink; call {@link flush} at the end. */
export class BufferedSink implements ByteSink {
  readonly #sink: ByteSink;
  readonly #buffer = new Uint8Array(SIZE);
  #used = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  write(chunk: Uint8Array): void {
    if (this.#used + chunk.length > SIZE) this.flush();
    if (chunk.length > SIZE) {
      this.#sink.write(chunk);
      return;
    }
    this.#buffer.set(chunk, this.#used);
    this.#used += chunk.length;
  }

  /** Write a guest string, as its bytes. */
  writeText(text: string): void {
    this.write(encodeText(text));
  }

  flush(): void {
    if (this.#used > 0) this.#sink.write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}

/** A sink that takes nothing more once the user has cancelled. */
export function cancellable(context: ActionContext, sink: ByteSink): ByteSink {
  return {
    write(chunk) {
      context.checkCancelled();
      sink.write(chunk);
    },
  };
}
