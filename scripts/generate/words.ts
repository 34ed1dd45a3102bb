import type { OptionalParameter, Parameter, Result } from '../../src/actions/record.ts';

/** Types that say all by themselves are not here. */
const ARGUMENTS: Readonly<Partial<Record<Parameter['type'], string>>> = {
  Pathname: 'absolute path in the guest',
  OptString: 'text, or null for none',
  Device: 'name of a device, as in `/dev/sda1`',
  Mountable: 'name of a device, or `btrfsvol:/dev/NAME/SUBVOLUME`',
  Dev_or_Path:
    'device (text that begins with `/dev/`, or `{ device }`) or absolute path in the guest (or `{ path }`)',
  Mountable_or_Path:
    'mountable (text that begins with `/dev/` or `btrfsvol:`, or `{ device }`) or absolute path in the guest (or `{ path }`)',
  BufferIn: 'bytes, or text that is encoded as UTF-8',
  FileIn: 'where the bytes come from: a path of the host, `-`, bytes, a Readable or an AsyncIterable',
  FileOut: 'where the bytes go: a path of the host, `-` or a Writable, which is not ended',
  Key: 'key or passphrase; our copies are never logged',
  GUID: 'GUID, as in `01234567-89ab-cdef-0123-456789abcdef`',
  Pointer: 'object of another library',
};

const LISTS: Readonly<Record<string, string>> = {
  Device: 'list of device names',
  Pathname: 'list of absolute paths in the guest',
  Filename: 'list of names of files, without `/`',
};

const UNITS: Readonly<Record<NonNullable<Parameter['unit']>, string>> = {
  MiB: 'number of mebibytes',
  sectors: 'number of 512-byte sectors',
  blocks: 'number of blocks',
  seconds: 'number of seconds',
  lines: 'number of lines',
  count: 'number',
  percent: 'per cent',
};

/** What an argument is, by its type; undefined where its TypeScript type says it. */
export function argumentWords(parameter: Parameter | OptionalParameter): string | undefined {
  if (parameter.unit !== undefined) return UNITS[parameter.unit];
  if ('opaque' in parameter && parameter.opaque) return 'value of 64 bits';
  if ('of' in parameter && parameter.of !== undefined)
    return LISTS[parameter.of] ?? ARGUMENTS[parameter.type];
  return ARGUMENTS[parameter.type];
}

/** What an action returns, where its TypeScript type does not say it; undefined else. */
export function resultWords(result: Result): string | undefined {
  const device = 'a device, as in `/dev/sda1`';
  switch (result.type) {
    case 'String':
      return result.of === 'Device' || result.of === 'Mountable' ? device : undefined;
    case 'StringList':
      return result.of === 'Device' || result.of === 'Mountable' ? 'names of devices' : undefined;
    case 'Hashtable': {
      if (result.key === 'String' && result.value === 'String') return undefined;
      return `${hashPart(result.key)} as keys, ${hashPart(result.value)} as values`;
    }
    default:
      return undefined;
  }
}

function hashPart(type: string | undefined): string {
  return type === 'Device' || type === 'Mountable' ? 'devices' : 'texts';
}

/** Lines of at most `width` characters; indentation and code in fences stay as they are. */
export function wrap(text: string, width: number): string[] {
  if (text.length <= width || /^( {4}|```|\|)/.test(text)) return [text];
  const indent = /^\s*(?:[-*] )?/.exec(text)?.[0].length ?? 0;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else line = line === '' && lines.length === 0 ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
