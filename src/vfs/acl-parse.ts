import { GuestfsError } from '../errors/index.ts';
import { S_IFDIR, S_IFMT } from '../filesystems/mode.ts';
import { ACL_ACCESS, ACL_DEFAULT } from './acl.ts';
import type { TreeWriter } from './tree-writer.ts';
import type { FileRef } from './tree.ts';

/** Linux's form of an ACL in an attribute: include/uapi/linux/posix_acl_xattr.h, little-endian. */
const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
const UNDEFINED_ID = 0xffffffff;

/** Tags in the order in which entries stand in the attribute. */
const TAG = { userObj: 0x01, user: 0x02, groupObj: 0x04, group: 0x08, mask: 0x10, other: 0x20 } as const;

interface Entry {
  tag: number;
  id: number;
  permissions: number;
}

/** Numbers of names in an ACL's text; undefined for a name that is not known. */
export interface AclNames {
  user: (name: string) => number | undefined;
  group: (name: string) => number | undefined;
}

function bad(text: string, why: string): GuestfsError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return new GuestfsError('EINVAL', `the ACL ${JSON.stringify(shown)}: ${why}`);
}

/**
 * The attribute that an ACL's text stands for: the long form, a line an entry, or the short form, as acl_from_text(3)
 * takes both. Throws EINVAL where entries are missing that acl_valid(3) wants, or stand twice.
 */
export function parseAcl(text: string, names: AclNames): Uint8Array {
  const entries: Entry[] = [];
  for (const part of text.split(/[\n,]/)) {
    const line = part.replace(/#.*/, '').trim();
    if (line !== '') entries.push(parseEntry(text, line, names));
  }
  return encodeAcl(checked(text, entries));
}

function parseEntry(text: string, line: string, names: AclNames): Entry {
  const fields = line.split(':').map((field) => field.trim());
  // The mask and others may leave their empty qualifier out.
  if (fields.length === 2 && /^[mo]/.test(fields[0] ?? '')) fields.splice(1, 0, '');
  // Archives may give the number after the name and the permissions.
  if (fields.length === 4 && /^\d+$/.test(fields[3] ?? '')) fields[1] = fields.pop() as string;
  if (fields.length !== 3) throw bad(text, `the entry ${line} is not TYPE:QUALIFIER:PERMISSIONS`);
  const [type = '', qualifier = '', permissions = ''] = fields;
  return { ...parseTag(text, type, qualifier, names), permissions: parsePermissions(text, permissions) };
}

function parseTag(
  text: string,
  type: string,
  qualifier: string,
  names: AclNames,
): { tag: number; id: number } {
  const plain = qualifier === '';
  switch (type.toLowerCase()) {
    case 'u':
    case 'user':
      if (plain) return { tag: TAG.userObj, id: UNDEFINED_ID };
      return { tag: TAG.user, id: parseId(text, qualifier, names.user) };
    case 'g':
    case 'group':
      if (plain) return { tag: TAG.groupObj, id: UNDEFINED_ID };
      return { tag: TAG.group, id: parseId(text, qualifier, names.group) };
    case 'm':
    case 'mask':
      if (plain) return { tag: TAG.mask, id: UNDEFINED_ID };
      break;
    case 'o':
    case 'other':
      if (plain) return { tag: TAG.other, id: UNDEFINED_ID };
  }
  throw bad(text, `there is no entry of type ${type} with qualifier ${JSON.stringify(qualifier)}`);
}

function parseId(text: string, qualifier: string, lookup: (name: string) => number | undefined): number {
  const id = /^\d{1,10}$/.test(qualifier) ? Number(qualifier) : lookup(qualifier);
  if (id === undefined || id >= UNDEFINED_ID) throw bad(text, `the guest has no ${qualifier}`);
  return id;
}

function parsePermissions(text: string, letters: string): number {
  if (/^[0-7]$/.test(letters)) return Number(letters);
  if (!/^[rwxX-]*$/.test(letters) || letters === '') throw bad(text, `${letters} are no permissions`);
  return (letters.includes('r') ? 4 : 0) | (letters.includes('w') ? 2 : 0) | (letters.includes('x') ? 1 : 0);
}

/** The entries in their order. Throws as acl_valid(3) answers. */
function checked(text: string, entries: Entry[]): Entry[] {
  entries.sort((a, b) => a.tag - b.tag || a.id - b.id);
  for (const [i, { tag, id }] of entries.entries()) {
    const before = entries[i - 1];
    if (before?.tag === tag && before.id === id) throw bad(text, 'an entry stands twice');
  }
  const has = (tag: number): boolean => entries.some((entry) => entry.tag === tag);
  if (!has(TAG.userObj) || !has(TAG.groupObj) || !has(TAG.other)) {
    throw bad(text, 'it needs an entry for the owner, the group and others');
  }
  if ((has(TAG.user) || has(TAG.group)) && !has(TAG.mask)) {
    throw bad(text, 'it names users or groups and has no mask');
  }
  return entries;
}

function encodeAcl(entries: readonly Entry[]): Uint8Array {
  const bytes = new Uint8Array(HEADER + entries.length * ENTRY);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, VERSION, true);
  for (const [i, { tag, id, permissions }] of entries.entries()) {
    const at = HEADER + i * ENTRY;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, permissions, true);
    view.setUint32(at + 4, id, true);
  }
  return bytes;
}

