/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), slicing by 16. RFC 3720 appendix B.4 has test vectors.
 */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(16 * 256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    tables[i] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256] as number;
    tables[i] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
  }
  return tables;
}

/**
 * Continue a CRC over `bytes[start, end)`, without the customary inversions before and after: ext4 stores raw
 * register values. Returns an unsigned 32-bit number.
 */
export function crc32cRaw(crc: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  const t = TABLES;
  let c = crc | 0;
  let i = start;
  for (; i + 16 <= end; i += 16) {
    c =
      t[0xf00 + ((c ^ bytes[i]!) & 0xff)]! ^
      t[0xe00 + (((c >>> 8) ^ bytes[i + 1]!) & 0xff)]! ^
      t[0xd00 + (((c >>> 16) ^ bytes[i + 2]!) & 0xff)]! ^
      t[0xc00 + (((c >>> 24) ^ bytes[i + 3]!) & 0xff)]! ^
      t[0xb00 + bytes[i + 4]!]! ^
      t[0xa00 + bytes[i + 5]!]! ^
      t[0x900 + bytes[i + 6]!]! ^
      t[0x800 + bytes[i + 7]!]! ^
      t[0x700 + bytes[i + 8]!]! ^
      t[0x600 + bytes[i + 9]!]! ^
      t[0x500 + bytes[i + 10]!]! ^
      t[0x400 + bytes[i + 11]!]! ^
      t[0x300 + bytes[i + 12]!]! ^
      t[0x200 + bytes[i + 13]!]! ^
      t[0x100 + bytes[i + 14]!]! ^
      t[bytes[i + 15]!]!;
  }
  for (; i < end; i++) c = (c >>> 8) ^ t[(c ^ bytes[i]!) & 0xff]!;
  return c >>> 0;
}
