import { camelCase, type ActionEntry } from '../../actions/table.ts';
import type { StructField, StructRecord } from '../../actions/struct-record.ts';

/** Where results go. */
export interface ResultSink {
  write(text: string): void;
  writeBytes(bytes: Uint8Array): void;
}

/** Print what an action returned, as people and scripts know it from guestfish. */
export async function printResult(action: ActionEntry, result: unknown, sink: ResultSink): Promise<void> {
  const { ret } = action;
  switch (ret.type) {
    case 'void':
      return;
    case 'Bool':
      sink.write(result === true ? 'true\n' : 'false\n');
      return;
    case 'Int':
    case 'Int64':
      sink.write(`${integerText(result as number | bigint, action.fishOutput)}\n`);
      return;
    case 'String':
    case 'ConstString':
      sink.write(`${result as string}\n`);
      return;
    case 'ConstOptString':
      sink.write(`${(result as string | null) ?? '(null)'}\n`);
      return;
    case 'StringList':
      for (const line of result as string[]) sink.write(`${line}\n`);
      return;
    case 'Hashtable':
      for (const [key, value] of Object.entries(result as Record<string, string>)) {
        sink.write(`${key}: ${value}\n`);
      }
      return;
    case 'BufferOut':
      sink.writeBytes(result as Uint8Array);
      return;
    case 'Struct':
      sink.write(structText(await structOf(ret.of), result as Fields, ''));
      return;
    case 'StructList': {
      const struct = await structOf(ret.of);
      for (const [at, one] of (result as Fields[]).entries()) {
        sink.write(`[${at}] = {\n${structText(struct, one, '  ')}}\n`);
      }
    }
  }
}

type Fields = Readonly<Record<string, unknown>>;

async function structOf(name: string | undefined): Promise<StructRecord> {
  const { structs } = await import('../../actions/structs.ts');
  const found = (structs as readonly StructRecord[]).find((struct) => struct.name === name);
  if (found === undefined) throw new TypeError(`there is no struct ${String(name)}`);
  return found;
}

/** Number in the radix that the action's record asks for. */
function integerText(value: number | bigint, radix: ActionEntry['fishOutput']): string {
  if (radix === 'hex') return `0x${value.toString(16)}`;
  if (radix === 'octal') return Number(value) === 0 ? '0' : `0${value.toString(8)}`;
  return value.toString();
}

function structText(struct: StructRecord, values: Fields, indent: string): string {
  let text = '';
  for (const field of struct.fields) {
    text += `${indent}${field.name}: ${fieldText(field, values[camelCase(field.name)])}\n`;
  }
  return text;
}

function fieldText(field: StructField, value: unknown): string {
  if (field.type === 'buffer') return bufferText(value as Uint8Array);
  if (field.type === 'optpercent') return (value as number) < 0 ? '' : `${trimFloat(value as number)}%`;
  // 64 bits that may be kept without their sign (statvfs's fsid) are printed as the field's type has them.
  if (field.type === 'int64' && typeof value === 'bigint') return BigInt.asIntN(64, value).toString();
  return String(value);
}

/** As C prints a float with `%g`: six significant digits. */
function trimFloat(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** Bytes of a field: printable ASCII as it is, all others as `\xNN`. */
function bufferText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    text +=
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
