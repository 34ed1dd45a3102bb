import { CorruptError } from '../../errors/index.ts';
import { transformOf, type Transform } from '../transform.ts';
import { LzmaDecoder } from './decoder.ts';

/** Bytes decoded in one step. */
const STEP = 256 * 1024;
const WHAT = 'lzma header';
/** Properties byte, dictionary size, uncompressed size. */
const HEADER = 13;

/**
 * Decompress the ".lzma" form: one LZMA stream behind 13 bytes of header. The format marks no pieces, so decoding
 * starts when all the input is there.
 */
export function lzmaDecompressor(): Transform {
  return transformOf(function* (queue) {
    while (!queue.ended) yield undefined;
    const input = queue.take(queue.length);
    if (input.length < HEADER) {
      throw new CorruptError(WHAT, `the data have ${input.length} bytes, expected at least ${HEADER}`);
    }
    const view = new DataView(input.buffer, input.byteOffset, HEADER);
    const low = view.getUint32(5, true);
    const high = view.getUint32(9, true);
    // All ones: the size is not known, an end marker follows.
    const unknown = low === 0xffffffff && high === 0xffffffff;
    if (!unknown && high > 0x1fffff) {
      throw new CorruptError(WHAT, `the uncompressed size has the upper word ${high}, expected below 2^53`);
    }
    let left = unknown ? Infinity : high * 2 ** 32 + low;
    const decoder = new LzmaDecoder(view.getUint32(1, true));
    decoder.setProperties(input[0] as number);
    decoder.start(input, HEADER);
    let more = true;
    while (more && left > 0) {
      more = decoder.decode(Math.min(STEP, left));
      const bytes = decoder.drain();
      left -= bytes.length;
      yield bytes;
    }
    if (!more && left > 0 && !unknown) {
      throw new CorruptError(WHAT, `the data end ${left} bytes before the size in the header`);
    }
  });
}
