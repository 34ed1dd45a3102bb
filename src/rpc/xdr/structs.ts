import type { StructField, StructRecord } from '../../actions/struct-record.ts';
import { structs } from '../../actions/structs.ts';
import { camelCase } from '../../actions/table.ts';
import { latin1 } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { XdrReader } from './reader.ts';
import type { XdrWriter } from './writer.ts';

/** Bytes of an LVM UUID without hyphens: `opaque[32]`. */
const UUID_LENGTH = 32;

interface Codec {
  fields: readonly { field: StructField; key: string }[];
  /** Bytes that one has at least. */
  least: number;
}

const codecs = new Map<string, Codec>();

function codecOf(name: string): Codec {
  let codec = codecs.get(name);
  if (codec === undefined) {
    const record = (structs as readonly StructRecord[]).find((struct) => struct.name === name);
    if (record === undefined) throw new GuestfsError('EINVAL', `there is no struct ${name}`);
    codec = {
      fields: record.fields.map((field) => ({ field, key: camelCase(field.name) })),
      least: record.fields.reduce((sum, field) => sum + LEAST[field.type], 0),
    };
    codecs.set(name, codec);
  }
  return codec;
}

/** Bytes of a field at least. */
const LEAST: Readonly<Record<StructField['type'], number>> = {
  char: 4,
  string: 4,
  device: 4,
  uuid: UUID_LENGTH,
  buffer: 4,
  bytes: 8,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  optpercent: 4,
};

/** Read one struct of that name: an object with camelCase keys. */
export function readStruct(reader: XdrReader, name: string): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const { field, key } of codecOf(name).fields) value[key] = readField(reader, field);
  return value;
}

/** Read a list of structs: their number, then one after the other. */
export function readStructList(reader: XdrReader, name: string): Record<string, unknown>[] {
  const count = reader.count(name, codecOf(name).least);
  const list: Record<string, unknown>[] = [];
  for (let i = 0; i < count; i++) list.push(readStruct(reader, name));
  return list;
}

/** Write one struct of that name. */
export function writeStruct(writer: XdrWriter, name: string, value: Readonly<Record<string, unknown>>): void {
  for (const { field, key } of codecOf(name).fields) writeField(writer, field, value[key], `${name}.${key}`);
}

/** Write a list of structs. */
export function writeStructList(
  writer: XdrWriter,
  name: string,
  list: readonly Readonly<Record<string, unknown>>[],
): void {
  writer.uint32(list.length);
  for (const value of list) writeStruct(writer, name, value);
}

function readField(reader: XdrReader, field: StructField): unknown {
  switch (field.type) {
    case 'char':
      return String.fromCharCode(reader.int32(field.name) & 0xff);
    case 'string':
    case 'device':
      return reader.string(field.name);
    case 'uuid': {
      const bytes = reader.fixed(UUID_LENGTH, field.name);
      const end = bytes.indexOf(0);
      return latin1(bytes, 0, end < 0 ? UUID_LENGTH : end);
    }
    case 'buffer':
      return Uint8Array.from(reader.opaque(field.name));
    case 'int32':
      return reader.int32(field.name);
    case 'uint32':
      return reader.uint32(field.name);
    case 'bytes':
    case 'int64':
      return field.opaque ? reader.int64(field.name) : reader.safeInt64(field.name);
    case 'uint64':
      return field.opaque ? reader.uint64(field.name) : reader.safeUint64(field.name);
    case 'optpercent':
      return reader.float(field.name);
  }
}

function writeField(writer: XdrWriter, field: StructField, value: unknown, where: string): void {
  if (value === undefined) throw new GuestfsError('EFAULT', `${where}: the result lacks this field`);
  switch (field.type) {
    case 'char':
      writer.int32((value as string).charCodeAt(0) & 0xff);
      break;
    case 'string':
    case 'device':
      writer.string(value as string);
      break;
    case 'uuid': {
      const bytes = new Uint8Array(UUID_LENGTH);
      const text = value as string;
      for (let i = 0; i < Math.min(text.length, UUID_LENGTH); i++) bytes[i] = text.charCodeAt(i);
      writer.fixed(bytes);
      break;
    }
    case 'buffer':
      writer.opaque(value as Uint8Array);
      break;
    case 'int32':
      writer.int32(value as number);
      break;
    case 'uint32':
      writer.uint32(value as number);
      break;
    case 'bytes':
    case 'int64':
      writer.int64(value as number | bigint);
      break;
    case 'uint64':
      writer.uint64(value as number | bigint);
      break;
    case 'optpercent':
      writer.float(value as number);
      break;
  }
}
