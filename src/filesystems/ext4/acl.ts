import { CorruptError } from '../../errors/index.ts';

/**
 * POSIX ACLs: ext4 stores them shorter than Linux shows them. On disk: u32 version 1, then entries of u16 tag and
 * u16 permissions, followed by a u32 id only where the tag names a user or group. In an attribute: u32 version 2,
 * then entries of u16 tag, u16 permissions, u32 id, the id all ones where there is none. All little-endian.
 *
 * Source: ext4 on-disk layout, "POSIX ACLs"; include/uapi/linux/posix_acl_xattr.h (numbers only).
 */
const DISK_VERSION = 1;
const XATTR_VERSION = 2;
const NO_ID = 0xffffffff;

const USER_OBJ = 0x01;
const USER = 0x02;
const GROUP_OBJ = 0x04;
const GROUP = 0x08;
const MASK = 0x10;
const OTHER = 0x20;

/** The value of `system.posix_acl_*` for an ACL as ext4 stores it. Throws CorruptError where it is malformed. */
export function aclToXattr(disk: Uint8Array, owner: string): Uint8Array {
  const view = new DataView(disk.buffer, disk.byteOffset, disk.byteLength);
  if (disk.length < 4 || view.getUint32(0, true) !== DISK_VERSION) {
    throw new CorruptError(
      'ext4_acl_header',
      `${owner}: ACL of ${disk.length} bytes with version ${disk.length < 4 ? 'none' : view.getUint32(0, true)}, expected ${DISK_VERSION}`,
    );
  }
  const entries: [tag: number, permissions: number, id: number][] = [];
  for (let at = 4; at < disk.length;) {
    if (at + 4 > disk.length) throw cut(owner, disk.length - at);
    const tag = view.getUint16(at, true);
    const permissions = view.getUint16(at + 2, true);
    at += 4;
    if (tag === USER || tag === GROUP) {
      if (at + 4 > disk.length) throw cut(owner, disk.length - at);
      entries.push([tag, permissions, view.getUint32(at, true)]);
      at += 4;
    } else if (tag === USER_OBJ || tag === GROUP_OBJ || tag === MASK || tag === OTHER) {
      entries.push([tag, permissions, NO_ID]);
    } else {
      throw new CorruptError('ext4_acl_entry', `${owner}: ACL entry with tag 0x${tag.toString(16)}`);
    }
  }
  const value = new Uint8Array(4 + entries.length * 8);
  const out = new DataView(value.buffer);
  out.setUint32(0, XATTR_VERSION, true);
  entries.forEach(([tag, permissions, id], i) => {
    out.setUint16(4 + i * 8, tag, true);
    out.setUint16(6 + i * 8, permissions, true);
    out.setUint32(8 + i * 8, id, true);
  });
  return value;
}

function cut(owner: string, left: number): CorruptError {
  return new CorruptError('ext4_acl_entry', `${owner}: ACL entry with only ${left} bytes left`);
}
