import { inflateRawInto } from './deflate.ts';
import { directStream } from './direct.ts';
import { zlib } from './node-zlib.ts';
import { zstdCompressor } from './zstd/compressor.ts';

/** Compress a piece into a buffer; the bytes filled, or -1 where it does not fit. */
export type Pack = (piece: Uint8Array, into: Uint8Array) => number;

/** What QEMU inflates with: its buffers are of 4 KiB, so that nothing may refer further back. */
const OPTIONS = { level: 7, windowBits: 12, memLevel: 8 };

let deflater: Pack | undefined;

/** Compress a piece as one raw deflate stream (RFC 1951) with a window of 4 KiB. */
export function deflateRawInto(piece: Uint8Array, into: Uint8Array): number {
  deflater ??= directDeflater() ?? deflatePublic;
  return deflater(piece, into);
}

/** {@link deflateRawInto} by Node's public interface alone. */
export function deflatePublic(piece: Uint8Array, into: Uint8Array): number {
  const packed = zlib().deflateRawSync(piece, OPTIONS);
  if (packed.length > into.length) return -1;
  into.set(packed);
  return packed.length;
}

function directDeflater(): Pack | undefined {
  const direct = directStream(
    () => zlib().createDeflateRaw({ ...OPTIONS, chunkSize: 64 }),
    zlib().constants.Z_FINISH,
  );
  if (direct === undefined) return undefined;
  // A stream that fills all there is may have been cut short.
  const pack: Pack = (piece, into) => {
    const filled = direct(piece, into);
    return filled === into.length ? -1 : filled;
  };
  return provesPacking(pack, inflateRawInto) ? pack : undefined;
}

/** Whether what is packed comes out again, twice, and what does not fit is said not to. */
function provesPacking(pack: Pack, unpack: (stream: Uint8Array, into: Uint8Array) => number): boolean {
  const sample = new Uint8Array(4000).map((_, i) => (i * i) % 251);
  const packed = new Uint8Array(4000);
  const back = new Uint8Array(4000);
  try {
    for (let turn = 0; turn < 2; turn++) {
      const length = pack(sample, packed);
      if (length <= 0 || unpack(packed.subarray(0, length), back) !== back.length) return false;
      if (back.some((byte, i) => byte !== sample[i])) return false;
      if (pack(sample, packed.subarray(0, 20)) !== -1) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * What compresses pieces of an image, each on its own. Throws UnsupportedError where this program has no compressor of
 * that kind.
 */
export function packer(zstd: boolean): Pack {
  return zstd ? zstdCompressor() : deflateRawInto;
}
