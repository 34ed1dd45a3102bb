import type { OptionalParameter, Parameter, Result } from '../../src/actions/record.ts';
import type { StructField } from '../../src/actions/struct-record.ts';

/** `mount_ro` to `mountRo`; other letters stay. */
export function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** `lvm_pv` to `LvmPv`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

/** Names that JavaScript keeps for itself get an underscore when they are parameters. */
export function parameterName(name: string): string {
  const camel = camelCase(name);
  return RESERVED.has(camel) ? `${camel}_` : camel;
}
const RESERVED = new Set([
  'default',
  'function',
  'delete',
  'new',
  'in',
  'case',
  'class',
  'with',
  'arguments',
  'context',
  'options',
]);

/** TypeScript type of a struct's field. */
export function fieldType(field: StructField): string {
  switch (field.type) {
    case 'char':
    case 'string':
    case 'device':
    case 'uuid':
      return 'string';
    case 'buffer':
      return 'Uint8Array';
    default:
      return field.opaque ? 'bigint' : 'number';
  }
}

/** Which side of a call a type is for. */
export type Side = 'handle' | 'daemon';

/** TypeScript type of a parameter. */
export function parameterType(parameter: Parameter | OptionalParameter, side: Side): string {
  switch (parameter.type) {
    case 'Pathname':
    case 'String':
    case 'Device':
    case 'Mountable':
    case 'GUID':
      return 'string';
    case 'OptString':
      return 'string | null';
    case 'Dev_or_Path':
      return side === 'handle' ? 'string | DeviceOrPath' : 'DeviceOrPath';
    case 'Mountable_or_Path':
      return side === 'handle' ? 'string | DeviceOrPath' : 'MountableOrPath';
    case 'Int':
    case 'Int64':
      return 'opaque' in parameter && parameter.opaque ? 'bigint' : 'number';
    case 'Bool':
      return 'boolean';
    case 'StringList':
      return 'readonly string[]';
    case 'BufferIn':
      return side === 'handle' ? 'Uint8Array | string' : 'Uint8Array';
    case 'Key':
      return side === 'handle' ? 'string | Uint8Array' : 'Uint8Array';
    case 'FileIn':
      return side === 'handle' ? 'FileInput' : 'ByteSource';
    case 'FileOut':
      return side === 'handle' ? 'FileOutput' : 'ByteSink';
    case 'Pointer':
      return 'unknown';
  }
}

/** TypeScript type of a result. */
export function resultType(result: Result): string {
  switch (result.type) {
    case 'void':
      return 'void';
    case 'Bool':
      return 'boolean';
    case 'Int':
    case 'Int64':
      return result.opaque ? 'bigint' : 'number';
    case 'String':
    case 'ConstString':
      return 'string';
    case 'ConstOptString':
      return 'string | null';
    case 'StringList':
      return 'string[]';
    case 'Hashtable':
      return 'Record<string, string>';
    case 'BufferOut':
      return 'Uint8Array';
    case 'Struct':
      return `structs.${pascalCase(result.of ?? '')}`;
    case 'StructList':
      return `structs.${pascalCase(result.of ?? '')}[]`;
  }
}
