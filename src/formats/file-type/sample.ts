import { decodeText, latin1 } from '../../bytes/text.ts';

/** Bytes at the beginning of a file that are looked at, as many as file(1) looks at. */
export const SAMPLE_BYTES = 1024 * 1024;

/**
 * The beginning of a file that is to be recognised. All getters answer for any offset: numbers beyond the sample are
 * -1, texts are shorter.
 */
export class Sample {
  readonly bytes: Uint8Array;
  /** Bytes of the whole file; of the sample where the rest is not known. */
  readonly size: number;
  readonly #view: DataView;
  readonly #read: ((offset: number, into: Uint8Array) => number) | undefined;

  /** `read` reads from the whole file, where that is possible. */
  constructor(bytes: Uint8Array, size = bytes.length, read?: (offset: number, into: Uint8Array) => number) {
    this.bytes = bytes;
    this.size = size;
    this.#read = read;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(offset: number): number {
    return this.bytes[offset] ?? -1;
  }

  u16(offset: number, little = true): number {
    return offset >= 0 && offset + 2 <= this.bytes.length ? this.#view.getUint16(offset, little) : -1;
  }

  u32(offset: number, little = true): number {
    return offset >= 0 && offset + 4 <= this.bytes.length ? this.#view.getUint32(offset, little) : -1;
  }

  /** 64 bits as a number, inexact beyond 2^53. */
  u64(offset: number, little = true): number {
    const low = this.u32(offset + (little ? 0 : 4), little);
    const high = this.u32(offset + (little ? 4 : 0), little);
    return low < 0 || high < 0 ? -1 : high * 0x100000000 + low;
  }

  /** Bytes as characters 0 to 255. */
  text(offset: number, length: number): string {
    return latin1(
      this.bytes,
      Math.min(offset, this.bytes.length),
      Math.min(offset + length, this.bytes.length),
    );
  }

  /** A guest string that ends at a NUL or after `length` bytes. */
  cString(offset: number, length: number): string {
    const part = this.bytes.subarray(offset, offset + length);
    const nul = part.indexOf(0);
    return decodeText(part, 0, nul < 0 ? part.length : nul);
  }

  startsWith(text: string, offset = 0): boolean {
    return this.text(offset, text.length) === text;
  }

  /** Hexadecimal digits of bytes. */
  hex(offset: number, length: number): string {
    return Array.from(this.bytes.subarray(offset, offset + length), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('');
  }

  /** Bytes from anywhere in the file: less than asked where it ends or cannot be read further. */
  part(offset: number, length: number): Sample {
    if (offset + length <= this.bytes.length || this.#read === undefined) {
      return new Sample(this.bytes.subarray(offset, offset + length));
    }
    const into = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    return new Sample(into.subarray(0, into.length > 0 ? this.#read(offset, into) : 0));
  }
}

/** Recognises some kinds of files; undefined where it is none of them. */
export type Recogniser = (sample: Sample) => string | undefined;

/** A UUID of 16 bytes in the order they are stored. */
export function uuidText(sample: Sample, offset: number): string {
  return sample.hex(offset, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A time as ctime(3) writes it, in UTC. */
export function timeText(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const day = `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`;
  return `${day} ${time} ${date.getUTCFullYear()}`;
}
