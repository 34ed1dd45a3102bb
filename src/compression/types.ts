/**
 * The compressed forms that are known.
 *
 * | type | decompress | compress |
 * |---|---|---|
 * | gzip | node:zlib | node:zlib |
 * | zstd | WebAssembly (zstddec); single buffers by node:zlib where it has zstd | node:zlib, else the host's `zstd` |
 * | xz | own | the host's `xz` |
 * | lzma (the older "alone" form) | own | the host's `xz` |
 * | bzip2 | own | the host's `bzip2` |
 * | lzop | own | the host's `lzop` |
 * | lz4 (frames, and the legacy form of kernels) | own | no |
 * | compress (`.Z`) | own | own |
 */
export type CompressionType = 'gzip' | 'zstd' | 'xz' | 'lzma' | 'bzip2' | 'lzop' | 'lz4' | 'compress';
