import { CorruptError } from '../../errors/index.ts';
import { FLAG_DIRECTORY, Record, RECORD_HEADER, SECTOR } from './layout.ts';
import type { Sectors } from './sectors.ts';

/** A directory record in memory. */
export interface DirectoryRecord {
  /** Byte offset on the device. */
  offset: number;
  /** The bytes of the record; a view that later reads may change. */
  bytes: Uint8Array;
}

/** First block of a record's data, which an extended attribute record may precede. */
export function firstBlock({ bytes }: DirectoryRecord): number {
  return u32(bytes, Record.extent) + bytes[Record.ext_attr_length]!;
}

/** Bytes in a record's extent. */
export function extentLength({ bytes }: DirectoryRecord): number {
  return u32(bytes, Record.size);
}

/** True where a record is a directory's. */
export function isDirectory({ bytes }: DirectoryRecord): boolean {
  return (bytes[Record.flags]! & FLAG_DIRECTORY) !== 0;
}

/** The name of a record as it is stored. */
export function storedName({ bytes }: DirectoryRecord): Uint8Array {
  return bytes.subarray(RECORD_HEADER, RECORD_HEADER + bytes[Record.name_len]!);
}

/** True for the records of the directory itself and of its parent, whose names are one byte 0 or 1. */
export function isSelfOrParent({ bytes }: DirectoryRecord): boolean {
  return bytes[Record.name_len] === 1 && bytes[RECORD_HEADER]! <= 1;
}

/** The part of a record after its name, which is padded to an even length. */
export function systemUse({ bytes }: DirectoryRecord): Uint8Array {
  const name = bytes[Record.name_len]!;
  return bytes.subarray(RECORD_HEADER + name + (name % 2 === 0 ? 1 : 0));
}

/** A 32-bit little-endian number. */
export function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** The record at a byte offset of the device, or null where its length is 0: the rest of the sector is unused. */
export function recordAt(sectors: Sectors, offset: number): DirectoryRecord | null {
  const length = sectors.read(offset, 1, 'iso9660 directory record')[0]!;
  if (length === 0) return null;
  const bytes = sectors.read(offset, length, 'iso9660 directory record');
  const needed = RECORD_HEADER + (bytes[Record.name_len] ?? 0);
  if (length <= RECORD_HEADER || needed > length) {
    throw new CorruptError(
      'iso9660 directory record',
      `the record at ${offset} has ${length} bytes, but needs at least ${Math.max(needed, RECORD_HEADER + 1)}`,
      { offset },
    );
  }
  return { offset, bytes };
}

/** The records of a directory whose extent begins at `start`, in stored order. */
export function* records(sectors: Sectors, start: number, length: number): Generator<DirectoryRecord> {
  for (let at = 0; at < length;) {
    const record = recordAt(sectors, start + at);
    if (record === null) {
      at = (Math.floor(at / SECTOR) + 1) * SECTOR;
      continue;
    }
    const size = record.bytes.length;
    yield record;
    at += size;
  }
}
