/** What a zlib or zstd stream of Node has below its public interface. */
interface RawStream {
  _handle?: {
    reset?(): void;
    onerror?: unknown;
    writeSync?(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputLength: number,
      output: Uint8Array,
      outputOffset: number,
      outputLength: number,
    ): void;
  } | null;
  _writeState?: Uint32Array;
}

/** Decompress a stream into a buffer; the bytes filled, or -1 where the stream is damaged. */
export type Direct = (stream: Uint8Array, into: Uint8Array) => number;

/**
 * A decompressor over the binding that a stream of node:zlib stands on. The public one-shot calls make an object and
 * an output buffer for each call, which is a third of the time for pieces of 64 KiB; here both are kept.
 * Undefined where the binding is not as expected. The caller proves it on known data before trusting it.
 */
export function directStream(make: () => object, flush: number): Direct | undefined {
  interface Binding {
    decompress: Direct;
    failed: boolean;
  }
  const bind = (): Binding | undefined => {
    const { _handle: handle, _writeState: state } = make() as RawStream;
    if (!handle?.writeSync || !handle.reset || !(state instanceof Uint32Array)) return undefined;
    const binding: Binding = {
      failed: false,
      decompress(input, into) {
        handle.reset?.();
        handle.writeSync?.(flush, input, 0, input.length, into, 0, into.length);
        return binding.failed ? -1 : into.length - (state[0] as number);
      },
    };
    handle.onerror = () => {
      binding.failed = true;
    };
    return binding;
  };
  let binding = bind();
  if (binding === undefined) return undefined;
  return (input, into) => {
    // One that has failed is not used again.
    if (binding === undefined || binding.failed) binding = bind();
    return binding?.decompress(input, into) ?? -1;
  };
}

/** Whether a decompressor does what it should on a sample: all of it, a part, a cut and a damaged stream. */
export function proves(direct: Direct, sample: Uint8Array, packed: Uint8Array): boolean {
  const into = new Uint8Array(sample.length);
  const padded = new Uint8Array(packed.length + 100);
  padded.set(packed);
  const right = (): boolean => into.every((byte, i) => byte === sample[i]);
  try {
    if (direct(packed, into) !== into.length || !right()) return false;
    if (direct(packed.subarray(0, packed.length >> 1), into) >= into.length) return false;
    if (direct(new Uint8Array(100).fill(0xff), into) !== -1) return false;
    into.fill(0);
    return direct(padded, into) === into.length && right();
  } catch {
    return false;
  }
}
