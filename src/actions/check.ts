/**
 * The checks that every call gets before anything runs: number and types of the arguments (TypeError), then their
 * values (GuestfsError EINVAL). Used by the handle before a call is sent, and by the daemon, whose caller may be a
 * stranger.
 */
import { encodeText } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import type { OptionalParameter, Parameter } from './record.ts';
import { camelCase, type ActionEntry } from './table.ts';

/** Arguments as implementations take them: without FileIn and FileOut, options by their camelCase names. */
export interface CheckedCall {
  args: unknown[];
  options: Record<string, unknown>;
}

/** True for a parameter that is a stream of bytes beside the call, not a value in it. */
export function isFileParameter(parameter: Parameter): boolean {
  return parameter.type === 'FileIn' || parameter.type === 'FileOut';
}

/**
 * Check the arguments of a call and convert them to what an implementation takes: `Dev_or_Path` to
 * `{device}` or `{path}`, `Mountable_or_Path` to `{mountable}` or `{path}`, keys and buffers to bytes. What is
 * converted already passes unchanged. `args` holds no FileIn and no FileOut.
 *
 * Throws TypeError for a wrong number of arguments, a wrong type or an unknown option, and GuestfsError EINVAL for
 * a value that the action cannot take.
 */
export function checkCall(entry: ActionEntry, args: readonly unknown[], options: object = {}): CheckedCall {
  const checked: unknown[] = [];
  let index = 0;
  for (const parameter of entry.args) {
    if (isFileParameter(parameter)) continue;
    if (index >= args.length) throw countError(entry, args.length);
    checked.push(checkValue(entry.name, parameter, args[index++]));
  }
  if (index < args.length) throw countError(entry, args.length);
  return { args: checked, options: checkOptions(entry, options) };
}

function countError(entry: ActionEntry, found: number): TypeError {
  const names = entry.args.filter((parameter) => !isFileParameter(parameter)).map((p) => camelCase(p.name));
  const expected = names.length === 0 ? 'no arguments' : `${names.length} (${names.join(', ')})`;
  return new TypeError(`${entry.name}: wrong number of arguments: found ${found}, expected ${expected}`);
}

function checkOptions(entry: ActionEntry, options: object): Record<string, unknown> {
  const checked: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    const parameter = entry.optargs.find((o) => camelCase(o.name) === key);
    if (parameter === undefined) {
      const known = entry.optargs.map((o) => camelCase(o.name)).join(', ') || 'none';
      throw new TypeError(`${entry.name}: unknown option '${key}', known are: ${known}`);
    }
    if (value !== undefined) checked[key] = checkValue(entry.name, parameter, value);
  }
  return checked;
}

const INT_MIN = -0x8000_0000;
const INT_MAX = 0x7fff_ffff;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

function checkValue(action: string, parameter: Parameter | OptionalParameter, value: unknown): unknown {
  switch (parameter.type) {
    case 'Pathname':
      return checkPath(action, parameter, checkString(action, parameter, value));
    case 'Device':
      return checkDevice(action, parameter, checkString(action, parameter, value));
    case 'Mountable':
      return checkMountable(action, parameter, checkString(action, parameter, value));
    case 'Dev_or_Path':
      return checkDeviceOrPath(action, parameter, value, 'device');
    case 'Mountable_or_Path':
      return checkDeviceOrPath(action, parameter, value, 'mountable');
    case 'String':
      return checkString(action, parameter, value);
    case 'OptString':
      return value === null ? null : checkString(action, parameter, value, ' or null');
    case 'GUID':
      return checkGuid(action, parameter, checkString(action, parameter, value));
    case 'Bool':
      if (typeof value !== 'boolean') throw typeError(action, parameter, 'a boolean', value);
      return value;
    case 'Int':
    case 'Int64':
      return 'opaque' in parameter && parameter.opaque
        ? checkBigInt(action, parameter, value)
        : checkNumber(action, parameter, value);
    case 'StringList':
      return checkList(action, parameter, value);
    case 'BufferIn':
      if (value instanceof Uint8Array) return value;
      if (typeof value === 'string') return encodeText(value);
      throw typeError(action, parameter, 'a Uint8Array or a string', value);
    case 'Key':
      // Always a copy of ours, which wipeKeys may overwrite.
      if (value instanceof Uint8Array) return Uint8Array.from(value);
      if (typeof value === 'string') return encodeText(value);
      throw typeError(action, parameter, 'a string or a Uint8Array', value);
    default:
      return value;
  }
}

/**
 * Overwrite the keys among the checked arguments of a call that is over; those of the caller stay as they are. A
 * string cannot be overwritten: who cares gives keys as bytes.
 */
export function wipeKeys(entry: ActionEntry, args: readonly unknown[]): void {
  let index = 0;
  for (const parameter of entry.args) {
    if (isFileParameter(parameter)) continue;
    const value = args[index++];
    if (parameter.type === 'Key' && value instanceof Uint8Array) value.fill(0);
  }
}

