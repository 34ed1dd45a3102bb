import { CorruptError } from '../../../../errors/index.ts';
import type { InodeView } from '../../inodes.ts';
import { GOOD_OLD_INODE_SIZE, Inode, XATTR_MAGIC } from '../../layout.ts';
import type { InodeStore } from '../contract.ts';
import type { Geometry } from '../../superblock.ts';
import { readTable, tableBytes, writeTable, type Attribute } from './table.ts';

/** Bytes of `struct ext4_xattr_ibody_header`. */
const HEADER = 4;

/** The attributes between an inode's fields and its end. */
export class BodyTables {
  readonly #geometry: Geometry;
  readonly #inodes: InodeStore;

  constructor(geometry: Geometry, inodes: InodeStore) {
    this.#geometry = geometry;
    this.#inodes = inodes;
  }

  /** Offset of the header in the inode, or 0 where it has no room for attributes. */
  #headerAt(inode: InodeView): number {
    const { inodeSize } = this.#geometry;
    if (inodeSize <= GOOD_OLD_INODE_SIZE) return 0;
    const extra = inode.view.getUint16(inode.base + Inode.i_extra_isize, true);
    if (extra % 4 !== 0 || GOOD_OLD_INODE_SIZE + extra > inodeSize) {
      throw new CorruptError(
        'ext4_inode',
        `i_extra_isize of inode ${inode.number} is ${extra}, expected a multiple of 4 up to ${inodeSize - GOOD_OLD_INODE_SIZE}`,
      );
    }
    if (extra === 0 || GOOD_OLD_INODE_SIZE + extra + 8 > inodeSize) return 0;
    return GOOD_OLD_INODE_SIZE + extra;
  }

  /** Bytes that a table in this inode may take, its end mark included; 0 where there is no room for one. */
  room(number: number): number {
    const at = this.#headerAt(this.#inodes.read(number));
    return at === 0 ? 0 : this.#geometry.inodeSize - at - HEADER;
  }

  read(number: number): Attribute[] {
    const inode = this.#inodes.read(number);
    const at = this.#headerAt(inode);
    if (at === 0 || inode.view.getUint32(inode.base + at, true) !== XATTR_MAGIC) return [];
    const start = inode.base + at + HEADER;
    const bytes = inode.bytes.slice(start, inode.base + this.#geometry.inodeSize);
    return readTable(bytes, 0, bytes.length, `inode ${number}`, true);
  }

  /** Store a table; false where it does not fit. An empty one loses its header too. */
  write(number: number, attributes: readonly Attribute[]): boolean {
    const room = this.room(number);
    if (attributes.length > 0 && tableBytes(attributes) > room) return false;
    if (room === 0) return true;
    const inode = this.#inodes.change(number);
    const header = inode.base + this.#headerAt(inode);
    const end = inode.base + this.#geometry.inodeSize;
    inode.view.setUint32(header, attributes.length > 0 ? XATTR_MAGIC : 0, true);
    const first = header + HEADER;
    // Values beside the table have no hash here: nothing shares an inode.
    writeTable(inode.bytes, first, first, end, attributes, ({ valueInode, hash }) =>
      valueInode === 0 ? 0 : (hash ?? 0),
    );
    return true;
  }
}
