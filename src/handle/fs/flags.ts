import { constants } from 'node:fs';

/** Encodings of text, and `buffer` for none. */
export type Encoding = BufferEncoding | 'buffer';
/** Options of reading a whole file. */
export type ReadFileOptions =
  Encoding | null | { encoding?: Encoding | null; flag?: string; signal?: AbortSignal };

/** The encoding that options ask for; undefined for bytes. */
export function encodingOf(
  options: Encoding | null | { encoding?: Encoding | null } | undefined,
): BufferEncoding | undefined {
  const encoding = typeof options === 'object' ? options?.encoding : options;
  return encoding === 'buffer' || encoding === null ? undefined : encoding;
}

/** What open(2) is to do. */
export interface OpenHow {
  read: boolean;
  write: boolean;
  append: boolean;
  create: boolean;
  exclusive: boolean;
  truncate: boolean;
}

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY } = constants;

/** Flags as node:fs takes them. */
const FLAGS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  'r+': O_RDWR,
  'rs+': O_RDWR | O_SYNC,
  w: O_TRUNC | O_CREAT | O_WRONLY,
  wx: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  'w+': O_TRUNC | O_CREAT | O_RDWR,
  'wx+': O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  a: O_APPEND | O_CREAT | O_WRONLY,
  ax: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  as: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  'a+': O_APPEND | O_CREAT | O_RDWR,
  'ax+': O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  'as+': O_APPEND | O_CREAT | O_RDWR | O_SYNC,
};
/** Other spellings of them. */
const SPELLINGS: Readonly<Record<string, string>> = {
  sr: 'rs',
  'sr+': 'rs+',
  xw: 'wx',
  'xw+': 'wx+',
  xa: 'ax',
  'xa+': 'ax+',
  sa: 'as',
  'sa+': 'as+',
};

/** Take flags apart. Throws TypeError for those that node:fs does not know. */
export function parseFlags(flags: string | number): OpenHow {
  const bits = typeof flags === 'number' ? flags : FLAGS[SPELLINGS[flags] ?? flags];
  if (bits === undefined) {
    throw Object.assign(new TypeError(`The argument 'flags' is invalid. Received '${flags}'`), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  }
  const has = (bit: number): boolean => (bits & bit) !== 0;
  return {
    read: !has(O_WRONLY),
    write: has(O_WRONLY) || has(O_RDWR),
    append: has(O_APPEND),
    create: has(O_CREAT),
    exclusive: has(O_EXCL),
    truncate: has(O_TRUNC),
  };
}

/** Whether flags say no more than that a file is read. */
export function isPlainRead(flags: string | number): boolean {
  const { write, create, truncate } = parseFlags(flags);
  return !write && !create && !truncate;
}

/** A mode as a number; texts are octal. Throws TypeError. */
export function modeOf(mode: number | string): number {
  const value = typeof mode === 'string' ? Number.parseInt(mode, 8) : mode;
  if (!Number.isInteger(value) || value < 0) throw new TypeError(`The mode ${mode} is invalid`);
  return value & 0o7777;
}

/** Seconds and nanoseconds of a time as utimes takes it. Throws TypeError. */
export function timeOf(time: number | string | Date): readonly [number, number] {
  const milliseconds = time instanceof Date ? time.getTime() : Number(time) * 1000;
  if (!Number.isFinite(milliseconds)) throw new TypeError(`The time ${String(time)} is invalid`);
  const seconds = Math.floor(milliseconds / 1000);
  return [seconds, Math.min(999_999_999, Math.round((milliseconds - seconds * 1000) * 1_000_000))];
}

/** What can be written to a file. */
export type WriteData = string | NodeJS.ArrayBufferView;
/** What a whole file can be written from. */
export type FileData = WriteData | Iterable<WriteData> | AsyncIterable<WriteData>;

/** The bytes of data, without copying what are bytes already. Throws TypeError. */
export function bytesOf(data: unknown, encoding: BufferEncoding = 'utf8'): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, encoding);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw Object.assign(
    new TypeError(`The data must be a string or an ArrayBufferView, found ${typeof data}`),
    {
      code: 'ERR_INVALID_ARG_TYPE',
    },
  );
}

/** Data as pieces of bytes. */
export async function* piecesOf(data: FileData, encoding?: BufferEncoding): AsyncGenerator<Uint8Array> {
  if (typeof data === 'string' || ArrayBuffer.isView(data)) yield bytesOf(data, encoding);
  else for await (const piece of data) yield bytesOf(piece, encoding);
}
