import { GuestfsError } from '../../errors/index.ts';
import type { XdrReader } from './reader.ts';
import type { XdrWriter } from './writer.ts';

/** Write a value of a type that arguments, optional arguments and results share; what is no other type is a string. */
export function writeValue(writer: XdrWriter, type: string, value: unknown): void {
  switch (type) {
    case 'Bool':
      writer.bool(value as boolean);
      break;
    case 'Int':
      writer.int32(value as number);
      break;
    case 'Int64':
      writer.int64(value as number | bigint);
      break;
    case 'OptString':
    case 'ConstOptString':
      writer.uint32(value === null ? 0 : 1);
      if (value !== null) writer.string(value as string);
      break;
    case 'StringList':
      writer.strings(value as readonly string[]);
      break;
    default:
      writer.string(value as string);
  }
}

/**
 * Read what {@link writeValue} wrote. `isOpaque` keeps all bits of an Int64, as a bigint. Throws EPROTO, naming `name`,
 * where the bytes are no such value, and ERANGE for an Int64 that a number does not hold.
 */
export function readValue(reader: XdrReader, type: string, name: string, isOpaque = false): unknown {
  switch (type) {
    case 'Bool':
      return reader.bool(name);
    case 'Int':
      return reader.int32(name);
    case 'Int64':
      return isOpaque ? reader.int64(name) : reader.safeInt64(name);
    case 'OptString':
    case 'ConstOptString': {
      const there = reader.uint32(name);
      if (there > 1) throw new GuestfsError('EPROTO', `${name}: found the mark ${there}, expected 0 or 1`);
      return there === 0 ? null : reader.string(name);
    }
    case 'StringList':
      return reader.strings(name);
    default:
      return reader.string(name);
  }
}
