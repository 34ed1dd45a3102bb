/** Runs in bitmaps whose bit 0 is the lowest of byte 0: what ext4 marks used clusters and inodes with. */

/** True if a bit is set. */
export function testBit(map: Uint8Array, bit: number): boolean {
  return ((map[bit >>> 3]! >>> (bit & 7)) & 1) !== 0;
}

/** Set or clear a run of bits. */
export function fillBits(map: Uint8Array, start: number, count: number, value: boolean): void {
  const end = start + count;
  let bit = start;
  while (bit < end) {
    if ((bit & 7) === 0 && end - bit >= 8) {
      const bytes = (end - bit) >>> 3;
      map.fill(value ? 0xff : 0, bit >>> 3, (bit >>> 3) + bytes);
      bit += bytes * 8;
    } else {
      const mask = 1 << (bit & 7);
      if (value) map[bit >>> 3]! |= mask;
      else map[bit >>> 3]! &= ~mask;
      bit++;
    }
  }
}

/** First clear bit in `[from, end)`, or `end`. */
export function nextClear(map: Uint8Array, from: number, end: number): number {
  let bit = from;
  while (bit < end) {
    const byte = map[bit >>> 3]!;
    if (byte === 0xff) {
      bit = (bit | 7) + 1;
      continue;
    }
    if (((byte >>> (bit & 7)) & 1) === 0) return bit;
    bit++;
  }
  return end;
}

/** First set bit in `[from, end)`, or `end`. */
export function nextSet(map: Uint8Array, from: number, end: number): number {
  let bit = from;
  while (bit < end) {
    const byte = map[bit >>> 3]!;
    if (byte === 0) {
      bit = (bit | 7) + 1;
      continue;
    }
    if ((byte >>> (bit & 7)) & 1) return bit;
    bit++;
  }
  return end;
}

/** Number of set bits in `[from, end)`. */
export function countSet(map: Uint8Array, from: number, end: number): number {
  let count = 0;
  for (let bit = from; bit < end;) {
    if ((bit & 7) === 0 && end - bit >= 8) {
      let byte = map[bit >>> 3]!;
      byte -= (byte >>> 1) & 0x55;
      byte = (byte & 0x33) + ((byte >>> 2) & 0x33);
      count += (byte + (byte >>> 4)) & 0x0f;
      bit += 8;
    } else {
      if (testBit(map, bit)) count++;
      bit++;
    }
  }
  return count;
}
