/**
 * CRC-32 (reflected polynomial 0xEDB88320, as in IEEE 802.3 and zlib), slicing by 4: what GPT and LVM2 protect
 * their structures with. For bulk data prefer `zlib.crc32` through `compression/`.
 */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[i] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256] as number;
    tables[i] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
  }
  return tables;
}

/**
 * Continue a CRC over `bytes[start, end)`, without the customary inversions before and after. Returns an unsigned
 * 32-bit number.
 */
export function crc32Raw(crc: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  const t = TABLES;
  let c = crc | 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c =
      t[0x300 + (c & 0xff)]! ^
      t[0x200 + ((c >>> 8) & 0xff)]! ^
      t[0x100 + ((c >>> 16) & 0xff)]! ^
      t[c >>> 24]!;
  }
  for (; i < end; i++) c = (c >>> 8) ^ t[(c ^ bytes[i]!) & 0xff]!;
  return c >>> 0;
}

/** CRC-32 as zlib gives it: the register starts as ones and is inverted at the end. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return ~crc32Raw(0xffffffff, bytes, start, end) >>> 0;
}
