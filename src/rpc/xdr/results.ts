import type { Result } from '../../actions/record.ts';
import { GuestfsError } from '../../errors/index.ts';
import { XdrReader } from './reader.ts';
import { readStruct, readStructList, writeStruct, writeStructList } from './structs.ts';
import { readValue, writeValue } from './values.ts';
import type { XdrWriter } from './writer.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Write what an action returned; nothing for `void`. */
export function writeResult(writer: XdrWriter, ret: Result, value: unknown): void {
  switch (ret.type) {
    case 'void':
      break;
    case 'Hashtable':
      writer.strings(Object.entries(value as Record<string, string>).flat());
      break;
    case 'BufferOut':
      writer.opaque(value as Uint8Array);
      break;
    case 'Struct':
      writeStruct(writer, ret.of as string, value as Fields);
      break;
    case 'StructList':
      writeStructList(writer, ret.of as string, value as readonly Fields[]);
      break;
    default:
      writeValue(writer, ret.type, value);
  }
}

/** Read what an action returned. Throws EPROTO where the bytes are no such result. */
export function readResult(reader: XdrReader, ret: Result): unknown {
  const name = ret.name ?? 'result';
  switch (ret.type) {
    case 'void':
      return undefined;
    case 'Hashtable':
      return hashOf(reader.strings(name), name);
    case 'BufferOut':
      return Uint8Array.from(reader.opaque(name));
    case 'Struct':
      return readStruct(reader, ret.of as string);
    case 'StructList':
      return readStructList(reader, ret.of as string);
    default:
      return readValue(reader, ret.type, name, ret.opaque);
  }
}

function hashOf(list: readonly string[], name: string): Record<string, string> {
  if (list.length % 2 !== 0) {
    throw new GuestfsError(
      'EPROTO',
      `${name}: found ${list.length} keys and values, expected an even number`,
    );
  }
  const pairs: [string, string][] = [];
  for (let i = 0; i < list.length; i += 2) pairs.push([list[i] as string, list[i + 1] as string]);
  return Object.fromEntries(pairs);
}

/** The structs of a stream that is nothing but structs of one name, one after the other. */
export function readStructStream(bytes: Uint8Array, name: string): Record<string, unknown>[] {
  const reader = new XdrReader(bytes);
  const list: Record<string, unknown>[] = [];
  while (reader.left > 0) list.push(readStruct(reader, name));
  return list;
}
