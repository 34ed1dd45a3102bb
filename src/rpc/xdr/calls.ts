import { isFileParameter, type CheckedCall } from '../../actions/check.ts';
import type { OptionalParameter, Parameter } from '../../actions/record.ts';
import { camelCase, type ActionEntry } from '../../actions/table.ts';
import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { XdrReader } from './reader.ts';
import type { XdrWriter } from './writer.ts';

/**
 * Write the arguments of a call, as `checkCall` leaves them, and after them all optional ones, set or not. Returns
 * the bitmask of those that are set. Nothing is written for FileIn and FileOut.
 */
export function writeCall(writer: XdrWriter, entry: ActionEntry, call: CheckedCall): bigint {
  let index = 0;
  for (const parameter of entry.args) {
    if (!isFileParameter(parameter)) writeArgument(writer, parameter, call.args[index++]);
  }
  let set = 0n;
  for (const [bit, parameter] of entry.optargs.entries()) {
    const value = call.options[camelCase(parameter.name)];
    if (value !== undefined) set |= 1n << BigInt(bit);
    writeOption(writer, parameter, value);
  }
  return set;
}

/**
 * Read the arguments of a call. They may end before any optional argument: a peer that knows fewer of them. What
 * follows the last that we know is left alone: a peer that knows more of them encodes them even unset. Throws EINVAL
 * for a bit in `set` that stands for no optional argument, and EPROTO for bytes that are not the action's arguments.
 */
export function readCall(reader: XdrReader, entry: ActionEntry, set: bigint): CheckedCall {
  const unknown = set >> BigInt(entry.optargs.length);
  if (unknown !== 0n) {
    throw new GuestfsError(
      'EINVAL',
      `${entry.name}: the optional arguments 0x${set.toString(16)} are set, only the first ${entry.optargs.length} are ` +
        `known: the caller may be of a newer version`,
    );
  }
  const args: unknown[] = [];
  for (const parameter of entry.args) {
    if (!isFileParameter(parameter)) args.push(readArgument(reader, parameter));
  }
  const options: Record<string, unknown> = {};
  for (const [bit, parameter] of entry.optargs.entries()) {
    const isSet = (set & (1n << BigInt(bit))) !== 0n;
    if (reader.left === 0) {
      if (!isSet) continue;
      throw new GuestfsError('EPROTO', `${parameter.name}: is set, but the arguments end before it`);
    }
    const value = readOption(reader, parameter);
    if (isSet) options[camelCase(parameter.name)] = value;
  }
  return { args, options };
}

/** A device or path as the wire has it: a path that looks like a device gets a form that does not. */
function placeText(value: unknown): string {
  if (typeof value === 'string') return value;
  const place = value as { device?: string; mountable?: string; path?: string };
  const { path } = place;
  if (path === undefined) return (place.device ?? place.mountable) as string;
  return path.startsWith('/dev/') ? `/.${path}` : path;
}

function writeArgument(writer: XdrWriter, parameter: Parameter, value: unknown): void {
  switch (parameter.type) {
    case 'Dev_or_Path':
    case 'Mountable_or_Path':
      writer.string(placeText(value));
      break;
    case 'OptString':
      writer.uint32(value === null ? 0 : 1);
      if (value !== null) writer.string(value as string);
      break;
    case 'Bool':
      writer.bool(value as boolean);
      break;
    case 'Int':
      writer.int32(value as number);
      break;
    case 'Int64':
      writer.int64(value as number | bigint);
      break;
    case 'StringList':
      writer.strings(value as readonly string[]);
      break;
    case 'BufferIn':
    case 'Key':
      writer.opaque(typeof value === 'string' ? encodeText(value) : (value as Uint8Array));
      break;
    default:
      writer.string(value as string);
  }
}

function readArgument(reader: XdrReader, parameter: Parameter): unknown {
  const { name } = parameter;
  switch (parameter.type) {
    case 'OptString': {
      const there = reader.uint32(name);
      if (there > 1) throw new GuestfsError('EPROTO', `${name}: found the mark ${there}, expected 0 or 1`);
      return there === 0 ? null : reader.string(name);
    }
    case 'Bool':
      return reader.bool(name);
    case 'Int':
      return reader.int32(name);
    case 'Int64':
      return parameter.opaque ? reader.int64(name) : reader.safeInt64(name);
    case 'StringList':
      return reader.strings(name);
    case 'BufferIn':
    case 'Key':
      return Uint8Array.from(reader.opaque(name));
    default:
      return reader.string(name);
  }
}

function writeOption(writer: XdrWriter, parameter: OptionalParameter, value: unknown): void {
  switch (parameter.type) {
    case 'Bool':
      writer.bool((value as boolean | undefined) ?? false);
      break;
    case 'Int':
      writer.int32((value as number | undefined) ?? 0);
      break;
    case 'Int64':
      writer.int64((value as number | undefined) ?? 0);
      break;
    case 'String':
      writer.string((value as string | undefined) ?? '');
      break;
    case 'StringList':
      writer.strings((value as readonly string[] | undefined) ?? []);
      break;
  }
}

function readOption(reader: XdrReader, parameter: OptionalParameter): unknown {
  const { name } = parameter;
  switch (parameter.type) {
    case 'Bool':
      return reader.bool(name);
    case 'Int':
      return reader.int32(name);
    case 'Int64':
      return reader.safeInt64(name);
    case 'String':
      return reader.string(name);
    case 'StringList':
      return reader.strings(name);
  }
}
