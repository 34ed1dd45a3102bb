import { decodeText } from '../../src/bytes/text.ts';
import { structs } from '../../src/actions/structs.ts';
import type { ActionEntry } from '../../src/actions/table.ts';
import { camelCase } from '../../src/actions/table.ts';

/** A result as guestfish prints it. */
export function fishResult(entry: ActionEntry, value: unknown): string {
  const { ret } = entry;
  switch (ret.type) {
    case 'void':
      return '';
    case 'Bool':
      return `${String(value)}\n`;
    case 'Int':
    case 'Int64':
      if (entry.fishOutput !== undefined && value !== 0) {
        const [prefix, radix] = entry.fishOutput === 'octal' ? ['0', 8] : ['0x', 16];
        return `${prefix}${(value as number).toString(radix as number)}\n`;
      }
      return `${String(value)}\n`;
    case 'String':
    case 'ConstString':
      return `${untilNul(value as string)}\n`;
    case 'BufferOut':
      return decodeText(value as Uint8Array);
    case 'StringList':
      return (value as string[]).map((line) => `${untilNul(line)}\n`).join('');
    case 'Struct':
      return structText(ret.of ?? '', value as Record<string, unknown>, '');
    case 'StructList':
      return (value as Record<string, unknown>[])
        .map((one, i) => `[${i}] = {\n${structText(ret.of ?? '', one, '  ')}}\n`)
        .join('');
    default:
      throw new Error(`${entry.name}: results of type ${ret.type} are not printed here`);
  }
}

function structText(name: string, value: Record<string, unknown>, indent: string): string {
  const struct = structs.find((one) => one.name === name);
  if (!struct) throw new Error(`there is no struct ${name}`);
  return struct.fields
    .map((field) => `${indent}${field.name}: ${fieldText(value[camelCase(field.name)])}\n`)
    .join('');
}

function fieldText(value: unknown): string {
  if (!(value instanceof Uint8Array)) return String(value);
  return Array.from(value, (byte) => {
    if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
    return byte < 0x80 ? `\\x${byte.toString(16).padStart(2, '0')}` : `\\xffffff${byte.toString(16)}`;
  }).join('');
}

/** What C programs see of a string. */
function untilNul(text: string): string {
  return text.replace(/\0.*/s, '');
}
