/** The text of trace messages, in libguestfs's form: `cat "/etc/hosts"`, then `cat = "..."`. */
import { isFileParameter } from '../actions/check.ts';
import type { Parameter, Result } from '../actions/record.ts';
import { camelCase, type ActionEntry } from '../actions/table.ts';

/** Bytes of a buffer that a trace shows. */
const SHOWN = 256;

/** A call as the trace shows it. `args` are as the caller gave them, FileIn and FileOut among them; keys are hidden. */
export function traceCall(
  entry: ActionEntry,
  args: readonly unknown[],
  options: Record<string, unknown>,
): string {
  let text = entry.name;
  entry.args.forEach((parameter, index) => {
    text += ` ${argument(parameter, args[index])}`;
  });
  for (const { name } of entry.optargs) {
    const value = options[camelCase(name)];
    if (value === undefined) continue;
    const shown = Array.isArray(value) ? value.join(' ') : String(value);
    text += ` ${quoted(`${name}:${name === 'secret' ? '***' : shown}`)}`;
  }
  return text;
}

function argument(parameter: Parameter, value: unknown): string {
  if (parameter.type === 'Key') return '"***"';
  if (isFileParameter(parameter)) return typeof value === 'string' ? quoted(value) : '"<stream>"';
  if (value instanceof Uint8Array) return buffer(value);
  if (value === null) return 'null';
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  if (Array.isArray(value)) return quoted(value.join(' '));
  if (typeof value === 'object') return quoted(String(Object.values(value)[0]));
  return quoted(String(value));
}

/** Text in quotes; what would move a terminal's cursor, and escaped bytes, as \\xNN. */
function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

function escaped(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\0-\x1f\x7f-\x9f\udc80-\udcff]/g, (unit) => {
    return ESCAPES[unit] ?? `\\x${(unit.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`;
  });
}
const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

function buffer(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes.subarray(0, SHOWN)) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return bytes.length > SHOWN ? `"${text}"<truncated, original size ${bytes.length} bytes>` : `"${text}"`;
}

/** A call's result as the trace shows it. */
export function traceResult(entry: ActionEntry, result: unknown): string {
  return `${entry.name} = ${resultText(entry.ret, result)}`;
}

function resultText(ret: Result, value: unknown): string {
  switch (ret.type) {
    case 'void':
      return '0';
    case 'Bool':
      return value === true ? '1' : '0';
    case 'Int':
    case 'Int64':
      return String(value);
    case 'String':
    case 'ConstString':
      return quoted(String(value));
    case 'ConstOptString':
      return quoted(value === null ? 'NULL' : String(value));
    case 'StringList':
      return list(value as readonly string[]);
    case 'Hashtable':
      return list(Object.entries(value as Record<string, string>).flat());
    case 'BufferOut':
      return buffer(value as Uint8Array);
    case 'Struct':
      return `<struct guestfs_${ret.of} = ${fields(value as Record<string, unknown>)}>`;
    case 'StructList':
      return structList(ret.of ?? '', value as readonly Record<string, unknown>[]);
  }
}

function list(items: readonly string[]): string {
  return `[${items.map(quoted).join(', ')}]`;
}

function structList(name: string, items: readonly Record<string, unknown>[]): string {
  const head = `<struct guestfs_${name}_list(${items.length})`;
  if (items.length === 0) return `${head}>`;
  return `${head} = ${items.map((item, index) => `[${index}]{${fields(item)}}`).join(' ')}>`;
}

/** `stSize` to `st_size`, as the API names fields. */
export function fieldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function fields(value: Record<string, unknown>): string {
  let text = '';
  for (const [name, field] of Object.entries(value)) {
    const shown = field instanceof Uint8Array ? buffer(field).replace(/^"|"$/g, '') : escaped(String(field));
    text += `${fieldName(name)}: ${shown}, `;
  }
  return text;
}

/** The failed end of a call as the trace shows it. */
export function traceFailure(entry: ActionEntry): string {
  const number = ['void', 'Bool', 'Int', 'Int64'].includes(entry.ret.type);
  return `${entry.name} = ${number ? '-1' : 'NULL'} (error)`;
}
