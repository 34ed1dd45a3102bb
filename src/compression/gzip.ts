import { CorruptError } from '../errors/index.ts';
import type { Transform } from './transform.ts';
import { ZlibStream } from './zlib-stream.ts';
import { zlib } from './node-zlib.ts';

/** Bytes that one step of a stream gives at most in one piece. */
const CHUNK = 64 * 1024;
/** Compressed bytes that one step takes: bounds what a step can give, deflate's best ratio being 1032. */
const INPUT = 16 * 1024;

/** Compress as gzip(1) does (RFC 1952), without name or time. `level` is 1 to 9. */
export function gzipCompressor(level = 6): Transform {
  const stream = new ZlibStream(zlib().createGzip({ level, chunkSize: CHUNK }));
  return {
    *push(chunk) {
      const bytes = stream.step(chunk, zlib().constants.Z_NO_FLUSH);
      if (bytes.length > 0) yield bytes;
    },
    *end() {
      yield stream.step(new Uint8Array(0), zlib().constants.Z_FINISH);
      stream.close();
    },
    close: () => stream.close(),
  };
}

/** Decompress gzip, of one member or several (RFC 1952). */
export function gzipDecompressor(): Transform {
  const stream = new ZlibStream(zlib().createGunzip({ chunkSize: CHUNK }));
  const step = (chunk: Uint8Array, flush: number): Uint8Array => {
    try {
      return stream.step(chunk, flush);
    } catch (error) {
      throw damaged('gzip data', error);
    }
  };
  return {
    *push(chunk) {
      for (let at = 0; at < chunk.length; at += INPUT) {
        const bytes = step(chunk.subarray(at, at + INPUT), zlib().constants.Z_NO_FLUSH);
        if (bytes.length > 0) yield bytes;
      }
    },
    *end() {
      const bytes = step(new Uint8Array(0), zlib().constants.Z_FINISH);
      stream.close();
      if (bytes.length > 0) yield bytes;
    },
    close: () => stream.close(),
  };
}

/** What zlib threw, as an error of ours. */
export function damaged(what: string, error: unknown): CorruptError {
  return new CorruptError(
    what,
    `cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  );
}
