import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import { inflateRawInto } from '../../compression/index.ts';
import { u32 } from './record.ts';

/** How a compressed file is stored; the block's size is a power of two. */
export interface ZisofsFile {
  /** Bytes of the file as it is stored. */
  storedSize: number;
  /** Bytes before the table of pointers. */
  headerSize: number;
  blockSize: number;
  /** Bytes of the file as it is read. */
  size: number;
}

/** Bytes of zlib's header before its deflate stream, and of the Adler-32 after it (RFC 1950). */
const ZLIB_HEADER = 2;
const ZLIB_TRAILER = 4;
/** A block that does not shrink takes a little more than its size. */
const ZLIB_OVERHEAD = 1024;

/** Check what a ZF entry says; throws UnsupportedError for methods other than that of zlib. */
export function zisofsFile(
  entry: { algorithm: string; headerSize: number; blockShift: number; size: number },
  storedSize: number,
  offset: number,
): ZisofsFile {
  if (entry.algorithm !== 'pz') {
    throw new UnsupportedError(
      `a file is compressed by the method "${entry.algorithm}", expected "pz" (zisofs version 1)`,
      { structure: 'ZF entry', offset },
    );
  }
  if (entry.blockShift < 15 || entry.blockShift > 17) {
    throw new CorruptError('ZF entry', `block size is 2^${entry.blockShift}, expected 2^15 to 2^17`, {
      offset,
    });
  }
  return { storedSize, headerSize: entry.headerSize, blockSize: 2 ** entry.blockShift, size: entry.size };
}

/** Reads a compressed file block by block; keeps the block read last. */
export class ZisofsReader {
  readonly #file: ZisofsFile;
  readonly #read: (offset: number, into: Uint8Array) => void;
  readonly #block: Uint8Array;
  #number = -1;

  /** `read` reads from the file as it is stored. */
  constructor(file: ZisofsFile, read: (offset: number, into: Uint8Array) => void) {
    this.#file = file;
    this.#read = read;
    this.#block = new Uint8Array(file.blockSize);
  }

  /** Fill as much of `into` as the file has from `offset` on. */
  read(offset: number, into: Uint8Array): number {
    const { size, blockSize } = this.#file;
    const length = Math.max(0, Math.min(into.length, size - offset));
    for (let done = 0; done < length;) {
      const number = Math.floor((offset + done) / blockSize);
      const inside = (offset + done) % blockSize;
      this.#load(number);
      const part = Math.min(blockSize - inside, length - done);
      into.set(this.#block.subarray(inside, inside + part), done);
      done += part;
    }
    return length;
  }

  #load(number: number): void {
    if (number === this.#number) return;
    const { headerSize, storedSize, blockSize } = this.#file;
    const pointers = new Uint8Array(8);
    const at = headerSize + number * 4;
    if (at + 8 > storedSize) this.#damaged(`pointer ${number} lies at ${at} of ${storedSize} bytes`);
    this.#read(at, pointers);
    const start = u32(pointers, 0);
    const end = u32(pointers, 4);
    if (start > end || end > storedSize || end - start > blockSize + ZLIB_OVERHEAD) {
      this.#damaged(`block ${number} lies from ${start} to ${end} of ${storedSize} bytes`);
    }
    this.#number = -1;
    // A block of zeroes is not stored.
    if (start === end) {
      this.#block.fill(0);
    } else {
      const packed = new Uint8Array(end - start);
      this.#read(start, packed);
      const filled = inflateRawInto(packed.subarray(ZLIB_HEADER), this.#block);
      const wanted = Math.min(blockSize, this.#file.size - number * blockSize);
      if (filled < wanted) this.#damaged(`block ${number} unpacks to ${filled} bytes, expected ${wanted}`);
      this.#verify(number, packed, this.#block.subarray(0, filled));
    }
    this.#number = number;
  }

  #verify(number: number, packed: Uint8Array, block: Uint8Array): void {
    const at = packed.length - ZLIB_TRAILER;
    const stored = at < 0 ? 0 : new DataView(packed.buffer, packed.byteOffset).getUint32(at);
    const actual = adler32(block);
    if (stored === actual) return;
    this.#damaged(`block ${number} has the checksum ${actual.toString(16)}, expected ${stored.toString(16)}`);
  }

  #damaged(message: string): never {
    throw new CorruptError('zisofs file', message);
  }
}

/** Adler-32 (RFC 1950, 8.2). */
function adler32(bytes: Uint8Array): number {
  const BASE = 65521;
  let a = 1;
  let b = 0;
  // 5552 bytes are the most that cannot overflow 32 bits.
  for (let start = 0; start < bytes.length; start += 5552) {
    const end = Math.min(start + 5552, bytes.length);
    for (let i = start; i < end; i++) {
      a += bytes[i]!;
      b += a;
    }
    a %= BASE;
    b %= BASE;
  }
  return b * 65536 + a;
}
