import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import { zlib } from '../node-zlib.ts';

/** CRC-32 of `bytes`, going on from `value`. */
export function crc32(bytes: Uint8Array, value = 0): number {
  return (zlib() as unknown as { crc32(data: Uint8Array, value: number): number }).crc32(bytes, value);
}

/** A check over uncompressed data. */
export interface Check {
  /** Bytes stored. */
  readonly size: number;
  update(bytes: Uint8Array): void;
  /** Throws CorruptError where `stored` differs. */
  verify(stored: Uint8Array): void;
}

/** Sizes of all check types, known or not. Source: xz-file-format, 2.1.1.2. */
const SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** The check of a type; an unknown type is passed over, as the format demands of decoders that lack it. */
export function checkFor(type: number): Check {
  const size = SIZES[type] as number;
  if (type === 1) return crc32Check();
  if (type === 4) return crc64Check();
  if (type === 10) return sha256Check();
  if (type === 0) return { size, update() {}, verify() {} };
  throw new UnsupportedError(`xz check type ${type} is not known`, { structure: 'xz stream header' });
}

function compare(what: string, computed: Uint8Array, stored: Uint8Array): void {
  if (computed.every((byte, i) => stored[i] === byte)) return;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  throw new CorruptError('xz block', `${what} is ${hex(computed)}, the data say ${hex(stored)}`, {
    checksum: true,
  });
}

function crc32Check(): Check {
  let value = 0;
  return {
    size: 4,
    update(bytes) {
      value = crc32(bytes, value);
    },
    verify(stored) {
      const computed = new Uint8Array(4);
      new DataView(computed.buffer).setUint32(0, value, true);
      compare('CRC-32', computed, stored);
    },
  };
}

function sha256Check(): Check {
  // Loaded only here: few files use it, and node:crypto costs milliseconds.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = createHash('sha256');
  return {
    size: 32,
    update(bytes) {
      hash.update(bytes);
    },
    verify(stored) {
      compare('SHA-256', hash.digest(), stored);
    },
  };
}

let crc64Tables: { low: Int32Array; high: Int32Array } | undefined;

/** Table of CRC-64 (ECMA-182, reflected), as two halves. */
function makeTables(): { low: Int32Array; high: Int32Array } {
  const low = new Int32Array(256);
  const high = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    let l = i;
    let h = 0;
    for (let bit = 0; bit < 8; bit++) {
      const odd = (l & 1) !== 0;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (odd) {
        l ^= 0xd7870f42;
        h ^= 0xc96c5795;
      }
    }
    low[i] = l;
    high[i] = h;
  }
  return { low, high };
}

function crc64Check(): Check {
  crc64Tables ??= makeTables();
  const { low: tableLow, high: tableHigh } = crc64Tables;
  let low = -1;
  let high = -1;
  return {
    size: 8,
    update(bytes) {
      let l = low;
      let h = high;
      for (let i = 0; i < bytes.length; i++) {
        const index = (l ^ (bytes[i] as number)) & 0xff;
        l = ((l >>> 8) | (h << 24)) ^ (tableLow[index] as number);
        h = (h >>> 8) ^ (tableHigh[index] as number);
      }
      low = l;
      high = h;
    },
    verify(stored) {
      const computed = new Uint8Array(8);
      const view = new DataView(computed.buffer);
      view.setInt32(0, ~low, true);
      view.setInt32(4, ~high, true);
      compare('CRC-64', computed, stored);
    },
  };
}
