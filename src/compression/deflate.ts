import { directStream, proves, type Direct } from './direct.ts';
import { zlib } from './node-zlib.ts';

let inflater: Direct | undefined;

/**
 * Decompress a raw deflate stream (RFC 1951) into `into`. Bytes that follow the stream are ignored, and so is
 * whatever the stream holds beyond the room in `into`. Returns how many bytes were filled, -1 where the stream is
 * damaged.
 */
export function inflateRawInto(stream: Uint8Array, into: Uint8Array): number {
  if (inflater === undefined) inflater = directInflater() ?? inflateRawPublic;
  return inflater(stream, into);
}

function directInflater(): Direct | undefined {
  const direct = directStream(
    () => zlib().createInflateRaw({ chunkSize: 64 }),
    zlib().constants.Z_SYNC_FLUSH,
  );
  const sample = new Uint8Array(4000).map((_, i) => (i * i) % 251);
  return direct !== undefined && proves(direct, sample, zlib().deflateRawSync(sample)) ? direct : undefined;
}

/** {@link inflateRawInto} by Node's public interface alone. */
export function inflateRawPublic(stream: Uint8Array, into: Uint8Array): number {
  const inflate = (most: number): number => {
    const bytes = zlib().inflateRawSync(stream, {
      // One output chunk: the default of 16 KiB costs copies.
      chunkSize: Math.max(64, into.length),
      maxOutputLength: most,
      finishFlush: zlib().constants.Z_SYNC_FLUSH,
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
