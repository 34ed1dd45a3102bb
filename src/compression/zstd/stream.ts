import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import type { Transform } from '../transform.ts';
import { zstdWindow } from '../zstd.ts';
import { ZlibStream } from '../zlib-stream.ts';
import { nodeZstd } from './direct.ts';
import { ZstdStream } from './decoder.ts';

/** Bytes given in one piece. */
const CHUNK = 128 * 1024;
/** Largest window: what `zstd -d` accepts by itself. */
const MAX_WINDOW = 128 * 1024 * 1024;

/** Decompress zstd frames, one after another, skippable ones included (RFC 8878). */
export function zstdDecompressor(): Transform {
  const stream = new ZstdStream();
  const room = new Uint8Array(CHUNK);
  let inFrame = false;
  return {
    *push(chunk) {
      let at = 0;
      for (;;) {
        if (!inFrame && zstdWindow(chunk, at) > MAX_WINDOW) {
          throw new UnsupportedError(
            `the zstd frame wants a window of ${zstdWindow(chunk, at)} bytes, ${MAX_WINDOW} is the most allowed`,
            { structure: 'zstd frame', offset: at },
          );
        }
        const { taken, given, result } = stream.step(chunk.subarray(at, at + CHUNK), room);
        if (result < 0) {
          throw new CorruptError('zstd frame', 'the data are damaged or no zstd data', { offset: at });
        }
        at += taken;
        inFrame = result !== 0;
        if (given > 0) yield room.slice(0, given);
        // A full piece of output may have more behind it.
        if (given < CHUNK && at >= chunk.length) return;
        if (taken === 0 && given === 0) return;
      }
    },
    end() {
      if (inFrame) throw new CorruptError('zstd frame', 'the data end within a frame');
      return [];
    },
  };
}

/** Compress as zstd(1) does, with Node's own encoder; undefined where this Node has none. */
export function zstdCompressor(level = 3): Transform | undefined {
  const node = nodeZstd();
  if (node === undefined) return undefined;
  const { ZSTD_e_continue, ZSTD_e_end, ZSTD_c_compressionLevel } = node.constants;
  const stream = new ZlibStream(
    node.createZstdCompress({ chunkSize: CHUNK, params: { [ZSTD_c_compressionLevel]: level } }),
  );
  return {
    *push(chunk) {
      const bytes = stream.step(chunk, ZSTD_e_continue);
      if (bytes.length > 0) yield bytes;
    },
    *end() {
      yield stream.step(new Uint8Array(0), ZSTD_e_end);
      stream.close();
    },
    close: () => stream.close(),
  };
}
