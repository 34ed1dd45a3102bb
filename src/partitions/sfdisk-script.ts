import { parseGuid } from '../bytes/guid.ts';
import { roundUp } from '../bytes/round.ts';
import { GuestfsError } from '../errors/index.ts';
import { type PartitionEditor, needNumber } from './editor.ts';
import { GptEditor } from './gpt/editor.ts';
import { MbrEditor } from './mbr/editor.ts';
import { isExtendedType } from './mbr/layout.ts';

/** Where sfdisk(8) lets partitions begin unless it is told. */
const ALIGNMENT = 1024 * 1024;

/** One line of a script; numbers are sectors, undefined where the line leaves them to sfdisk. */
interface ScriptLine {
  number: number | undefined;
  start: number | undefined;
  /** `rest` for all that is free. */
  size: number | 'rest' | undefined;
  type: string | undefined;
  bootable: boolean;
  name: string | undefined;
  uuid: string | undefined;
}

const UNITS: Readonly<Record<string, number>> = { '': 0, K: 1, M: 2, G: 3, T: 4, P: 5 };

/** sfdisk(8)'s letters and words for types: what they are in an MBR and in a GPT. */
const TYPES: Readonly<Record<string, readonly [number, string]>> = {
  L: [0x83, '0fc63daf-8483-4772-8e79-3d69d8477de4'],
  S: [0x82, '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f'],
  E: [0x05, ''],
  X: [0x05, ''],
  H: [0, '933ac7e1-2eb4-4f13-b844-0e14e2aef915'],
  U: [0xef, 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'],
  R: [0xfd, 'a19d880f-05fc-4d3b-a006-743f0f84911e'],
  V: [0x8e, 'e6d6d379-f507-44c2-a23c-238f2a3df928'],
};
const WORDS: Readonly<Record<string, string>> = {
  linux: 'L',
  swap: 'S',
  extended: 'E',
  home: 'H',
  uefi: 'U',
  raid: 'R',
  lvm: 'V',
};

function fail(line: string, problem: string): never {
  throw new GuestfsError('EINVAL', `sfdisk line ${JSON.stringify(line)}: ${problem}`);
}

/** A number with sfdisk's suffixes (`KiB`, `M`, ...) in sectors; without one it counts `unit` bytes. */
function sectorsOf(line: string, text: string, sectorSize: number, unit: number): number {
  const [, digits = '', letter = ''] = /^(\d+)(?:([KMGTP])(?:iB)?)?$/.exec(text) ?? [];
  if (digits === '') fail(line, `${text} is no number of sectors or bytes`);
  const bytes = Number(digits) * (letter === '' ? unit : 1024 ** UNITS[letter]!);
  if (!Number.isSafeInteger(bytes) || bytes % sectorSize !== 0) {
    fail(line, `${text} is not a whole number of sectors of ${sectorSize} bytes`);
  }
  return bytes / sectorSize;
}

/** `start,size,type,bootable` or the same by name: `start=..., size=..., type=..., bootable`. */
function parseLine(line: string, sectorSize: number, unit: number): ScriptLine {
  const [, prefix, rest = ''] = /^\s*(?:[^\s=,:]*?(\d+)\s*:)?(.*)$/.exec(line) ?? [];
  const result: ScriptLine = {
    number: prefix === undefined ? undefined : Number(prefix),
    start: undefined,
    size: undefined,
    type: undefined,
    bootable: false,
    name: undefined,
    uuid: undefined,
  };
  const set = (key: string, value: string): void => {
    if (value === '' || (value === '-' && key !== 'bootable')) return;
    if (key === 'start') result.start = sectorsOf(line, value, sectorSize, unit);
    else if (key === 'size') result.size = value === '+' ? 'rest' : sectorsOf(line, value, sectorSize, unit);
    else if (key === 'type' || key === 'id') result.type = value;
    else if (key === 'bootable') result.bootable = value === '*';
    else if (key === 'name') result.name = value;
    else if (key === 'uuid') result.uuid = value;
    else fail(line, `the field ${key} is not known here`);
  };
  if (/=|\bbootable\b/i.test(rest)) {
    for (const field of rest.match(/(?:"[^"]*"|[^",\s])+(?:\s*=\s*(?:"[^"]*"|[^",\s]+))?/g) ?? []) {
      const [, key = '', value = '*'] = /^([^=\s]+)(?:\s*=\s*"?([^"]*)"?)?$/.exec(field) ?? [];
      set(key.toLowerCase(), value);
    }
    return result;
  }
  const fields = rest.split(/\s*[,;]\s*|\s+/);
  if (fields[0] === '') fields.shift();
  const values = /^\s*[,;]/.test(rest) ? ['', ...fields] : fields;
  for (const [index, key] of ['start', 'size', 'type', 'bootable'].entries()) set(key, values[index] ?? '');
  return result;
}

