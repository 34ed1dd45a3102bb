import { decodeText } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import type { Xattr } from '../../filesystems/filesystem.ts';
import type { Timestamp } from '../../filesystems/writer.ts';
import type { SparseStretch } from './reader-header.ts';

/** What pax extended headers say of a member (POSIX.1-2017, pax(1), and the keywords of GNU tar and star). */
export interface PaxValues {
  path?: string;
  linkpath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: Timestamp;
  atime?: Timestamp;
  xattrs: Xattr[];
  /** SELinux label without the NUL at its end. */
  selinux?: Uint8Array;
  aclAccess?: string;
  aclDefault?: string;
  sparse: PaxSparse;
}

/** Keywords of sparse files in the three forms that GNU tar has had. */
export interface PaxSparse {
  name?: string;
  realSize?: number;
  major?: number;
  minor?: number;
  stretches?: SparseStretch[];
}

/** Values that say nothing. */
export function emptyPax(): PaxValues {
  return { xattrs: [], sparse: {} };
}

function bad(why: string): CorruptError {
  return new CorruptError('pax header', why);
}

/**
 * Read the records of an extended header, `LENGTH KEYWORD=VALUE\n` each, on top of what is known already. Keywords that
 * mean nothing here are passed over. Throws CorruptError.
 */
export function parsePax(bytes: Uint8Array, values: PaxValues): void {
  for (let at = 0; at < bytes.length;) {
    let space = at;
    let length = 0;
    for (; bytes[space] !== 0x20; space++) {
      const digit = (bytes[space] ?? 0) - 0x30;
      // Zeroes fill the rest of some archivers' headers.
      if (space === at && bytes[space] === 0) return;
      if (digit < 0 || digit > 9 || space - at > 9) throw bad(`no length is at byte ${at}`);
      length = length * 10 + digit;
    }
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (end > bytes.length || end <= space || bytes[end - 1] !== 0x0a || equals < 0 || equals >= end) {
      throw bad(`the record at byte ${at} of ${bytes.length} has the length ${length}, which does not fit`);
    }
    apply(values, decodeText(bytes, space + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
}

function apply(values: PaxValues, keyword: string, value: Uint8Array): void {
  switch (keyword) {
    case 'path':
      set(values, 'path', name(value));
      return;
    case 'linkpath':
      set(values, 'linkpath', name(value));
      return;
    case 'size':
    case 'uid':
    case 'gid':
      set(values, keyword, value.length === 0 ? undefined : whole(keyword, value));
      return;
    case 'mtime':
    case 'atime':
      set(values, keyword, value.length === 0 ? undefined : time(keyword, value));
      return;
    case 'RHT.security.selinux':
      values.selinux = value.slice(0, value.at(-1) === 0 ? -1 : value.length);
      return;
    case 'SCHILY.acl.access':
      values.aclAccess = decodeText(value);
      return;
    case 'SCHILY.acl.default':
      values.aclDefault = decodeText(value);
      return;
  }
  const xattr = /^(?:SCHILY\.xattr|LIBARCHIVE\.xattr)\.(.+)$/s.exec(keyword);
  if (xattr !== null) {
    // Libarchive writes both; its own form is in base64 and is passed over.
    if (keyword.startsWith('SCHILY')) addXattr(values, xattr[1] as string, value);
    return;
  }
  if (keyword.startsWith('GNU.sparse.')) applySparse(values.sparse, keyword.slice(11), value);
}

function addXattr(values: PaxValues, keyword: string, value: Uint8Array): void {
  const attribute = keyword.replaceAll('%3D', '=').replaceAll('%25', '%');
  values.xattrs = values.xattrs.filter((xattr) => xattr.name !== attribute);
  values.xattrs.push({ name: attribute, value: value.slice() });
}

function applySparse(sparse: PaxSparse, keyword: string, value: Uint8Array): void {
  switch (keyword) {
    case 'name':
      set(sparse, 'name', name(value));
      return;
    case 'size':
    case 'realsize':
      sparse.realSize = whole(keyword, value);
      return;
    case 'major':
    case 'minor':
      sparse[keyword] = whole(keyword, value);
      return;
    case 'numblocks':
      sparse.stretches ??= [];
      return;
    case 'offset':
      (sparse.stretches ??= []).push({ offset: whole(keyword, value), length: 0 });
      return;
    case 'numbytes': {
      const last = sparse.stretches?.at(-1);
      if (last === undefined) throw bad('GNU.sparse.numbytes comes before any GNU.sparse.offset');
      last.length = whole(keyword, value);
      return;
    }
    case 'map': {
      const numbers = value.length === 0 ? [] : decodeText(value).split(',');
      if (numbers.length % 2 !== 0) throw bad('GNU.sparse.map has an odd number of numbers');
      sparse.stretches = [];
      for (let i = 0; i < numbers.length; i += 2) {
        sparse.stretches.push({
          offset: decimal('GNU.sparse.map', numbers[i] as string),
          length: decimal('GNU.sparse.map', numbers[i + 1] as string),
        });
      }
    }
  }
}

function set<T, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete target[key];
  else target[key] = value;
}

/** A name; an empty value takes what was said before back. */
function name(value: Uint8Array): string | undefined {
  if (value.includes(0)) throw bad('a name has a NUL in it');
  return value.length === 0 ? undefined : decodeText(value);
}

function whole(keyword: string, value: Uint8Array): number {
  return decimal(keyword, decodeText(value));
}

/** A whole number of a pax record or a sparse map. Throws CorruptError for what is none. */
export function decimal(what: string, text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw bad(`${what} is ${JSON.stringify(text.slice(0, 40))}, which is no number`);
  return value;
}

/** Seconds with a fraction, perhaps negative. */
function time(keyword: string, value: Uint8Array): Timestamp {
  const text = decodeText(value);
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw bad(`${keyword} is ${JSON.stringify(text.slice(0, 40))}, which is no time`);
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').padEnd(9, '0').slice(0, 9));
  if (match[1] === '') return { seconds, nanoseconds };
  // Nanoseconds count forward from the second.
  return nanoseconds === 0
    ? { seconds: -seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}
