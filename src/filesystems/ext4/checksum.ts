import { crc32cRaw } from '../../bytes/crc32c.ts';

const four = new Uint8Array(4);
const fourView = new DataView(four.buffer);
const ZEROES = new Uint8Array(8);

/** Continue a raw CRC-32C over a 32-bit little-endian number. */
export function crcOfU32(crc: number, value: number): number {
  fourView.setUint32(0, value, true);
  return crc32cRaw(crc, four);
}

/** Continue a raw CRC-32C over up to 8 zero bytes: what a checksum field counts as while it is computed. */
export function crcOfZeroes(crc: number, count: number): number {
  return crc32cRaw(crc, ZEROES, 0, count);
}

/** Seed of the checksums of what belongs to one inode: filesystem seed, inode number, generation. */
export function inodeSeed(seed: number, inode: number, generation: number): number {
  return crcOfU32(crcOfU32(seed, inode), generation);
}

const CRC16 = makeCrc16();

function makeCrc16(): Uint16Array {
  const table = new Uint16Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
    table[i] = crc;
  }
  return table;
}

/** Continue a CRC-16 (reflected polynomial 0xA001, as uninit_bg uses it for group descriptors). */
export function crc16(crc: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  let c = crc;
  for (let i = start; i < end; i++) c = (c >>> 8) ^ CRC16[(c ^ bytes[i]!) & 0xff]!;
  return c;
}
