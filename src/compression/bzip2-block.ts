import { CorruptError } from '../errors/index.ts';
import type { BitReader } from './bit-reader.ts';

/** Memory that the blocks of a stream share. */
export interface BlockState {
  /** Links of the inverse Burrows-Wheeler transform. */
  table: Int32Array;
  symbols: Uint8Array;
}

const WHAT = 'bzip2 block';
/** Symbols that one table selector holds for. */
const GROUP = 50;
const MAX_CODE = 20;
/** Output pieces. */
const CHUNK = 64 * 1024;

const CRC_TABLE = makeCrcTable();

/** CRC-32, polynomial 0x04C11DB7, the highest bit first. */
function makeCrcTable(): Int32Array {
  const table = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    table[i] = crc;
  }
  return table;
}

/** Canonical Huffman decoding: per length the largest code, and where its symbols begin. */
interface HuffmanTable {
  minLength: number;
  limit: Int32Array;
  base: Int32Array;
  symbols: Uint16Array;
}

/** Decode the block behind the reader; gives its bytes, and their CRC. */
export function readBlock(
  reader: BitReader,
  state: BlockState,
  blockSize: number,
): { bytes: Uint8Array[]; crc: number } {
  if (reader.bits(1) !== 0)
    throw new CorruptError(WHAT, 'randomised blocks of bzip2 before 0.9.5 are not known');
  const origin = reader.bits(24);
  const used = readUsedBytes(reader);
  const alphabet = used.length + 2;
  const tableCount = reader.bits(3);
  if (tableCount < 2 || tableCount > 6) {
    throw new CorruptError(WHAT, `has ${tableCount} code tables, expected 2 to 6`);
  }
  const selectors = readSelectors(reader, tableCount);
  const tables: HuffmanTable[] = [];
  for (let i = 0; i < tableCount; i++) tables.push(readTable(reader, alphabet));
  const length = readSymbols(reader, state, used, selectors, tables, blockSize);
  if (reader.overrun) throw new CorruptError(WHAT, 'the data end too early');
  if (origin >= length) throw new CorruptError(WHAT, `origin is ${origin}, the block has ${length} bytes`);
  return invert(state, length, origin);
}

function readUsedBytes(reader: BitReader): Uint8Array {
  const rows = reader.bits(16);
  const used: number[] = [];
  for (let row = 0; row < 16; row++) {
    if ((rows & (0x8000 >> row)) === 0) continue;
    const columns = reader.bits(16);
    for (let column = 0; column < 16; column++) {
      if ((columns & (0x8000 >> column)) !== 0) used.push(row * 16 + column);
    }
  }
  if (used.length === 0) throw new CorruptError(WHAT, 'uses no byte values');
  return Uint8Array.from(used);
}

function readSelectors(reader: BitReader, tableCount: number): Uint8Array {
  const count = reader.bits(15);
  if (count === 0) throw new CorruptError(WHAT, 'has no table selectors');
  const order = [0, 1, 2, 3, 4, 5];
  const selectors = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    let index = 0;
    while (reader.bits(1) === 1) {
      if (++index >= tableCount) throw new CorruptError(WHAT, `selects table ${index} of ${tableCount}`);
    }
    const table = order[index] as number;
    order.splice(index, 1);
    order.unshift(table);
    selectors[i] = table;
  }
  return selectors;
}

function readTable(reader: BitReader, alphabet: number): HuffmanTable {
  const lengths = new Uint8Array(alphabet);
  let length = reader.bits(5);
  for (let i = 0; i < alphabet; i++) {
    for (;;) {
      if (length < 1 || length > MAX_CODE) {
        throw new CorruptError(WHAT, `a code has ${length} bits, expected 1 to ${MAX_CODE}`);
      }
      if (reader.bits(1) === 0) break;
      length += reader.bits(1) === 0 ? 1 : -1;
    }
    lengths[i] = length;
  }
  const counts = new Int32Array(MAX_CODE + 2);
  for (const bits of lengths) counts[bits] = (counts[bits] as number) + 1;
  const symbols = new Uint16Array(alphabet);
  let filled = 0;
  for (let bits = 1; bits <= MAX_CODE; bits++) {
    for (let i = 0; i < alphabet; i++) if (lengths[i] === bits) symbols[filled++] = i;
  }
  const limit = new Int32Array(MAX_CODE + 2).fill(-1);
  const base = new Int32Array(MAX_CODE + 2);
  let code = 0;
  let before = 0;
  for (let bits = 1; bits <= MAX_CODE; bits++) {
    base[bits] = before - code;
    code += counts[bits] as number;
    before += counts[bits] as number;
    limit[bits] = code - 1;
    code *= 2;
  }
  return {
    minLength: lengths.reduce((least, bits) => Math.min(least, bits), MAX_CODE),
    limit,
    base,
    symbols,
  };
}

