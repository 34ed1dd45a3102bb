import type { OptionalParameter, Parameter, Result } from '../../src/actions/record.ts';
import type { StructField, StructRecord } from '../../src/actions/struct-record.ts';
import { structs } from '../../src/actions/structs.ts';
import { camelCase, type ActionEntry } from '../../src/actions/table.ts';

/** Numbers in [0, 1). */
type Random = () => number;

const TEXTS = [
  '',
  'a',
  'abc',
  'abcd',
  'hello world',
  'Grüße, 世界',
  'caf\udce9',
  '\udc80\udcff',
  '/a/b',
  'x'.repeat(1000),
];
const pick = <T>(next: Random, list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
const text = (next: Random): string => pick(next, TEXTS);
const texts = (next: Random): string[] => Array.from({ length: Math.floor(next() * 5) }, () => text(next));
const bytes = (next: Random): Uint8Array =>
  Uint8Array.from({ length: Math.floor(next() * 40) }, () => Math.floor(next() * 256));
const int32 = (next: Random): number =>
  pick(next, [0, 1, -1, 0x7fffffff, -0x80000000, Math.floor(next() * 1e6)]);
const int64 = (next: Random): number =>
  pick(next, [0, -1, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, Math.floor(next() * 1e12)]);
const wide = (next: Random): bigint =>
  pick(next, [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(int64(next))]);
const device = (next: Random): string => `/dev/sd${pick(next, ['a', 'b1', 'zz15'])}`;
const path = (next: Random): string => `/${text(next)}`;

/** A value of an argument as checkCall leaves it; undefined for FileIn and FileOut. */
function argument(parameter: Parameter | OptionalParameter, next: Random): unknown {
  switch (parameter.type) {
    case 'Pathname':
      return path(next);
    case 'Device':
    case 'Mountable':
      return device(next);
    case 'Dev_or_Path':
      return next() < 0.5 ? { device: device(next) } : { path: pick(next, ['/dev/null', path(next)]) };
    case 'Mountable_or_Path':
      return next() < 0.5 ? { mountable: 'btrfsvol:/dev/sda1/sub' } : { path: path(next) };
    case 'OptString':
      return next() < 0.5 ? null : text(next);
    case 'GUID':
      return '01234567-89ab-cdef-0123-456789abcdef';
    case 'Bool':
      return next() < 0.5;
    case 'Int':
      return int32(next);
    case 'Int64':
      return 'opaque' in parameter && parameter.opaque ? wide(next) : int64(next);
    case 'StringList':
      return texts(next);
    case 'BufferIn':
    case 'Key':
      return bytes(next);
    case 'FileIn':
    case 'FileOut':
      return undefined;
    default:
      return text(next);
  }
}

/** Arguments and options of a call, as checkCall leaves them. */
export function callValues(
  entry: ActionEntry,
  next: Random,
): { args: unknown[]; options: Record<string, unknown> } {
  const args = entry.args
    .map((parameter) => argument(parameter, next))
    .filter((value) => value !== undefined);
  const options: Record<string, unknown> = {};
  for (const parameter of entry.optargs) {
    if (next() < 0.5) options[camelCase(parameter.name)] = argument(parameter, next);
  }
  return { args, options };
}

function field({ type, opaque }: StructField, next: Random): unknown {
  switch (type) {
    case 'char':
      return pick(next, ['r', 'd', 'u', '\u00ff']);
    case 'uuid':
      return pick(next, ['', '0123456789abcdefghijklmnopqrstuv']);
    case 'buffer':
      return bytes(next);
    case 'int32':
      return int32(next);
    case 'uint32':
      return int32(next) >>> 0;
    case 'bytes':
    case 'int64':
      return opaque ? wide(next) : int64(next);
    case 'uint64':
      return opaque ? BigInt.asUintN(64, wide(next)) : Math.abs(int64(next));
    case 'optpercent':
      return pick(next, [-1, 0, 50, 99.5]);
    default:
      return text(next);
  }
}

/** A struct of a name. */
export function structValue(name: string, next: Random): Record<string, unknown> {
  const record = (structs as readonly StructRecord[]).find((struct) => struct.name === name) as StructRecord;
  return Object.fromEntries(record.fields.map((item) => [camelCase(item.name), field(item, next)]));
}

/** What an action might return. */
export function resultValue(ret: Result, next: Random): unknown {
  switch (ret.type) {
    case 'void':
      return undefined;
    case 'Bool':
      return next() < 0.5;
    case 'Int':
      return int32(next);
    case 'Int64':
      return ret.opaque ? wide(next) : int64(next);
    case 'ConstOptString':
      return next() < 0.5 ? null : text(next);
    case 'StringList':
      return texts(next);
    case 'Hashtable':
      return Object.fromEntries(texts(next).map((key) => [key, text(next)]));
    case 'BufferOut':
      return bytes(next);
    case 'Struct':
      return structValue(ret.of as string, next);
    case 'StructList':
      return Array.from({ length: Math.floor(next() * 4) }, () => structValue(ret.of as string, next));
    default:
      return text(next);
  }
}
