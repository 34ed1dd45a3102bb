import { GuestfsError } from '../errors/index.ts';
import { bzip2Decompressor } from './bzip2.ts';
import { externalCompressor } from './external.ts';
import { gzipCompressor, gzipDecompressor } from './gzip.ts';
import { lz4Decompressor } from './lz4-stream.ts';
import { lzmaDecompressor } from './lzma/alone.ts';
import { xzDecompressor } from './lzma/xz.ts';
import { lzopDecompressor } from './lzop.ts';
import { lzwCompressor, lzwDecompressor } from './lzw.ts';
import type { Transform } from './transform.ts';
import type { CompressionType } from './types.ts';
import { zstdCompressor, zstdDecompressor } from './zstd/stream.ts';

export { inflateRawInto } from './deflate.ts';
export { detectCompression } from './detect.ts';
export type { Transform } from './transform.ts';
export type { CompressionType } from './types.ts';
export { zstdInto } from './zstd.ts';

/** A decompressor of a type. */
export function decompressor(type: CompressionType): Transform {
  switch (type) {
    case 'gzip':
      return gzipDecompressor();
    case 'zstd':
      return zstdDecompressor();
    case 'xz':
      return xzDecompressor();
    case 'lzma':
      return lzmaDecompressor();
    case 'bzip2':
      return bzip2Decompressor();
    case 'lzop':
      return lzopDecompressor();
    case 'lz4':
      return lz4Decompressor();
    case 'compress':
      return lzwDecompressor();
  }
}

/** Lowest and highest level of the types that have levels. */
const LEVELS: Partial<Record<CompressionType, readonly [number, number]>> = {
  gzip: [1, 9],
  bzip2: [1, 9],
  xz: [0, 9],
  lzma: [0, 9],
  lzop: [1, 9],
  zstd: [1, 19],
};

/**
 * A compressor of a type. Throws EINVAL for a level that the type does not have, UnsupportedError where the host
 * lacks the program that is needed.
 */
export function compressor(type: CompressionType, level?: number): Transform {
  if (level !== undefined) {
    const range = LEVELS[type];
    if (range === undefined) throw new GuestfsError('EINVAL', `${type} has no compression levels`);
    if (!Number.isInteger(level) || level < range[0] || level > range[1]) {
      throw new GuestfsError(
        'EINVAL',
        `compression level ${level} of ${type} is not in the range ${range[0]} to ${range[1]}`,
      );
    }
  }
  const flags = level === undefined ? [] : [`-${level}`];
  switch (type) {
    case 'gzip':
      return gzipCompressor(level);
    case 'compress':
      return lzwCompressor();
    case 'zstd':
      return zstdCompressor(level) ?? externalCompressor('zstd', ['-q', '-c', ...flags]);
    case 'xz':
      return externalCompressor('xz', ['-c', ...flags]);
    case 'lzma':
      return externalCompressor('xz', ['--format=lzma', '-c', ...flags]);
    case 'bzip2':
      return externalCompressor('bzip2', ['-c', ...flags]);
    case 'lzop':
      return externalCompressor('lzop', ['-c', ...flags]);
    case 'lz4':
      throw new GuestfsError('ENOTSUP', 'lz4 data can be decompressed only');
  }
}

/**
 * Decompress all of `bytes`. Throws ENOMEM where the result would be larger than `cap` bytes, CorruptError on
 * damaged data.
 */
export function decompressAll(type: CompressionType, bytes: Uint8Array, cap: number): Uint8Array {
  const transform = decompressor(type);
  const parts: Uint8Array[] = [];
  let total = 0;
  const collect = (chunks: Iterable<Uint8Array>): void => {
    for (const chunk of chunks) {
      total += chunk.length;
      if (total > cap) {
        throw new GuestfsError('ENOMEM', `the ${type} data hold more than ${cap} bytes, the cap`);
      }
      parts.push(chunk);
    }
  };
  collect(transform.push(bytes));
  collect(transform.end());
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
