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

/** Operators that continue a CRC over 2^n zero bytes, each as four tables of a byte of the register; made when needed. */
const ZEROES: Int32Array[] = [];

function zeroesOperator(power: number): Int32Array {
  for (let n = ZEROES.length; n <= power; n++) {
    const operator = new Int32Array(4 * 256);
    const half = ZEROES[n - 1];
    for (let byte = 0; byte < 4; byte++) {
      for (let i = 0; i < 256; i++) {
        const register = i << (8 * byte);
        operator[byte * 256 + i] =
          half === undefined
            ? (register >>> 8) ^ TABLES[register & 0xff]!
            : applyOperator(half, applyOperator(half, register));
      }
    }
    ZEROES.push(operator);
  }
  return ZEROES[power]!;
}

function applyOperator(operator: Int32Array, crc: number): number {
  return (
    operator[crc & 0xff]! ^
    operator[0x100 + ((crc >>> 8) & 0xff)]! ^
    operator[0x200 + ((crc >>> 16) & 0xff)]! ^
    operator[0x300 + (crc >>> 24)]!
  );
}

/**
 * Continue a raw CRC over `count` zero bytes, in steps as many as `count` has bits. As a CRC is linear, this tells what
 * a change of some bytes does to the checksum of all: the CRC, from 0, of the difference, and of the zeroes behind it.
 */
export function crc32cZeroes(crc: number, count: number): number {
  let c = crc;
  for (let power = 0, left = count; left > 0; power++, left >>>= 1) {
    if (left & 1) c = applyOperator(zeroesOperator(power), c);
  }
  return c >>> 0;
}
