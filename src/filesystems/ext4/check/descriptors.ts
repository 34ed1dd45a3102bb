import { CorruptError } from '../../../errors/index.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import type { Field } from '../../../bytes/layout.ts';
import { crc16, crcOfU32, crcOfZeroes } from '../checksum.ts';
import { INCOMPAT_64BIT, RO_COMPAT_GDT_CSUM } from '../features.ts';
import { GroupDesc64 } from '../layout.ts';
import type { Geometry } from '../superblock.ts';

const f = GroupDesc64.fields;
const CHECKSUM = f.bg_checksum.offset;

/** Bits of `bg_flags`. */
export const GROUP_INODE_UNINIT = 0x1;
export const GROUP_BLOCK_UNINIT = 0x2;
export const GROUP_INODE_ZEROED = 0x4;

/** True if group descriptors carry checksums, and so groups may be uninitialised. */
export function hasGroupChecksums(geometry: Geometry): boolean {
  return geometry.checksums || (geometry.roCompat & RO_COMPAT_GDT_CSUM) !== 0;
}

/** `bg_checksum` that the descriptor at `base` should have. */
export function groupChecksum(geometry: Geometry, group: number, bytes: Uint8Array, base: number): number {
  const { descSize } = geometry;
  if (geometry.checksums) {
    let crc = crcOfU32(geometry.checksumSeed, group);
    crc = crc32cRaw(crc, bytes, base, base + CHECKSUM);
    crc = crcOfZeroes(crc, 2);
    return crc32cRaw(crc, bytes, base + CHECKSUM + 2, base + descSize) & 0xffff;
  }
  const number = Uint8Array.of(group, group >>> 8, group >>> 16, group >>> 24);
  let crc = crc16(crc16(0xffff, geometry.superBlock.s_uuid), number);
  crc = crc16(crc, bytes, base, base + CHECKSUM);
  return crc16(crc, bytes, base + CHECKSUM + 2, base + descSize);
}

type Name =
  | 'bg_block_bitmap'
  | 'bg_inode_bitmap'
  | 'bg_inode_table'
  | 'bg_free_blocks_count'
  | 'bg_free_inodes_count'
  | 'bg_used_dirs_count'
  | 'bg_itable_unused'
  | 'bg_block_bitmap_csum'
  | 'bg_inode_bitmap_csum';

/** All group descriptors in memory, one after the other. */
export class Descriptors {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #descSize: number;
  readonly #wide: boolean;
  /** Groups whose descriptor was changed. */
  readonly dirty = new Set<number>();

  constructor(geometry: Geometry, bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#descSize = geometry.descSize;
    this.#wide = (geometry.incompat & INCOMPAT_64BIT) !== 0 && geometry.descSize >= 64;
  }

  /** Where a group's descriptor is. Throws CorruptError for a group that there is not. */
  #base(group: number): number {
    const base = group * this.#descSize;
    if (base >= 0 && base + this.#descSize <= this.bytes.length) return base;
    throw new CorruptError(
      'ext4_group_desc',
      `something leads to group ${group}, expected one of the ${this.bytes.length / this.#descSize} that there are`,
    );
  }

  get(group: number, name: Name): number {
    const base = this.#base(group);
    const low = f[`${name}_lo`] as Field<number>;
    const high = f[`${name}_hi`] as Field<number>;
    if (low.size === 2) {
      const value = this.#view.getUint16(base + low.offset, true);
      return this.#wide ? value + this.#view.getUint16(base + high.offset, true) * 0x10000 : value;
    }
    const value = this.#view.getUint32(base + low.offset, true);
    return this.#wide ? value + this.#view.getUint32(base + high.offset, true) * 0x100000000 : value;
  }

  set(group: number, name: Name, value: number): void {
    if (this.get(group, name) === value) return;
    const base = group * this.#descSize;
    const low = f[`${name}_lo`] as Field<number>;
    const high = f[`${name}_hi`] as Field<number>;
    const unit = low.size === 2 ? 0x10000 : 0x100000000;
    const write = (field: Field<number>, part: number): void => {
      if (field.size === 2) this.#view.setUint16(base + field.offset, part, true);
      else this.#view.setUint32(base + field.offset, part, true);
    };
    write(low, value % unit);
    if (this.#wide) write(high, Math.floor(value / unit));
    this.dirty.add(group);
  }

  flags(group: number): number {
    return this.#view.getUint16(this.#base(group) + f.bg_flags.offset, true);
  }

  setFlags(group: number, flags: number): void {
    if (this.flags(group) === flags) return;
    this.#view.setUint16(group * this.#descSize + f.bg_flags.offset, flags, true);
    this.dirty.add(group);
  }

  checksum(group: number): number {
    return this.#view.getUint16(group * this.#descSize + CHECKSUM, true);
  }

  /** Put the checksum of a group right. */
  seal(geometry: Geometry, group: number): void {
    if (!hasGroupChecksums(geometry)) return;
    const base = group * this.#descSize;
    this.#view.setUint16(base + CHECKSUM, groupChecksum(geometry, group, this.bytes, base), true);
  }
}
