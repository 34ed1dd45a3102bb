import { CorruptError, UnsupportedError } from '../errors/index.ts';
import { lz4Block } from './lz4.ts';
import type { ByteQueue } from './queue.ts';
import { need, transformOf, want, type Transform } from './transform.ts';

const FRAME = 0x184d2204;
const LEGACY = 0x184c2102;
/** Skippable frames: 16 magic numbers. */
const SKIPPABLE = 0x184d2a50;
/** A match reaches 64 KiB back. */
const HISTORY = 64 * 1024;
const LEGACY_BLOCK = 8 * 1024 * 1024;
const WHAT = 'lz4 frame';

type Steps<T = void> = Generator<Uint8Array | undefined, T, void>;

const word = (bytes: Uint8Array, at = 0): number =>
  new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);

/**
 * Decompress LZ4 frames, one after another, and the legacy form. The xxHash checksums are not verified.
 *
 * Source: "LZ4 Frame Format Description" 1.6.
 */
export function lz4Decompressor(): Transform {
  return transformOf(function* (queue) {
    yield* need(queue, 4, WHAT);
    while (yield* want(queue, 4)) {
      const magic = word(queue.take(4));
      if (magic === FRAME) yield* frame(queue);
      else if (magic === LEGACY) yield* legacy(queue);
      else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) yield* skip(queue);
      else throw new CorruptError(WHAT, `magic is 0x${magic.toString(16)}, expected 0x${FRAME.toString(16)}`);
    }
    if (queue.length > 0) throw new CorruptError(WHAT, `${queue.length} odd bytes follow the data`);
  });
}

function* skip(queue: ByteQueue): Steps {
  yield* need(queue, 4, WHAT);
  for (let left = word(queue.take(4)); left > 0;) {
    yield* need(queue, 1, WHAT);
    const part = Math.min(left, queue.length);
    queue.take(part);
    left -= part;
  }
}

function* frame(queue: ByteQueue): Steps {
  yield* need(queue, 2, WHAT);
  const [flags, descriptor] = queue.take(2) as unknown as [number, number];
  if (flags >> 6 !== 1) {
    throw new UnsupportedError(`lz4 frame version ${flags >> 6} is not known, expected 1`, {
      structure: WHAT,
    });
  }
  const sizeCode = (descriptor >> 4) & 7;
  if (sizeCode < 4) throw new CorruptError(WHAT, `block size code is ${sizeCode}, expected 4 to 7`);
  const blockSize = 2 ** (8 + 2 * sizeCode);
  const dictionary = (flags & 1) !== 0;
  if (dictionary) throw new UnsupportedError('the lz4 frame needs a dictionary', { structure: WHAT });
  yield* need(queue, ((flags & 8) !== 0 ? 8 : 0) + 1, WHAT);
  queue.take(((flags & 8) !== 0 ? 8 : 0) + 1);
  const independent = (flags & 0x20) !== 0;
  const trailer = (flags & 0x10) !== 0 ? 4 : 0;
  const output = new Uint8Array(HISTORY + blockSize);
  let filled = 0;
  for (;;) {
    yield* need(queue, 4, WHAT);
    const size = word(queue.take(4));
    if (size === 0) break;
    const stored = size >>> 31 === 1;
    const length = size & 0x7fffffff;
    if (length > blockSize) {
      throw new CorruptError(WHAT, `a block has ${length} bytes, expected at most ${blockSize}`);
    }
    yield* need(queue, length + trailer, WHAT);
    if (filled > HISTORY) {
      output.copyWithin(0, filled - HISTORY, filled);
      filled = HISTORY;
    }
    const start = independent ? 0 : filled;
    const input = queue.take(length);
    filled = start + length;
    if (stored) output.set(input, start);
    else filled = lz4Block(input, output.subarray(0, start + blockSize), start);
    if (filled < 0) throw new CorruptError(WHAT, 'a block is damaged');
    queue.take(trailer);
    yield output.slice(start, filled);
  }
  if ((flags & 4) !== 0) {
    yield* need(queue, 4, WHAT);
    queue.take(4);
  }
}

/** Blocks of 8 MiB up to the end of the input or the next magic. */
function* legacy(queue: ByteQueue): Steps {
  const output = new Uint8Array(LEGACY_BLOCK);
  while (yield* want(queue, 4)) {
    const size = word(queue.peek(4));
    if (size === FRAME || size === LEGACY) return;
    queue.take(4);
    // Kernel images end with their uncompressed size, which looks like one more block.
    if (size > LEGACY_BLOCK + LEGACY_BLOCK / 128 + 64) {
      throw new CorruptError('lz4 legacy block', `has ${size} bytes, expected at most ${LEGACY_BLOCK}`);
    }
    if (!(yield* want(queue, size))) {
      if (queue.length === 0) return;
      throw new CorruptError('lz4 legacy block', `the data end ${size - queue.length} bytes too early`);
    }
    const filled = lz4Block(queue.take(size), output);
    if (filled < 0) throw new CorruptError('lz4 legacy block', 'the block is damaged');
    yield output.slice(0, filled);
  }
}
