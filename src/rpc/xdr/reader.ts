import { decodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';

/**
 * Reads XDR (RFC 4506) out of bytes in memory: big-endian, everything a multiple of 4. Throws EPROTO where the bytes
 * end early or say what cannot be.
 */
export class XdrReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes that are not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** `unsigned int`. */
  uint32(what: string): number {
    return this.#view.getUint32(this.#take(4, what));
  }

  /** `int`, and every enumeration. */
  int32(what: string): number {
    return this.#view.getInt32(this.#take(4, what));
  }

  /** `bool`: 0 is false, and as everywhere else all other values are true. */
  bool(what: string): boolean {
    return this.int32(what) !== 0;
  }

  /** `hyper` as it is. */
  int64(what: string): bigint {
    return this.#view.getBigInt64(this.#take(8, what));
  }

  /** `unsigned hyper` as it is. */
  uint64(what: string): bigint {
    return this.#view.getBigUint64(this.#take(8, what));
  }

  /** `hyper` as a number. Throws ERANGE where a number cannot hold it. */
  safeInt64(what: string): number {
    return safe(this.int64(what), what);
  }

  /** `unsigned hyper` as a number. Throws ERANGE where a number cannot hold it. */
  safeUint64(what: string): number {
    return safe(this.uint64(what), what);
  }

  /** `float`. */
  float(what: string): number {
    return this.#view.getFloat32(this.#take(4, what));
  }

  /** `opaque[length]`: a view, not a copy. */
  fixed(length: number, what: string): Uint8Array {
    const at = this.#take(padded(length), what);
    return this.#bytes.subarray(at, at + length);
  }

  /** `opaque<>`: a view, not a copy. */
  opaque(what: string, limit = 0xffffffff): Uint8Array {
    return this.fixed(this.#length(what, limit), what);
  }

  /** `string<limit>` as guest text. */
  string(what: string, limit = 0xffffffff): string {
    const length = this.#length(what, limit);
    const at = this.#take(padded(length), what);
    return decodeText(this.#bytes, at, at + length);
  }

  /** Number of elements of an array whose elements have at least `least` bytes each. */
  count(what: string, least: number): number {
    const count = this.uint32(what);
    if (count * least > this.left) {
      throw broken(
        `${what}: ${count} elements of at least ${least} bytes are announced, ${this.left} bytes follow`,
      );
    }
    return count;
  }

  /** `string<>` array. */
  strings(what: string): string[] {
    const count = this.count(what, 4);
    const list: string[] = [];
    for (let i = 0; i < count; i++) list.push(this.string(what));
    return list;
  }

  #length(what: string, limit: number): number {
    const length = this.uint32(what);
    if (length > limit) throw broken(`${what}: ${length} bytes are announced, at most ${limit} are allowed`);
    if (length > this.left) {
      throw broken(`${what}: ${length} bytes are announced, only ${this.left} bytes follow`);
    }
    return length;
  }

  #take(length: number, what: string): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) {
      throw broken(`${what}: ${length} bytes are expected, only ${this.left} bytes follow`);
    }
    this.#at = at + length;
    return at;
  }
}

/** Length with what fills it up to a multiple of 4. */
export function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

function broken(message: string): GuestfsError {
  return new GuestfsError('EPROTO', message);
}

function safe(value: bigint, what: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new GuestfsError('ERANGE', `${what}: ${value} is beyond what a number holds exactly, 2^53 - 1`);
  }
  return number;
}
