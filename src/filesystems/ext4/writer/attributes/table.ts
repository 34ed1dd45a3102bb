import { XATTR_ENTRY_SIZE } from '../../layout.ts';
import { readXattrEntries } from '../../xattr.ts';

/**
 * Tables of extended attributes: read into a list, changed there, and laid out anew. There are few of them in an
 * inode or block, so that lists cost nothing that matters.
 *
 * Source: Documentation/filesystems/ext4, "Extended Attributes".
 */

/** One attribute. */
export interface Attribute {
  /** `e_name_index`. */
  readonly index: number;
  /** Name without the prefix. */
  readonly name: Uint8Array;
  /** The value where it lies beside the table; empty where it has an inode. */
  readonly value: Uint8Array;
  /** Inode that holds the value, or 0. */
  readonly valueInode: number;
  /** Bytes of the value, wherever it is. */
  readonly size: number;
  /** `e_hash` as stored, or undefined where it has to be computed. */
  readonly hash: number | undefined;
}

const E_HASH = 12;
/** Bytes that end a table of entries. */
const END_MARK = 4;

const round = (size: number): number => (size + 3) & ~3;

/** The attributes of a table; values are copied. See `readXattrEntries` for the offsets. */
export function readTable(
  bytes: Uint8Array,
  first: number,
  end: number,
  owner: string,
  keepHashes: boolean,
): Attribute[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readXattrEntries(bytes, first, end, 0, owner).map((entry) => ({
    index: entry.index,
    name: bytes.slice(entry.nameStart, entry.nameEnd),
    value:
      entry.valueInode === 0
        ? bytes.slice(entry.valueStart, entry.valueStart + entry.valueSize)
        : new Uint8Array(0),
    valueInode: entry.valueInode,
    size: entry.valueSize,
    hash: keepHashes ? view.getUint32(entry.nameStart - XATTR_ENTRY_SIZE + E_HASH, true) : undefined,
  }));
}

/** Bytes that one attribute takes in a table, its value included where that is beside it. */
export function attributeBytes(nameLength: number, valueLength: number): number {
  return XATTR_ENTRY_SIZE + round(nameLength) + round(valueLength);
}

/** Bytes that a table takes, its end mark included. */
export function tableBytes(attributes: readonly Attribute[]): number {
  let sum = END_MARK;
  for (const { name, value } of attributes) sum += attributeBytes(name.length, value.length);
  return sum;
}

/**
 * Lay out a table from `first` on, values from `end` downwards; what is between becomes zeroes. Offsets of values
 * count from `base`. The table must fit. `hashOf` gives each entry's `e_hash`.
 */
export function writeTable(
  bytes: Uint8Array,
  base: number,
  first: number,
  end: number,
  attributes: readonly Attribute[],
  hashOf: (attribute: Attribute) => number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  bytes.fill(0, first, end);
  let at = first;
  let valueAt = end;
  for (const attribute of attributes) {
    const { name, value } = attribute;
    valueAt -= round(value.length);
    bytes[at] = name.length;
    bytes[at + 1] = attribute.index;
    view.setUint16(at + 2, value.length === 0 ? 0 : valueAt - base, true);
    view.setUint32(at + 4, attribute.valueInode, true);
    view.setUint32(at + 8, attribute.size, true);
    view.setUint32(at + E_HASH, hashOf(attribute), true);
    bytes.set(name, at + XATTR_ENTRY_SIZE);
    bytes.set(value, valueAt);
    at += XATTR_ENTRY_SIZE + round(name.length);
  }
}

function turn(hash: number, by: number): number {
  return (hash << by) ^ (hash >>> (32 - by));
}

/** Hash of a name; its bytes count as unsigned. */
function nameHash(name: Uint8Array): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = turn(hash, 5) ^ name[i]!;
  return hash;
}

/** `e_hash` of an attribute with its value beside the table: over the name and the value's 32-bit words. */
export function entryHash(name: Uint8Array, value: Uint8Array): number {
  let hash = nameHash(name);
  for (let i = 0; i < value.length; i += 4) {
    const word =
      value[i]! | ((value[i + 1] ?? 0) << 8) | ((value[i + 2] ?? 0) << 16) | ((value[i + 3] ?? 0) << 24);
    hash = turn(hash, 16) ^ word;
  }
  return hash >>> 0;
}

/** `e_hash` of an attribute with its value in an inode, whose hash stands for it. */
export function inodeEntryHash(name: Uint8Array, valueHash: number): number {
  return (turn(nameHash(name), 16) ^ valueHash) >>> 0;
}

/** `h_hash` of a block: 0, which keeps it from being shared, if an entry's is 0. */
export function blockHash(hashes: readonly number[]): number {
  let hash = 0;
  for (const entry of hashes) {
    if (entry === 0) return 0;
    hash = turn(hash, 16) ^ entry;
  }
  return hash >>> 0;
}

/** Order of attributes in a block: by index, length of name, name. */
export function compareAttributes(a: Attribute, b: Attribute): number {
  if (a.index !== b.index) return a.index - b.index;
  if (a.name.length !== b.name.length) return a.name.length - b.name.length;
  for (let i = 0; i < a.name.length; i++) {
    if (a.name[i] !== b.name[i]) return a.name[i]! - b.name[i]!;
  }
  return 0;
}

/** True if both name the same attribute. */
export function sameName(attribute: Attribute, index: number, name: Uint8Array): boolean {
  return attribute.index === index && sameBytes(attribute.name, name);
}

/** True if two byte strings are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
