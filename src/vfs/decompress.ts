import { decompressor, type CompressionType } from '../compression/index.ts';

/**
 * The decompressed form of chunks that are compressed; stopping early lets go of what the decompressor holds. Throws
 * CorruptError on damaged data.
 */
export function* decompressChunks(
  type: CompressionType,
  chunks: Iterable<Uint8Array>,
): Generator<Uint8Array, void, void> {
  const transform = decompressor(type);
  try {
    for (const chunk of chunks) yield* transform.push(chunk);
    yield* transform.end();
  } finally {
    transform.close?.();
  }
}
