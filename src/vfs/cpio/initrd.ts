import { detectCompression } from '../../compression/index.ts';
import { CorruptError } from '../../errors/index.ts';
import { decompressChunks } from '../decompress.ts';
import { cpioEntries, isCpioHeader, type CpioEntry } from './reader.ts';
import { ChunkReader } from './stream.ts';

/** Enough to tell a cpio header or a compressed form. */
const MAGIC_BYTES = 16;

/** A compressed archive in a compressed archive is as far as it goes: more is made to exhaust. */
const MAX_NESTING = 2;

/**
 * The members of an initial RAM disk: any number of cpio archives one after the other, with zeroes between, of which
 * the last may be compressed (gzip, bzip2, xz, lzma, lzop, lz4, zstd), as with microcode that the kernel wants
 * first. Throws EUCLEAN where it is none of that.
 */
export function initrdEntries(chunks: Iterable<Uint8Array>): Generator<CpioEntry, void, void> {
  return entries(chunks, 0);
}

function* entries(chunks: Iterable<Uint8Array>, nesting: number): Generator<CpioEntry, void, void> {
  const reader = new ChunkReader(chunks);
  for (let found = false; ; found = true) {
    skipZeroes(reader);
    const start = reader.peek(MAGIC_BYTES);
    if (start.length === 0 && found) return;
    if (isCpioHeader(start)) {
      yield* cpioEntries(reader);
      continue;
    }
    const type = nesting < MAX_NESTING ? detectCompression(start) : undefined;
    if (type !== undefined) {
      yield* entries(decompressChunks(type, reader.rest()), nesting + 1);
      return;
    }
    // Boot loaders and signing tools put things of their own after the archives.
    if (found) return;
    throw new CorruptError('initrd', 'it begins neither with a cpio archive nor with compressed data', {
      offset: 0,
    });
  }
}

function skipZeroes(reader: ChunkReader): void {
  for (;;) {
    const next = reader.peek(4096);
    let zeroes = 0;
    while (zeroes < next.length && next[zeroes] === 0) zeroes++;
    if (zeroes === 0) return;
    reader.skip(zeroes, 'initrd');
    if (zeroes < next.length) return;
  }
}
