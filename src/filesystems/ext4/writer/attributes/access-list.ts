import { GuestfsError } from '../../../../errors/index.ts';
import { aclToXattr } from '../../acl.ts';

/**
 * POSIX ACLs while they are changed. Forms, and where they are described: see `../../acl.ts`. The rules are those of
 * the draft POSIX.1e 17, "Access Control Lists", as acl(5) tells them.
 */
const USER_OBJ = 0x01;
const USER = 0x02;
const GROUP_OBJ = 0x04;
const GROUP = 0x08;
const MASK = 0x10;
const OTHER = 0x20;
const XATTR_VERSION = 2;
const DISK_VERSION = 1;
const HEADER = 4;
const XATTR_ENTRY = 8;

/** One entry. */
export interface AccessEntry {
  tag: number;
  /** Bits rwx. */
  permissions: number;
  /** User or group; all ones where the tag names none. */
  id: number;
}

const ORDER = [USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER];

function invalid(what: string): GuestfsError {
  return new GuestfsError('EINVAL', `POSIX ACL ${what}`);
}

/**
 * Entries of the kernel's binary form; none for an ACL that is to be removed. Throws EINVAL where it is malformed,
 * ENOTSUP for another version.
 */
export function parseAccessList(value: Uint8Array): AccessEntry[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length === 0) return [];
  if (value.length < HEADER || (value.length - HEADER) % XATTR_ENTRY !== 0) {
    throw invalid(`of ${value.length} bytes, expected 4 and a multiple of 8`);
  }
  const version = view.getUint32(0, true);
  if (version !== XATTR_VERSION) {
    throw new GuestfsError('ENOTSUP', `POSIX ACL of version ${version}, expected ${XATTR_VERSION}`);
  }
  const entries: AccessEntry[] = [];
  for (let at = HEADER; at < value.length; at += XATTR_ENTRY) {
    const tag = view.getUint16(at, true);
    const named = tag === USER || tag === GROUP;
    entries.push({
      tag,
      permissions: view.getUint16(at + 2, true),
      id: named ? view.getUint32(at + 4, true) : 0xffffffff,
    });
  }
  if (entries.length > 0) checkEntries(entries);
  return entries;
}

/** Throws EINVAL unless every part that must be there is, once, in order. */
function checkEntries(entries: readonly AccessEntry[]): void {
  const counts = new Map<number, number>();
  let last = -1;
  for (const { tag, permissions, id } of entries) {
    const order = ORDER.indexOf(tag);
    if (order < 0) throw invalid(`entry with tag 0x${tag.toString(16)}`);
    if (order < last) throw invalid(`entry with tag 0x${tag.toString(16)} is out of order`);
    if (permissions & ~7)
      throw invalid(`entry with permissions 0${permissions.toString(8)}, expected up to 7`);
    if ((tag === USER || tag === GROUP) && id === 0xffffffff) throw invalid('entry names no user or group');
    last = order;
    counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  for (const tag of [USER_OBJ, GROUP_OBJ, OTHER]) {
    const count = counts.get(tag) ?? 0;
    if (count !== 1) throw invalid(`has ${count} entries with tag 0x${tag.toString(16)}, expected 1`);
  }
  const masks = counts.get(MASK) ?? 0;
  const named = counts.has(USER) || counts.has(GROUP);
  if (masks > 1 || (named && masks === 0)) {
    throw invalid(`has ${masks} masks, expected ${named ? '1' : 'at most 1'}`);
  }
}

/** Entries of an ACL as ext4 stores it. Throws CorruptError. */
export function readAccessList(disk: Uint8Array, owner: string): AccessEntry[] {
  return parseAccessList(aclToXattr(disk, owner));
}

/** An ACL as ext4 stores it. */
export function storeAccessList(entries: readonly AccessEntry[]): Uint8Array {
  const size = (tag: number): number => (tag === USER || tag === GROUP ? 8 : 4);
  const bytes = new Uint8Array(entries.reduce((sum, { tag }) => sum + size(tag), HEADER));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, DISK_VERSION, true);
  let at = HEADER;
  for (const { tag, permissions, id } of entries) {
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, permissions, true);
    if (size(tag) === 8) view.setUint32(at + 4, id, true);
    at += size(tag);
  }
  return bytes;
}

function entryOf(entries: readonly AccessEntry[], tag: number): AccessEntry | undefined {
  return entries.find((entry) => entry.tag === tag);
}

/** True if the ACL says nothing that the permission bits do not. */
export function isTrivial(entries: readonly AccessEntry[]): boolean {
  return entries.every(({ tag }) => tag === USER_OBJ || tag === GROUP_OBJ || tag === OTHER);
}

/** The permission bits that an access ACL shows as; the other bits of `mode` stay. */
export function modeOf(entries: readonly AccessEntry[], mode: number): number {
  const bits = (tag: number): number => entryOf(entries, tag)?.permissions ?? 0;
  const group = entryOf(entries, MASK)?.permissions ?? bits(GROUP_OBJ);
  return (mode & ~0o777) | (bits(USER_OBJ) << 6) | (group << 3) | bits(OTHER);
}

/** Put permission bits into an access ACL: those of the group into the mask where it has one. */
export function applyMode(entries: readonly AccessEntry[], mode: number): void {
  const set = (tag: number, permissions: number): void => {
    const entry = entryOf(entries, tag);
    if (entry !== undefined) entry.permissions = permissions & 7;
  };
  set(USER_OBJ, mode >> 6);
  set(entryOf(entries, MASK) === undefined ? GROUP_OBJ : MASK, mode >> 3);
  set(OTHER, mode);
}

/** Make a default ACL the access ACL of something new: it keeps what `mode` allows too. Returns the mode to use. */
export function maskByMode(entries: readonly AccessEntry[], mode: number): number {
  const wanted = modeOf(entries, mode);
  const both = (mode & ~0o777) | (wanted & mode & 0o777);
  applyMode(entries, both);
  return both;
}
