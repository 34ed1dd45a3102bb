import { CorruptError } from '../errors/index.ts';
import { BitReader } from './bit-reader.ts';
import { readBlock, type BlockState } from './bzip2-block.ts';
import type { ByteQueue } from './queue.ts';
import { need, transformOf, want, type Transform } from './transform.ts';

/*
 * bzip2 streams. The format has no official text; the facts are those of Joe Tsai's "bzip2 format
 * specification" (2016).
 */

/** "BZ", "h". */
const MAGIC = [0x42, 0x5a, 0x68];
const BLOCK_HIGH = 0x314159;
const BLOCK_LOW = 0x265359;
const END_HIGH = 0x177245;
const END_LOW = 0x385090;
const WHAT = 'bzip2 stream';

/** Decompress bzip2: streams one after another, checksums verified. */
export function bzip2Decompressor(): Transform {
  return transformOf(function* (queue) {
    yield* stream(queue);
    while (yield* want(queue, 4)) {
      const head = queue.peek(3);
      // As bzip2(1): what follows and is no stream is ignored.
      if (!MAGIC.every((byte, i) => head[i] === byte)) return;
      yield* stream(queue);
    }
  });
}

function* stream(queue: ByteQueue): Generator<Uint8Array | undefined, void, void> {
  yield* need(queue, 4, WHAT);
  const head = queue.take(4);
  const level = (head[3] as number) - 0x30;
  if (!MAGIC.every((byte, i) => head[i] === byte) || level < 1 || level > 9) {
    throw new CorruptError(WHAT, 'the data do not begin with "BZh1" to "BZh9"');
  }
  const blockSize = level * 100_000;
  // Blocks carry no length: the longest codes have 20 bits a symbol.
  const most = Math.ceil(blockSize * 2.5) + 32 * 1024;
  const reader = new BitReader();
  const state: BlockState = { table: new Int32Array(blockSize), symbols: new Uint8Array(blockSize) };
  let combined = 0;
  for (;;) {
    yield* want(queue, most);
    reader.bytes = queue.peek(Math.min(queue.length, most));
    const before = reader.at;
    const high = reader.bits(24);
    const low = reader.bits(24);
    const stored = ((reader.bits(16) << 16) | reader.bits(16)) >>> 0;
    if (reader.overrun) throw new CorruptError(WHAT, 'the data end too early');
    if (high === END_HIGH && low === END_LOW) {
      if (stored !== combined) throw checksum('stream', combined, stored);
      reader.align();
      queue.take(reader.at);
      return;
    }
    if (high !== BLOCK_HIGH || low !== BLOCK_LOW) {
      throw new CorruptError(WHAT, `a block begins with 0x${high.toString(16)}${low.toString(16)}`, {
        offset: before,
      });
    }
    const { bytes, crc } = readBlock(reader, state, blockSize);
    if (crc !== stored) throw checksum('block', crc, stored);
    combined = (((combined << 1) | (combined >>> 31)) ^ crc) >>> 0;
    // The byte that the reader is in stays to be read from its own buffer.
    queue.take(reader.at);
    reader.at = 0;
    yield* bytes;
  }
}

function checksum(what: string, computed: number, stored: number): CorruptError {
  return new CorruptError(
    WHAT,
    `the CRC of a ${what} is 0x${computed.toString(16)}, the data say 0x${stored.toString(16)}`,
    { checksum: true },
  );
}