function readSymbol(reader: BitReader, table: HuffmanTable): number {
  let bits = table.minLength;
  let code = reader.bits(bits);
  while (code > (table.limit[bits] as number)) {
    if (++bits > MAX_CODE) throw new CorruptError(WHAT, 'holds a code that no table has');
    code = code * 2 + reader.bits(1);
  }
  const symbol = table.symbols[code + (table.base[bits] as number)];
  if (symbol === undefined) throw new CorruptError(WHAT, 'holds a code that no table has');
  return symbol;
}

/** Undo Huffman coding, zero runs and move-to-front; gives the length of the block. */
function readSymbols(
  reader: BitReader,
  state: BlockState,
  used: Uint8Array,
  selectors: Uint8Array,
  tables: readonly HuffmanTable[],
  blockSize: number,
): number {
  const { symbols } = state;
  const recent = used.slice();
  const endOfBlock = used.length + 1;
  let length = 0;
  let run = 0;
  let runBit = 1;
  for (let group = 0; group < selectors.length; group++) {
    const table = tables[selectors[group] as number] as HuffmanTable;
    for (let i = 0; i < GROUP; i++) {
      const symbol = readSymbol(reader, table);
      if (symbol <= 1) {
        run += runBit << symbol;
        runBit <<= 1;
        if (run > blockSize) throw tooLong(blockSize);
        continue;
      }
      if (run > 0) {
        if (length + run > blockSize) throw tooLong(blockSize);
        symbols.fill(recent[0] as number, length, length + run);
        length += run;
        run = 0;
        runBit = 1;
      }
      if (symbol === endOfBlock) return length;
      if (length >= blockSize) throw tooLong(blockSize);
      const position = symbol - 1;
      const byte = recent[position] as number;
      recent.copyWithin(1, 0, position);
      recent[0] = byte;
      symbols[length++] = byte;
    }
    if (reader.overrun) throw new CorruptError(WHAT, 'the data end too early');
  }
  throw new CorruptError(WHAT, 'does not end with its last table selector');
}

function tooLong(blockSize: number): CorruptError {
  return new CorruptError(WHAT, `holds more than ${blockSize} bytes`);
}

/** Undo the Burrows-Wheeler transform and the first run-length coding. */
function invert(state: BlockState, length: number, origin: number): { bytes: Uint8Array[]; crc: number } {
  const { table, symbols } = state;
  const starts = new Int32Array(256);
  for (let i = 0; i < length; i++)
    starts[symbols[i] as number] = (starts[symbols[i] as number] as number) + 1;
  let sum = 0;
  for (let i = 0; i < 256; i++) {
    const count = starts[i] as number;
    starts[i] = sum;
    sum += count;
  }
  // Each entry: the next position in the upper bits, the byte below; a block has fewer than 2^20 bytes.
  for (let i = 0; i < length; i++) {
    const byte = symbols[i] as number;
    const at = starts[byte] as number;
    starts[byte] = at + 1;
    table[at] = ((table[at] as number) & 0xff) | (i << 8);
  }
  for (let i = 0; i < length; i++) table[i] = ((table[i] as number) & ~0xff) | (symbols[i] as number);
  const bytes: Uint8Array[] = [];
  let out = new Uint8Array(CHUNK);
  let filled = 0;
  let crc = -1;
  let position = (table[origin] as number) >>> 8;
  let repeated = 0;
  let previous = -1;
  for (let i = 0; i < length; i++) {
    const entry = table[position] as number;
    position = entry >>> 8;
    const byte = entry & 0xff;
    let count = 1;
    let value = byte;
    if (repeated === 4) {
      // Four equal bytes are followed by the number of further ones.
      count = byte;
      value = previous;
      repeated = 0;
      previous = -1;
    } else {
      repeated = byte === previous ? repeated + 1 : 1;
      previous = byte;
    }
    for (let n = 0; n < count; n++) {
      if (filled === CHUNK) {
        bytes.push(out);
        out = new Uint8Array(CHUNK);
        filled = 0;
      }
      out[filled++] = value;
      crc = (crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ value) & 0xff] as number);
    }
  }
  if (filled > 0) bytes.push(out.subarray(0, filled));
  return { bytes, crc: ~crc >>> 0 };
}
