import { UnsupportedError } from '../../errors/index.ts';
import { nativeLibrary } from '../../native/library.ts';
import type { Pack } from '../pack.ts';
import { nodeZstd } from './direct.ts';

/** The level that zstd itself takes where none is asked for. */
const LEVEL = 3;
/** Where the systems that have it keep the library. */
const LIBRARIES = ['libzstd.so.1', 'libzstd.1.dylib', 'libzstd.dll'];

let known: Pack | undefined;

/**
 * What compresses a piece as one zstd frame (RFC 8878): Node's own compressor (since 22.15), or else the host's library
 * by the optional package koffi. Throws UnsupportedError where there is neither.
 */
export function zstdCompressor(): Pack {
  known ??= nodeCompressor() ?? libraryCompressor();
  if (known === undefined) {
    throw new UnsupportedError(
      `this Node (${process.version}) cannot compress with zstd; use Node 22.15 or later, install the package koffi ` +
        'where the system has the library libzstd, or choose zlib',
    );
  }
  return known;
}

function nodeCompressor(): Pack | undefined {
  const node = nodeZstd();
  if (node === undefined) return undefined;
  return (piece, into) => {
    const packed = node.zstdCompressSync(piece);
    if (packed.length > into.length) return -1;
    into.set(packed);
    return packed.length;
  };
}

/** By the host's libzstd, or undefined where that or koffi is missing. */
export function libraryCompressor(): Pack | undefined {
  const library = nativeLibrary(...LIBRARIES);
  if (library === undefined) return undefined;
  const context = library.func('void *ZSTD_createCCtx(void)')();
  const compress = library.func(
    'size_t ZSTD_compressCCtx(void *context, void *into, size_t room, void *from, size_t length, int level)',
  );
  // Codes of errors are the highest numbers there are.
  return (piece, into) => {
    const filled = Number(compress(context, into, into.length, piece, piece.length, LEVEL));
    return filled > into.length ? -1 : filled;
  };
}
