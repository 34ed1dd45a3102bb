import * as zlib from 'node:zlib';

/**
 * Decompress a raw deflate stream (RFC 1951) into `into`. Bytes that follow the stream are ignored, and so is
 * whatever the stream holds beyond the room in `into`. Returns how many bytes were filled, -1 where the stream is
 * damaged.
 */
export function inflateRawInto(stream: Uint8Array, into: Uint8Array): number {
  if (inflater === undefined) inflater = makeInflater();
  return inflater(stream, into);
}

type Inflater = (stream: Uint8Array, into: Uint8Array) => number;
let inflater: Inflater | undefined;

/** What a zlib stream of Node has below its public interface. */
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

/**
 * Node's public one-shot call makes a zlib object and an output buffer for each stream, which is a third of the
 * time for clusters of 64 KiB. So one object is kept and its binding called directly, if it is there and proves
 * itself on a stream of known content; else the public call does it.
 */
function makeInflater(): Inflater {
  const direct = directInflater();
  if (direct === undefined) return inflateRawPublic;
  const sample = new Uint8Array(4000).map((_, i) => i % 7);
  const into = new Uint8Array(sample.length);
  try {
    const packed = zlib.deflateRawSync(sample);
    const works =
      direct(packed, into) === into.length &&
      into.every((byte, i) => byte === sample[i]) &&
      direct(packed.subarray(0, 5), into) < into.length &&
      direct(new Uint8Array(100).fill(0xff), into) === -1 &&
      direct(packed, into.subarray(0, 100)) === 100;
    return works ? direct : inflateRawPublic;
  } catch {
    return inflateRawPublic;
  }
}

function directInflater(): Inflater | undefined {
  const stream = zlib.createInflateRaw({ chunkSize: 64 }) as unknown as RawStream;
  const handle = stream._handle;
  const state = stream._writeState;
  if (!handle?.writeSync || !handle.reset || !(state instanceof Uint32Array)) return undefined;
  let failed = false;
  handle.onerror = () => {
    failed = true;
  };
  return (input, into) => {
    failed = false;
    handle.reset?.();
    handle.writeSync?.(zlib.constants.Z_SYNC_FLUSH, input, 0, input.length, into, 0, into.length);
    return failed ? -1 : into.length - (state[0] as number);
  };
}

/** {@link inflateRawInto} by Node's public interface alone. */
export function inflateRawPublic(stream: Uint8Array, into: Uint8Array): number {
  const inflate = (most: number): number => {
    const bytes = zlib.inflateRawSync(stream, {
      // One output chunk: the default of 16 KiB costs copies.
      chunkSize: Math.max(64, into.length),
      maxOutputLength: most,
      finishFlush: zlib.constants.Z_SYNC_FLUSH,
    });
    const filled = Math.min(bytes.length, into.length);
    into.set(bytes.subarray(0, filled));
    return filled;
  };
  try {
    return inflate(into.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') return -1;
  }
  try {
    // The stream holds more than there is room for; deflate expands a byte to 1032 at most.
    return inflate(1100 * stream.length + 64);
  } catch {
    return -1;
  }
}
