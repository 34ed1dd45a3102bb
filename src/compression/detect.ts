import type { CompressionType } from './types.ts';

const MAGICS: readonly (readonly [CompressionType, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['compress', [0x1f, 0x9d]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  // The legacy form, which kernels and initrds use.
  ['lz4', [0x02, 0x21, 0x4c, 0x18]],
  ['lzop', [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a]],
  // No real magic: the usual properties byte and a dictionary of a whole number of 64 KiB.
  ['lzma', [0x5d, 0x00, 0x00]],
];

/** The compressed form that data begin with, or undefined. */
export function detectCompression(start: Uint8Array): CompressionType | undefined {
  return MAGICS.find(([, magic]) => magic.every((byte, i) => start[i] === byte))?.[0];
}
