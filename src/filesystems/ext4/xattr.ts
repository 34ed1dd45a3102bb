import { decodeText } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import { XATTR_ENTRY_SIZE } from './layout.ts';

/** Prefixes of attribute names by `e_name_index`; indices without one are never shown. */
const PREFIXES: Record<number, string> = {
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
  7: 'system.',
  10: 'gnu.',
};

/** Name index of the access ACL, which is stored in a form of its own. */
export const INDEX_ACL_ACCESS = 2;
/** Name index of the default ACL of a directory. */
export const INDEX_ACL_DEFAULT = 3;
/** Attributes that the driver keeps for itself: inline data, encryption contexts, verity descriptors. */
export const INDEX_SYSTEM = 7;

/** One entry of an attribute table, with the value still where it is. */
export interface XattrEntry {
  index: number;
  /** Name without the prefix, as bytes in the table. */
  nameStart: number;
  nameEnd: number;
  /** Inode that holds the value; 0 where it is beside the table. */
  valueInode: number;
  /** Offset of the value in the table's buffer. */
  valueStart: number;
  valueSize: number;
}

/**
 * Entries of an attribute table. `first` is the offset of the first entry, `end` that of the first byte after the
 * area, `valueBase` what value offsets count from. Throws CorruptError where names or values do not lie within.
 */
export function readXattrEntries(
  bytes: Uint8Array,
  first: number,
  end: number,
  valueBase: number,
  owner: string,
): XattrEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: XattrEntry[] = [];
  for (let at = first; ;) {
    if (at + 4 > end) {
      throw new CorruptError('ext4_xattr_entry', `${owner}: the table of entries runs past its area`);
    }
    if (view.getUint32(at, true) === 0) return entries;
    const nameLength = bytes[at]!;
    const nameStart = at + XATTR_ENTRY_SIZE;
    if (nameStart + nameLength > end) {
      throw new CorruptError(
        'ext4_xattr_entry',
        `${owner}: name of ${nameLength} bytes with ${Math.max(0, end - nameStart)} left`,
      );
    }
    const valueInode = view.getUint32(at + 4, true);
    const valueSize = view.getUint32(at + 8, true);
    const valueStart = valueBase + view.getUint16(at + 2, true);
    if (valueInode === 0 && valueSize > 0 && (valueStart < first || valueStart + valueSize > end)) {
      throw new CorruptError(
        'ext4_xattr_entry',
        `${owner}: value of ${valueSize} bytes at ${valueStart - valueBase}, the area ends at ${end - valueBase}`,
      );
    }
    entries.push({
      index: bytes[at + 1]!,
      nameStart,
      nameEnd: nameStart + nameLength,
      valueInode,
      valueStart,
      valueSize,
    });
    at = nameStart + ((nameLength + 3) & ~3);
  }
}

/** Full name of an attribute, or undefined where Linux does not show it. */
export function xattrName(bytes: Uint8Array, entry: XattrEntry): string | undefined {
  const prefix = PREFIXES[entry.index];
  if (prefix === undefined) return undefined;
  if (entry.index === INDEX_ACL_ACCESS || entry.index === INDEX_ACL_DEFAULT) return prefix;
  // No handler serves the rest of "system.": it holds inline data.
  if (entry.index === INDEX_SYSTEM) return undefined;
  return prefix + decodeText(bytes, entry.nameStart, entry.nameEnd);
}

/** True if the entry has this index and this ASCII name. */
export function isXattr(bytes: Uint8Array, entry: XattrEntry, index: number, name: string): boolean {
  if (entry.index !== index || entry.nameEnd - entry.nameStart !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    if (bytes[entry.nameStart + i] !== name.charCodeAt(i)) return false;
  }
  return true;
}
