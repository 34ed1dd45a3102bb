import { constants, inflateRawSync } from 'node:zlib';

/**
 * Decompress a raw deflate stream (RFC 1951) into `into`. Bytes that follow the stream are ignored, and so is
 * whatever the stream holds beyond the room in `into`. Returns how many bytes were filled, -1 where the stream is
 * damaged.
 */
export function inflateRawInto(stream: Uint8Array, into: Uint8Array): number {
  let bytes: Uint8Array;
  try {
    bytes = inflateRawSync(stream, {
      // One output chunk: the default of 16 KiB costs copies.
      chunkSize: Math.max(64, into.length),
      maxOutputLength: into.length,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') return -1;
    return inflateRawPart(stream, into);
  }
  into.set(bytes);
  return bytes.length;
}

/** As {@link inflateRawInto}, for a stream that holds more than there is room for. */
function inflateRawPart(stream: Uint8Array, into: Uint8Array): number {
  try {
    const bytes = inflateRawSync(stream, {
      maxOutputLength: 1100 * stream.length + 64,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    into.set(bytes.subarray(0, into.length));
    return Math.min(bytes.length, into.length);
  } catch {
    return -1;
  }
}
