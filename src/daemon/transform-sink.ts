import type { Transform } from '../compression/index.ts';
import type { ByteSink } from './context.ts';

/** Sends what is written through a transform to another sink; call {@link end} once. */
export class TransformSink implements ByteSink {
  readonly #transform: Transform;
  readonly #sink: ByteSink;

  constructor(transform: Transform, sink: ByteSink) {
    this.#transform = transform;
    this.#sink = sink;
  }

  write(chunk: Uint8Array): void {
    for (const part of this.#transform.push(chunk)) this.#sink.write(part);
  }

  end(): void {
    for (const part of this.#transform.end()) this.#sink.write(part);
  }

  /** Let go of what the transform holds, whether it came to its end or not. */
  close(): void {
    this.#transform.close?.();
  }
}
