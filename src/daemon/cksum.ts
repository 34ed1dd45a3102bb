/**
 * The checksum of cksum(1): CRC-32 of POSIX (XCU cksum), polynomial 0x04c11db7, most significant bit first, over the
 * bytes and then their number, complemented.
 */
export class Cksum {
  #crc = 0;
  #length = 0;

  update(bytes: Uint8Array): this {
    this.#crc = crcOf(this.#crc, bytes);
    this.#length += bytes.length;
    return this;
  }

  /** The checksum as a decimal number. */
  digest(): string {
    const length: number[] = [];
    for (let rest = this.#length; rest > 0; rest = Math.floor(rest / 256)) length.push(rest % 256);
    return String(~crcOf(this.#crc, Uint8Array.from(length)) >>> 0);
  }
}

const POLYNOMIAL = 0x04c11db7;
const SLICES = 8;

/** Tables for slicing by 8: table k moves a byte k places further. */
const TABLES = makeTables();

function makeTables(): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
    first[byte] = crc;
  }
  const tables = [first];
  for (let k = 1; k < SLICES; k++) {
    const below = tables[k - 1] as Int32Array;
    tables.push(below.map((crc) => (crc << 8) ^ (first[crc >>> 24] as number)));
  }
  return tables;
}

function crcOf(start: number, bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let crc = start;
  let i = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const end = bytes.length - 7; i < end; i += 8) {
    const high = crc ^ view.getInt32(i);
    const low = view.getInt32(i + 4);
    crc =
      (t7[high >>> 24] as number) ^
      (t6[(high >>> 16) & 255] as number) ^
      (t5[(high >>> 8) & 255] as number) ^
      (t4[high & 255] as number) ^
      (t3[low >>> 24] as number) ^
      (t2[(low >>> 16) & 255] as number) ^
      (t1[(low >>> 8) & 255] as number) ^
      (t0[low & 255] as number);
  }
  for (; i < bytes.length; i++) crc = (crc << 8) ^ (t0[(crc >>> 24) ^ (bytes[i] as number)] as number);
  return crc;
}
