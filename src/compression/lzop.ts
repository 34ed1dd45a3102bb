import { CorruptError, UnsupportedError } from '../errors/index.ts';
import { crc32 } from './lzma/check.ts';
import { lzo1x } from './lzo1x.ts';
import { need, transformOf, want, type Transform } from './transform.ts';

/*
 * The file form of lzop(1): a header, then blocks with their sizes and checksums. Numbers are big-endian. There is
 * no text of the format; the fields were taken from files that lzop 1.04 wrote.
 */

const MAGIC = [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a];
const FLAG = {
  ADLER32_DATA: 0x1,
  ADLER32_COMPRESSED: 0x2,
  EXTRA_FIELD: 0x40,
  CRC32_DATA: 0x100,
  CRC32_COMPRESSED: 0x200,
  FILTER: 0x800,
} as const;
/** Version from which the header has the needed version, the level and the upper half of the time. */
const NEWER_HEADER = 0x0940;
/** Largest block lzop reads. */
const MAX_BLOCK = 64 * 1024 * 1024;
const WHAT = 'lzop data';

type Queue = Parameters<Parameters<typeof transformOf>[0]>[0];
type Steps<T = void> = Generator<Uint8Array | undefined, T, void>;

/** Decompress lzop files, one after another, with the checksums of the data verified. */
export function lzopDecompressor(): Transform {
  return transformOf(function* (queue) {
    yield* need(queue, 1, WHAT);
    while (yield* want(queue, 1)) {
      const flags = yield* header(queue);
      while (yield* block(queue, flags));
    }
  });
}

function* number(queue: Queue, bytes: 1 | 2 | 4): Steps<number> {
  yield* need(queue, bytes, WHAT);
  let value = 0;
  for (const byte of queue.take(bytes)) value = value * 256 + byte;
  return value;
}

function* header(queue: Queue): Steps<number> {
  yield* need(queue, MAGIC.length, WHAT);
  const magic = queue.take(MAGIC.length);
  if (!MAGIC.every((byte, i) => magic[i] === byte)) throw new CorruptError(WHAT, 'the magic is missing');
  const version = yield* number(queue, 2);
  yield* number(queue, 2);
  if (version >= NEWER_HEADER) yield* number(queue, 2);
  const method = yield* number(queue, 1);
  if (method < 1 || method > 3) {
    throw new UnsupportedError(`lzop method ${method} is not known, expected 1 to 3 (LZO1X)`, {
      structure: WHAT,
    });
  }
  if (version >= NEWER_HEADER) yield* number(queue, 1);
  const flags = yield* number(queue, 4);
  if ((flags & FLAG.FILTER) !== 0) {
    throw new UnsupportedError('lzop data with a filter are not known', { structure: WHAT });
  }
  // Mode, and the time in one or two halves.
  for (let i = version >= NEWER_HEADER ? 3 : 2; i > 0; i--) yield* number(queue, 4);
  const nameLength = yield* number(queue, 1);
  yield* need(queue, nameLength + 4, WHAT);
  queue.take(nameLength + 4);
  if ((flags & FLAG.EXTRA_FIELD) !== 0) {
    const length = yield* number(queue, 4);
    if (length > 65536) throw new CorruptError(WHAT, `the extra field has ${length} bytes`);
    yield* need(queue, length + 4, WHAT);
    queue.take(length + 4);
  }
  return flags;
}

/** One block; false where the end marker stands. */
function* block(queue: Queue, flags: number): Steps<boolean> {
  const size = yield* number(queue, 4);
  if (size === 0) return false;
  const packed = yield* number(queue, 4);
  if (size > MAX_BLOCK || packed > size || packed === 0) {
    throw new CorruptError(WHAT, `a block has ${packed} bytes for ${size}, expected at most ${MAX_BLOCK}`);
  }
  const adler = (flags & FLAG.ADLER32_DATA) !== 0 ? yield* number(queue, 4) : undefined;
  const crc = (flags & FLAG.CRC32_DATA) !== 0 ? yield* number(queue, 4) : undefined;
  if (packed < size) {
    if ((flags & FLAG.ADLER32_COMPRESSED) !== 0) yield* number(queue, 4);
    if ((flags & FLAG.CRC32_COMPRESSED) !== 0) yield* number(queue, 4);
  }
  yield* need(queue, packed, WHAT);
  const input = queue.take(packed);
  let bytes: Uint8Array;
  if (packed === size) bytes = input.slice();
  else {
    bytes = new Uint8Array(size);
    const filled = lzo1x(input, bytes);
    if (filled !== size) {
      throw new CorruptError(
        WHAT,
        filled < 0 ? 'a block is damaged' : `a block gives ${filled} bytes, expected ${size}`,
      );
    }
  }
  if (adler !== undefined) verify('Adler-32', adler32(bytes), adler);
  if (crc !== undefined) verify('CRC-32', crc32(bytes), crc);
  yield bytes;
  return true;
}

function verify(what: string, computed: number, stored: number): void {
  if (computed === stored) return;
  throw new CorruptError(
    WHAT,
    `the ${what} of a block is 0x${computed.toString(16)}, the data say 0x${stored.toString(16)}`,
    { checksum: true },
  );
}

/** Adler-32 (RFC 1950). */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length;) {
    // The most steps after which the sums still fit 32 bits.
    for (const stop = Math.min(bytes.length, at + 5552); at < stop; at++) {
      a += bytes[at] as number;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}
