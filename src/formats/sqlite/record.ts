import { decodeText } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import type { Blob } from '../content.ts';

/** Record format, SQLite file format section 2.1. */

const STRUCTURE = 'sqlite record';
/** Columns that a record may have; SQLite's own limit is 32767. */
const MOST_COLUMNS = 32_767;

/** A variable-length integer: its value and the bytes it takes. Values above 2^53 throw. */
export function varint(bytes: Uint8Array, at: number): { value: number; length: number } {
  let value = 0;
  for (let i = 0; i < 9; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw new CorruptError(STRUCTURE, `a varint at ${at} has no end`);
    if (i === 8) {
      value = value * 256 + byte;
    } else {
      value = value * 128 + (byte & 0x7f);
      if (byte >= 0x80) continue;
    }
    if (!Number.isSafeInteger(value)) {
      throw new CorruptError(STRUCTURE, `a varint at ${at} is ${value}, expected below 2^53`);
    }
    return { value, length: i + 1 };
  }
  throw new CorruptError(STRUCTURE, `a varint at ${at} has no end`);
}

/** One column of a record: what kind of value it is and where its bytes lie in the record. */
export interface Column {
  /** Serial type as the record's header has it. */
  serial: number;
  offset: number;
  size: number;
}

/** The columns of a record, without their content. */
export function columnsOf(record: Blob): Column[] {
  const head = record.prefix(Math.min(record.size, 9));
  const { value: headerSize, length } = varint(head, 0);
  if (headerSize < length || headerSize > record.size || headerSize > MOST_COLUMNS * 9) {
    throw new CorruptError(STRUCTURE, `its header has ${headerSize} bytes, the record ${record.size}`);
  }
  const header = record.prefix(headerSize);
  const columns: Column[] = [];
  let offset = headerSize;
  for (let at = length; at < headerSize;) {
    const { value: serial, length: used } = varint(header, at);
    const size = serialSize(serial);
    if (offset + size > record.size) {
      throw new CorruptError(
        STRUCTURE,
        `column ${columns.length} ends at ${offset + size}, the record at ${record.size}`,
      );
    }
    columns.push({ serial, offset, size });
    offset += size;
    at += used;
  }
  return columns;
}

function serialSize(serial: number): number {
  if (serial >= 12) return (serial - 12 - (serial % 2)) / 2;
  if (serial === 10 || serial === 11) {
    throw new CorruptError(STRUCTURE, `has the reserved serial type ${serial}`);
  }
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][serial] as number;
}

/** True for a column that holds bytes. */
export function isBlob({ serial }: Column): boolean {
  return serial >= 12 && serial % 2 === 0;
}

/** Text of a column; undefined where it holds none. Only UTF-8 databases are read. */
export function textOf(record: Blob, column: Column | undefined): string | undefined {
  if (column === undefined || column.serial < 13 || column.serial % 2 === 0) return undefined;
  const end = column.offset + column.size;
  return decodeText(record.prefix(end), column.offset, end);
}

/** Integer of a column; undefined where it holds none or one above 2^53. */
export function integerOf(record: Blob, column: Column | undefined): number | undefined {
  if (column === undefined) return undefined;
  if (column.serial === 8 || column.serial === 9) return column.serial - 8;
  if (column.serial < 1 || column.serial > 6) return undefined;
  const bytes = record.prefix(column.offset + column.size);
  let value = 0;
  for (let i = 0; i < column.size; i++) {
    const byte = bytes[column.offset + i] as number;
    value = value * 256 + (i === 0 && byte >= 0x80 ? byte - 256 : byte);
  }
  return Number.isSafeInteger(value) ? value : undefined;
}
