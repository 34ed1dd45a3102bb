import { CorruptError } from '../errors/index.ts';
import type { Xattr } from '../filesystems/filesystem.ts';

/** Names under which Linux keeps POSIX ACLs (acl(5)). */
export const ACL_ACCESS = 'system.posix_acl_access';
export const ACL_DEFAULT = 'system.posix_acl_default';

/** Linux's form of an ACL in an attribute: include/uapi/linux/posix_acl_xattr.h, little-endian. */
const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
const TAGS: Record<number, { name: string; qualified: boolean }> = {
  0x01: { name: 'user', qualified: false },
  0x02: { name: 'user', qualified: true },
  0x04: { name: 'group', qualified: false },
  0x08: { name: 'group', qualified: true },
  0x10: { name: 'mask', qualified: false },
  0x20: { name: 'other', qualified: false },
};

/**
 * The text of an ACL, a line an entry as in `user:1000:rw-`, numeric ids, as acl_to_text(3) writes it. Throws
 * EUCLEAN where the value is no ACL.
 */
export function aclText(value: Uint8Array): string {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length < HEADER || (value.length - HEADER) % ENTRY !== 0) {
    throw new CorruptError('posix_acl_xattr', `has ${value.length} bytes, expected 4 and 8 for each entry`);
  }
  const version = view.getUint32(0, true);
  if (version !== VERSION)
    throw new CorruptError('posix_acl_xattr', `version is ${version}, expected ${VERSION}`);
  let text = '';
  for (let at = HEADER; at < value.length; at += ENTRY) {
    const tag = view.getUint16(at, true);
    const kind = TAGS[tag];
    if (kind === undefined) throw new CorruptError('posix_acl_xattr', `entry has the unknown tag ${tag}`);
    const id = kind.qualified ? String(view.getUint32(at + 4, true)) : '';
    text += `${kind.name}:${id}:${permissions(view.getUint16(at + 2, true))}\n`;
  }
  return text;
}

/** The text of the ACL that permission bits alone stand for. */
export function aclTextOfMode(mode: number): string {
  return `user::${permissions(mode >> 6)}\ngroup::${permissions(mode >> 3)}\nother::${permissions(mode)}\n`;
}

/** Whether attributes hold an ACL that says more than the permission bits do. */
export function hasExtendedAcl(xattrs: readonly Xattr[]): boolean {
  return xattrs.some(
    ({ name, value }) =>
      (name === ACL_ACCESS && value.length > HEADER + 3 * ENTRY) ||
      (name === ACL_DEFAULT && value.length > HEADER),
  );
}

function permissions(bits: number): string {
  return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 1 ? 'x' : '-'}`;
}
