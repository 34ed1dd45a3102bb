import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { inodeSeed } from '../checksum.ts';
import { GOOD_OLD_INODE_SIZE, I_BLOCK_SIZE, Inode } from '../layout.ts';

/** Bytes of the fields after the first 128 that are in use. */
export const EXTRA_SIZE = 32;

/** What an inode of a new filesystem says. */
export interface NewInode {
  mode: number;
  links: number;
  size: number;
  /** Allocated bytes, indirect blocks included. */
  allocated: number;
  flags: number;
  /** The 60 bytes of i_block. */
  block: Uint8Array;
}

/** The first inodes of group 0, of which all that mkfs makes are. */
export class InodeImage {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #inodeSize: number;
  readonly #now: number;

  constructor(count: number, inodeSize: number, now: number) {
    this.bytes = new Uint8Array(count * inodeSize);
    this.#view = new DataView(this.bytes.buffer);
    this.#inodeSize = inodeSize;
    this.#now = now;
  }

  #time(at: number, extraAt?: number): void {
    this.#view.setUint32(at, this.#now % 0x100000000, true);
    // Bits 32 and 33 of the seconds, counted from the signed value that the lower 32 are.
    if (extraAt === undefined) return;
    const low = this.#now | 0;
    this.#view.setUint32(extraAt, Math.floor((this.#now - low) / 0x100000000) & 3, true);
  }

  /** Inode of the list of bad blocks: empty, but it has times. */
  putBadBlocks(): void {
    for (const at of [Inode.i_atime, Inode.i_ctime, Inode.i_mtime]) this.#time(at);
  }

  put(number: number, inode: NewInode): void {
    const base = (number - 1) * this.#inodeSize;
    const view = this.#view;
    view.setUint16(base + Inode.i_mode, inode.mode, true);
    view.setUint16(base + Inode.i_links_count, inode.links, true);
    view.setUint32(base + Inode.i_size_lo, inode.size % 0x100000000, true);
    view.setUint32(base + Inode.i_size_high, Math.floor(inode.size / 0x100000000), true);
    const sectors = inode.allocated / 512;
    view.setUint32(base + Inode.i_blocks_lo, sectors % 0x100000000, true);
    view.setUint16(base + Inode.l_i_blocks_high, Math.floor(sectors / 0x100000000), true);
    view.setUint32(base + Inode.i_flags, inode.flags, true);
    this.bytes.set(inode.block.subarray(0, I_BLOCK_SIZE), base + Inode.i_block);
    const large = this.#inodeSize > GOOD_OLD_INODE_SIZE;
    this.#time(base + Inode.i_atime, large ? base + Inode.i_atime_extra : undefined);
    this.#time(base + Inode.i_ctime, large ? base + Inode.i_ctime_extra : undefined);
    this.#time(base + Inode.i_mtime, large ? base + Inode.i_mtime_extra : undefined);
    if (!large) return;
    view.setUint16(base + Inode.i_extra_isize, EXTRA_SIZE, true);
    this.#time(base + Inode.i_crtime, base + Inode.i_crtime_extra);
  }

  /** Set the checksums of all inodes up to `last`. */
  seal(seed: number, last: number): void {
    const view = this.#view;
    for (let number = 1; number <= last; number++) {
      const base = (number - 1) * this.#inodeSize;
      const crc = crc32cRaw(inodeSeed(seed, number, 0), this.bytes, base, base + this.#inodeSize);
      view.setUint16(base + Inode.l_i_checksum_lo, crc & 0xffff, true);
      const wide =
        this.#inodeSize > GOOD_OLD_INODE_SIZE && view.getUint16(base + Inode.i_extra_isize, true) >= 4;
      if (wide) view.setUint16(base + Inode.i_checksum_hi, crc >>> 16, true);
    }
  }
}
