import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import { padded } from './reader.ts';

const FIRST_SIZE = 512;
/** Largest memory that a writer keeps for what it writes next. */
const KEPT_SIZE = 64 * 1024;
const INT64_LEAST = -(2n ** 63n);
const INT64_MOST = 2n ** 63n - 1n;
const UINT64_MOST = 2n ** 64n - 1n;

/**
 * Writes XDR (RFC 4506) into memory that grows up to a limit. Throws E2BIG where the limit is passed, and ERANGE for
 * a number that its type cannot hold.
 */
export class XdrWriter {
  readonly #limit: number;
  #bytes = new Uint8Array(FIRST_SIZE);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  /** What was written: a view that the next write may leave behind. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begin anew: what {@link bytes} gave is written over. */
  clear(): void {
    if (this.#bytes.length > KEPT_SIZE) {
      this.#bytes = new Uint8Array(FIRST_SIZE);
      this.#view = new DataView(this.#bytes.buffer);
    }
    this.#length = 0;
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) this.#check(value, 0, 0xffffffff);
    const at = this.#add(4);
    this.#view.setUint32(at, value);
  }

  /** Put another value where {@link uint32} wrote one. */
  setUint32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  int32(value: number): void {
    this.#check(value, -0x80000000, 0x7fffffff);
    const at = this.#add(4);
    this.#view.setInt32(at, value);
  }

  bool(value: boolean): void {
    const at = this.#add(4);
    this.#view.setInt32(at, value ? 1 : 0);
  }

  /** `hyper`. */
  int64(value: number | bigint): void {
    const wide = this.#wide(value, INT64_LEAST, INT64_MOST);
    const at = this.#add(8);
    this.#view.setBigInt64(at, wide);
  }

  /** `unsigned hyper`. */
  uint64(value: number | bigint): void {
    const wide = this.#wide(value, 0n, UINT64_MOST);
    const at = this.#add(8);
    this.#view.setBigUint64(at, wide);
  }

  float(value: number): void {
    const at = this.#add(4);
    this.#view.setFloat32(at, value);
  }

  /** `opaque[n]` with the n that `value` has. */
  fixed(value: Uint8Array): void {
    const room = padded(value.length);
    const at = this.#add(room);
    this.#bytes.set(value, at);
    this.#bytes.fill(0, at + value.length, at + room);
  }

  /** `opaque<>`. */
  opaque(value: Uint8Array): void {
    this.uint32(value.length);
    this.fixed(value);
  }

  /** `string<>` of guest text. */
  string(value: string): void {
    this.opaque(encodeText(value));
  }

  /** `string<>` array. */
  strings(values: readonly string[]): void {
    this.uint32(values.length);
    for (const value of values) this.string(value);
  }

  #wide(value: number | bigint, least: bigint, most: bigint): bigint {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new GuestfsError('ERANGE', `${value} is not an integer that a number holds exactly`);
    }
    const wide = BigInt(value);
    if (wide < least || wide > most) {
      throw new GuestfsError('ERANGE', `${value} is not between ${least} and ${most}`);
    }
    return wide;
  }

  #check(value: number, least: number, most: number): void {
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new GuestfsError('ERANGE', `${value} is not an integer between ${least} and ${most}`);
    }
  }

  /** Make room; returns where it is. */
  #add(length: number): number {
    const at = this.#length;
    const end = at + length;
    if (end > this.#limit) {
      throw new GuestfsError('E2BIG', `a message needs more than the ${this.#limit} bytes that one may have`);
    }
    if (end > this.#bytes.length) this.#grow(end);
    this.#length = end;
    return at;
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.#bytes.length * 2)));
    bytes.set(this.#bytes.subarray(0, this.#length));
    // What is left behind may hold a key.
    this.#bytes.fill(0, 0, this.#length);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
