import { CorruptError } from '../errors/index.ts';
import { ByteQueue } from './queue.ts';

/**
 * A compressor or decompressor that is fed piece by piece. Drain what a call returns before the next call: the
 * work is done while it is iterated. Yielded chunks are new memory, the caller may keep them; chunks that are
 * pushed may be reused by the caller as soon as the call's result is drained.
 */
export interface Transform {
  /** Feed `chunk`; gives whatever can be given already. Throws CorruptError on damaged input. */
  push(chunk: Uint8Array): Iterable<Uint8Array>;
  /** No more input; gives the rest. Throws CorruptError where the input ends too early. */
  end(): Iterable<Uint8Array>;
  /** Give up before the end: lets go of files and memory outside the heap. Not needed after {@link end}. */
  close?(): void;
}

/**
 * A codec written as a generator over a queue: it yields output, and `undefined` where it must wait for more
 * input. When `queue.ended` it never waits again.
 */
export type Codec = (queue: ByteQueue) => Generator<Uint8Array | undefined, void, void>;

/** Make a Transform of a codec. */
export function transformOf(codec: Codec): Transform {
  const queue = new ByteQueue();
  const steps = codec(queue);
  let done = false;
  function* run(): Iterable<Uint8Array> {
    while (!done) {
      const step = steps.next();
      if (step.done === true) done = true;
      else if (step.value === undefined) return;
      else if (step.value.length > 0) yield step.value;
    }
  }
  return {
    *push(chunk) {
      if (done) return;
      queue.add(chunk);
      yield* run();
    },
    *end() {
      queue.ended = true;
      yield* run();
    },
  };
}

/** Wait until `length` bytes are in the queue; throws CorruptError where the input ends before. */
export function* need(queue: ByteQueue, length: number, what: string): Generator<undefined, void, void> {
  while (queue.length < length) {
    if (queue.ended) {
      throw new CorruptError(what, `the data end ${length - queue.length} bytes too early`);
    }
    yield undefined;
  }
}

/** Wait until `length` bytes are in the queue or the input ends; says whether they are there. */
export function* want(queue: ByteQueue, length: number): Generator<undefined, boolean, void> {
  while (queue.length < length) {
    if (queue.ended) return false;
    yield undefined;
  }
  return true;
}