function typeError(
  action: string,
  parameter: Parameter | OptionalParameter,
  expected: string,
  found: unknown,
): TypeError {
  return new TypeError(
    `${action}: argument '${camelCase(parameter.name)}' must be ${expected}, found ${kindOf(found)}`,
  );
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `an object (${value.constructor?.name ?? 'no class'})`;
}

function valueError(
  action: string,
  parameter: Parameter | OptionalParameter,
  text: string,
  details: { path?: string; device?: string } = {},
): GuestfsError {
  return new GuestfsError('EINVAL', `${action}: ${camelCase(parameter.name)}: ${text}`, {
    action,
    ...details,
  });
}

function checkString(
  action: string,
  parameter: Parameter | OptionalParameter,
  value: unknown,
  more = '',
): string {
  if (typeof value !== 'string') throw typeError(action, parameter, `a string${more}`, value);
  if (value.includes('\0')) throw valueError(action, parameter, 'a string with a NUL byte in it');
  return value;
}

function checkPath(action: string, parameter: Parameter | OptionalParameter, path: string): string {
  if (!path.startsWith('/')) {
    throw valueError(action, parameter, `'${path}': a guest path must begin with /`, { path });
  }
  return path;
}

function checkDevice(action: string, parameter: Parameter | OptionalParameter, device: string): string {
  if (!device.startsWith('/dev/') || device.length === 5) {
    throw valueError(action, parameter, `'${device}': a device name must begin with /dev/`, { device });
  }
  return device;
}

function checkMountable(action: string, parameter: Parameter | OptionalParameter, mountable: string): string {
  if (mountable.startsWith('btrfsvol:/dev/')) return mountable;
  if (mountable.startsWith('/dev/') && mountable.length > 5) return mountable;
  throw valueError(action, parameter, `'${mountable}': expected /dev/NAME or btrfsvol:/dev/NAME/SUBVOLUME`, {
    device: mountable,
  });
}

function checkDeviceOrPath(
  action: string,
  parameter: Parameter | OptionalParameter,
  value: unknown,
  kind: 'device' | 'mountable',
): object {
  const device = kind === 'device' ? checkDevice : checkMountable;
  if (typeof value === 'string') {
    const text = checkString(action, parameter, value);
    if (text.startsWith('/dev/') || (kind === 'mountable' && text.startsWith('btrfsvol:'))) {
      return { [kind]: device(action, parameter, text) };
    }
    return { path: checkPath(action, parameter, text) };
  }
  if (typeof value === 'object' && value !== null) {
    const given = value as Record<string, unknown>;
    const name = given['device'] ?? given['mountable'];
    if (name !== undefined && given['path'] === undefined) {
      return { [kind]: device(action, parameter, checkString(action, parameter, name)) };
    }
    if (given['path'] !== undefined && name === undefined) {
      return { path: checkPath(action, parameter, checkString(action, parameter, given['path'])) };
    }
  }
  throw typeError(action, parameter, `a string, { ${kind} } or { path }`, value);
}

/** A GUID as RFC 9562 writes it, in any case; braces and left-out hyphens are allowed, as sgdisk(8) has it. */
const GUID = /^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$/i;

function checkGuid(action: string, parameter: Parameter | OptionalParameter, guid: string): string {
  if (!GUID.test(guid)) {
    throw valueError(
      action,
      parameter,
      `'${guid}' is not a GUID, expected 01234567-89ab-cdef-0123-456789abcdef`,
    );
  }
  return guid;
}

function checkNumber(action: string, parameter: Parameter | OptionalParameter, value: unknown): number {
  if (typeof value !== 'number') throw typeError(action, parameter, 'a number', value);
  if (!Number.isSafeInteger(value)) {
    throw valueError(action, parameter, `${value} is not an integer between -(2^53 - 1) and 2^53 - 1`);
  }
  if (parameter.type === 'Int' && (value < INT_MIN || value > INT_MAX)) {
    throw valueError(action, parameter, `${value} is not between ${INT_MIN} and ${INT_MAX}`);
  }
  return value;
}

function checkBigInt(action: string, parameter: Parameter | OptionalParameter, value: unknown): bigint {
  if (typeof value !== 'bigint') throw typeError(action, parameter, 'a bigint', value);
  if (value < INT64_MIN || value > INT64_MAX) {
    throw valueError(action, parameter, `${value} does not fit in 64 bits`);
  }
  return value;
}

function checkList(action: string, parameter: Parameter | OptionalParameter, value: unknown): string[] {
  if (!Array.isArray(value)) throw typeError(action, parameter, 'an array of strings', value);
  return value.map((item: unknown) => {
    const text = checkString(action, parameter, item, ' in every element');
    const of = 'of' in parameter ? parameter.of : undefined;
    if (of === 'Device') return checkDevice(action, parameter, text);
    if (of === 'Pathname') return checkPath(action, parameter, text);
    if (of === 'Filename' && text.includes('/')) {
      throw valueError(action, parameter, `'${text}': a file name has no / in it`, { path: text });
    }
    return text;
  });
}
