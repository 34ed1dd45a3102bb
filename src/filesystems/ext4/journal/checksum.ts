import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { crcOfZeroes } from '../checksum.ts';

let table: Int32Array | undefined;

function crc32beTable(): Int32Array {
  if (table !== undefined) return table;
  table = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    table[i] = crc;
  }
  return table;
}

/** Continue a CRC-32 with the highest bit first (polynomial 0x04C11DB7), as journals of checksum version 1 use it. */
export function crc32be(crc: number, bytes: Uint8Array): number {
  const t = crc32beTable();
  let c = crc | 0;
  for (let i = 0; i < bytes.length; i++) c = (c << 8) ^ t[((c >>> 24) ^ bytes[i]!) & 0xff]!;
  return c >>> 0;
}

/** CRC-32C of a block in which the 4 bytes at `at` count as zero. */
export function crcWithout(seed: number, bytes: Uint8Array, at: number): number {
  const crc = crcOfZeroes(crc32cRaw(seed, bytes, 0, at), 4);
  return crc32cRaw(crc, bytes, at + 4);
}

const four = new Uint8Array(4);

/** Continue a CRC-32C over a 32-bit big-endian number. */
export function crcOfBe32(crc: number, value: number): number {
  new DataView(four.buffer).setUint32(0, value);
  return crc32cRaw(crc, four);
}
