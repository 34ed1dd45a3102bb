import { isFileParameter, type CheckedCall } from '../../actions/check.ts';
import type { OptionalParameter, Parameter } from '../../actions/record.ts';
import { camelCase, type ActionEntry } from '../../actions/table.ts';
import { encodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { XdrReader } from './reader.ts';
import { readValue, writeValue } from './values.ts';
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
    writeValue(writer, parameter.type, value ?? UNSET[parameter.type]);
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
    const value = readValue(reader, parameter.type, parameter.name);
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

function writeArgument(writer: XdrWriter, { type }: Parameter, value: unknown): void {
  switch (type) {
    case 'Dev_or_Path':
    case 'Mountable_or_Path':
      writer.string(placeText(value));
      break;
    case 'BufferIn':
    case 'Key':
      writer.opaque(typeof value === 'string' ? encodeText(value) : (value as Uint8Array));
      break;
    default:
      writeValue(writer, type, value);
  }
}

function readArgument(reader: XdrReader, { type, name, opaque }: Parameter): unknown {
  switch (type) {
    case 'BufferIn':
    case 'Key':
      return Uint8Array.from(reader.opaque(name));
    default:
      return readValue(reader, type, name, opaque);
  }
}

/** What stands for an optional argument that is not set. */
const UNSET = { Bool: false, Int: 0, Int64: 0, String: '', StringList: [] } as const satisfies Readonly<
  Record<OptionalParameter['type'], unknown>
>;