function decodeAcl(value: Uint8Array): Entry[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const wrong =
    value.length < HEADER || (value.length - HEADER) % ENTRY !== 0 || view.getUint32(0, true) !== VERSION;
  if (wrong) {
    throw new GuestfsError(
      'EINVAL',
      `an ACL of ${value.length} bytes is not in the form of the kernel, version 2`,
    );
  }
  const entries: Entry[] = [];
  for (let at = HEADER; at < value.length; at += ENTRY) {
    const permissions = view.getUint16(at + 2, true);
    if (permissions > 7) throw new GuestfsError('EINVAL', `an ACL entry has the permissions ${permissions}`);
    entries.push({ tag: view.getUint16(at, true), id: view.getUint32(at + 4, true), permissions });
  }
  return checked('in the attribute', entries);
}

/**
 * Set an ACL as Linux does: the permission bits follow an access ACL, and one that says no more than they do is not
 * kept. `mode` is the file's st_mode. Throws EACCES for a default ACL of what is no directory, as setxattr(2).
 */
export function setAcl(
  writer: TreeWriter,
  file: FileRef,
  mode: number,
  name: typeof ACL_ACCESS | typeof ACL_DEFAULT,
  value: Uint8Array,
): void {
  const isDefault = name === ACL_DEFAULT;
  if (isDefault && (mode & S_IFMT) !== S_IFDIR) {
    throw new GuestfsError('EACCES', 'only directories have a default ACL');
  }
  if (value.length === HEADER) {
    removeIfPresent(writer, file, name);
    return;
  }
  const entries = decodeAcl(value);
  if (isDefault) {
    writer.setXattr(file, name, encodeAcl(entries));
    return;
  }
  const permissions = (tag: number): number | undefined =>
    entries.find((entry) => entry.tag === tag)?.permissions;
  const group = permissions(TAG.mask) ?? permissions(TAG.groupObj) ?? 0;
  const bits = ((permissions(TAG.userObj) ?? 0) << 6) | (group << 3) | (permissions(TAG.other) ?? 0);
  if (entries.length === 3) removeIfPresent(writer, file, name);
  else writer.setXattr(file, name, encodeAcl(entries));
  if ((mode & 0o777) !== bits) writer.setAttributes(file, { mode: (mode & 0o7000) | bits });
}

function removeIfPresent(writer: TreeWriter, file: FileRef, name: string): void {
  try {
    writer.removeXattr(file, name);
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code !== 'ENODATA') throw error;
  }
}