function applyType(table: PartitionEditor, number: number, line: ScriptLine, text: string): void {
  const { type, name, uuid, bootable } = line;
  const known = TYPES[type ?? ''] ?? TYPES[WORDS[(type ?? '').toLowerCase()] ?? ''];
  if (table instanceof GptEditor) {
    if (type !== undefined) {
      const guid = known?.[1] ?? type;
      if (parseGuid(guid) === undefined) fail(text, `${type} is no type of a GPT partition`);
      table.setPartitionType(number, guid);
    }
    if (name !== undefined) table.setName(number, name);
    if (uuid !== undefined) table.setPartitionGuid(number, uuid);
  } else if (table instanceof MbrEditor) {
    const id = mbrType(line, text);
    if (id !== undefined) table.setId(number, id);
    if (bootable) table.setBootable(number, true);
  }
}

/** The id byte that a line asks for. */
function mbrType({ type }: ScriptLine, text: string): number | undefined {
  if (type === undefined) return undefined;
  const known = TYPES[type] ?? TYPES[WORDS[type.toLowerCase()] ?? ''];
  if (known !== undefined && known[0] !== 0) return known[0];
  if (!/^(?:0x)?[0-9a-f]{1,2}$/i.test(type)) fail(text, `${type} is no type of an MBR partition`);
  return Number.parseInt(type, 16);
}

/** Where a partition goes: what the line says, else the first free place that is aligned, up to its end. */
function place(
  table: PartitionEditor,
  total: number,
  line: ScriptLine,
  logical: boolean,
  text: string,
): { first: number; last: number } {
  const parts = table.partitions();
  const extended = parts.find(({ kind }) => kind === 'extended');
  const align = Math.max(1, ALIGNMENT / table.sectorSize);
  const from = logical && extended !== undefined ? extended.first + 1 : 1;
  const usable = table instanceof GptEditor ? table.lastUsable : total - 1;
  const limit = logical && extended !== undefined ? extended.last : usable;
  const blocks = parts.filter(({ kind }) => (kind === 'logical') === logical);
  let first = line.start ?? roundUp(Math.max(from, logical ? from : align), align);
  if (line.start === undefined) {
    for (;;) {
      const hit = blocks.find((block) => first >= block.first && first <= block.last);
      if (hit === undefined) break;
      first = roundUp(hit.last + (logical ? 2 : 1), align);
    }
  }
  const next = blocks.filter((block) => block.first > first).map((block) => block.first - (logical ? 2 : 1));
  const end = Math.min(limit, ...next);
  // In a GPT sfdisk aligns the ends that it chooses, too.
  const aligned = table.type === 'gpt' ? end - ((end + 1) % align) : end;
  const last = typeof line.size === 'number' ? first + line.size - 1 : aligned > first ? aligned : end;
  if (first > limit || last < first)
    fail(text, `there is no room: sectors ${first} to ${limit} are what is left`);
  return { first, last };
}

/** Lines that are not a header, a comment or empty. */
function partitionLines(lines: readonly string[]): string[] {
  return lines
    .flatMap((line) => line.split('\n'))
    .filter(
      (line) =>
        !/^\s*(?:#.*)?$/.test(line) && !/^\s*[a-z-]+\s*:\s/i.test(line) && !/^\s*label\s*:/.test(line),
    );
}

/**
 * Add partitions to a new table as lines for sfdisk(8) say. In an MBR the first four are primary, those that follow
 * are logical. `size` is the disk's in bytes, `unit` what a plain number counts in bytes: sectors if not stated.
 * Throws EINVAL naming the line.
 */
export function applySfdiskScript(
  table: PartitionEditor,
  size: number,
  lines: readonly string[],
  unit = table.sectorSize,
): void {
  const total = Math.floor(size / table.sectorSize);
  for (const [index, text] of partitionLines(lines).entries()) {
    const line = parseLine(text, table.sectorSize, unit);
    addLine(table, total, line, line.number ?? index + 1, text);
  }
}

function addLine(
  table: PartitionEditor,
  total: number,
  line: ScriptLine,
  number: number,
  text: string,
): void {
  const isMbr = table.type === 'msdos';
  const logical = isMbr && number > 4;
  const type = isMbr ? mbrType(line, text) : undefined;
  const { first, last } = place(table, total, line, logical, text);
  const kind = logical ? 'logical' : isMbr && isExtendedType(type ?? 0) ? 'extended' : 'primary';
  const made = table.add(kind, first, last, logical ? undefined : number);
  applyType(table, made, line, text);
}

/**
 * Change partition `number` as one line says, or add it where there is none. What the line leaves out stays. Throws
 * EINVAL naming the line.
 */
export function applySfdiskLine(table: PartitionEditor, size: number, number: number, text: string): void {
  const line = parseLine(text, table.sectorSize, table.sectorSize);
  const total = Math.floor(size / table.sectorSize);
  const parts = table.partitions();
  if (!parts.some((part) => part.number === number)) {
    addLine(table, total, line, number, text);
    return;
  }
  const old = needNumber(parts, number);
  if (line.start !== undefined && line.start !== old.first) {
    fail(
      text,
      `partition ${number} starts at sector ${old.first}: a start cannot be moved, delete and add it`,
    );
  }
  if (line.size === 'rest') {
    const next = parts.filter((part) => part.first > old.last).map((part) => part.first - 1);
    const end = table instanceof GptEditor ? table.lastUsable : total - 1;
    table.resize(number, Math.min(end, ...next));
  } else if (line.size !== undefined) table.resize(number, old.first + line.size - 1);
  applyType(table, number, line, text);
}
