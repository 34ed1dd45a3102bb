import { allocate } from '../../bytes/budget.ts';
import { crc32cRaw } from '../../bytes/crc32c.ts';
import { CorruptError } from '../../errors/index.ts';
import type { Xattr } from '../filesystem.ts';
import { aclToXattr } from './acl.ts';
import type { BlockCache, CachedBlock } from './block-cache.ts';
import { crcOfU32, crcOfZeroes } from './checksum.ts';
import type { ContentReader } from './content.ts';
import { INCOMPAT_64BIT, INCOMPAT_EA_INODE } from './features.ts';
import type { InodeTable, InodeView } from './inodes.ts';
import {
  GOOD_OLD_INODE_SIZE,
  INODE_EA_INODE,
  Inode,
  S_IFMT,
  S_IFREG,
  XATTR_BLOCK_HEADER_SIZE,
  XATTR_MAGIC,
} from './layout.ts';
import { fillMapSource, newMapSource } from './mapping.ts';
import type { Geometry } from './superblock.ts';
import {
  INDEX_ACL_ACCESS,
  INDEX_ACL_DEFAULT,
  isXattr,
  readXattrEntries,
  xattrName,
  type XattrEntry,
} from './xattr.ts';

/** Most bytes that one value may have: what ext4 accepts in an attribute inode. */
const VALUE_CAP = 16 * 1024 * 1024;
const H_CHECKSUM = 0x10;

/** A table of attributes and the buffer that its offsets count in. */
interface Table {
  bytes: Uint8Array;
  entries: XattrEntry[];
}

/** Extended attributes: those in the inode, those in a block, and values that have an inode of their own. */
export class Attributes {
  readonly #geometry: Geometry;
  readonly #blocks: BlockCache;
  readonly #inodes: InodeTable;
  readonly #content: ContentReader;

  constructor(geometry: Geometry, blocks: BlockCache, inodes: InodeTable, content: ContentReader) {
    this.#geometry = geometry;
    this.#blocks = blocks;
    this.#inodes = inodes;
    this.#content = content;
  }

  /** What listxattr(2) and getxattr(2) give: the inode's own first, then the block's, each as stored. */
  list(number: number): Xattr[] {
    const inode = this.#inodes.aim(number);
    const tables: Table[] = [];
    const own = this.#inBody(inode);
    if (own !== undefined) tables.push(own);
    const block = this.#inBlock(inode);
    if (block !== undefined) tables.push(block);
    const found: Xattr[] = [];
    for (const { bytes, entries } of tables) {
      for (const entry of entries) {
        const name = xattrName(bytes, entry);
        if (name === undefined) continue;
        let value = this.#value(number, bytes, entry);
        if (entry.index === INDEX_ACL_ACCESS || entry.index === INDEX_ACL_DEFAULT) {
          value = aclToXattr(value, `${name} of inode ${number}`);
        }
        found.push({ name, value });
      }
    }
    return found;
  }

  /** Value of an attribute that Linux does not show, or undefined. */
  hidden(number: number, index: number, name: string): Uint8Array | undefined {
    const inode = this.#inodes.aim(number);
    const own = this.#inBody(inode);
    const inBody = own?.entries.find((entry) => isXattr(own.bytes, entry, index, name));
    if (own !== undefined && inBody !== undefined) return this.#value(number, own.bytes, inBody);
    const block = this.#inBlock(this.#inodes.aim(number));
    const inBlock = block?.entries.find((entry) => isXattr(block.bytes, entry, index, name));
    if (block !== undefined && inBlock !== undefined) return this.#value(number, block.bytes, inBlock);
    return undefined;
  }

  /** The attributes between the inode's fields and its end; copied, since values may need other inodes. */
  #inBody(inode: InodeView): Table | undefined {
    const { inodeSize } = this.#geometry;
    if (inodeSize <= GOOD_OLD_INODE_SIZE) return undefined;
    const extra = inode.view.getUint16(inode.base + Inode.i_extra_isize, true);
    if (extra % 4 !== 0 || GOOD_OLD_INODE_SIZE + extra > inodeSize) {
      throw new CorruptError(
        'ext4_inode',
        `i_extra_isize of inode ${inode.number} is ${extra}, expected a multiple of 4 up to ${inodeSize - GOOD_OLD_INODE_SIZE}`,
        { offset: this.#inodes.offset },
      );
    }
    if (extra === 0 || GOOD_OLD_INODE_SIZE + extra + 8 > inodeSize) return undefined;
    const header = inode.base + GOOD_OLD_INODE_SIZE + extra;
    if (inode.view.getUint32(header, true) !== XATTR_MAGIC) return undefined;
    const bytes = inode.bytes.slice(header + 4, inode.base + inodeSize);
    return { bytes, entries: readXattrEntries(bytes, 0, bytes.length, 0, `inode ${inode.number}`) };
  }

  #inBlock(inode: InodeView): Table | undefined {
    const { view, base, number } = inode;
    let at = view.getUint32(base + Inode.i_file_acl_lo, true);
    if (this.#geometry.incompat & INCOMPAT_64BIT) {
      at += view.getUint16(base + Inode.l_i_file_acl_high, true) * 0x100000000;
    }
    if (at === 0) return undefined;
    const owner = `attribute block of inode ${number}`;
    const block = this.#blocks.get(at, 'ext4_xattr_header', `inode ${number}`);
    const magic = block.view.getUint32(0, true);
    const count = block.view.getUint32(8, true);
    if (magic !== XATTR_MAGIC || count !== 1) {
      throw new CorruptError(
        'ext4_xattr_header',
        `${owner}: h_magic is 0x${magic.toString(16)} and h_blocks ${count}, expected 0x${XATTR_MAGIC.toString(16)} and 1`,
        { offset: at * this.#geometry.blockSize },
      );
    }
    if (this.#geometry.checksums) this.#verify(block, owner);
    const bytes = block.bytes.slice();
    return { bytes, entries: readXattrEntries(bytes, XATTR_BLOCK_HEADER_SIZE, bytes.length, 0, owner) };
  }

  #verify(block: CachedBlock, owner: string): void {
    const { bytes, number } = block;
    let crc = crcOfU32(this.#geometry.checksumSeed, number % 0x100000000);
    crc = crcOfU32(crc, Math.floor(number / 0x100000000));
    crc = crc32cRaw(crc, bytes, 0, H_CHECKSUM);
    crc = crc32cRaw(crcOfZeroes(crc, 4), bytes, H_CHECKSUM + 4);
    const stored = block.view.getUint32(H_CHECKSUM, true);
    if (crc !== stored) {
      throw new CorruptError(
        'ext4_xattr_header',
        `${owner}: h_checksum is 0x${stored.toString(16)}, the contents have 0x${crc.toString(16)}`,
        { offset: number * this.#geometry.blockSize, checksum: true },
      );
    }
  }

  #value(owner: number, bytes: Uint8Array, entry: XattrEntry): Uint8Array {
    if (entry.valueInode === 0) return bytes.slice(entry.valueStart, entry.valueStart + entry.valueSize);
    const what = `attribute of inode ${owner} with its value in inode ${entry.valueInode}`;
    if ((this.#geometry.incompat & INCOMPAT_EA_INODE) === 0) {
      throw new CorruptError('ext4_xattr_entry', `${what}, but the filesystem lacks the ea_inode feature`);
    }
    const inode = this.#inodes.aim(entry.valueInode);
    const { view, base } = inode;
    const mode = view.getUint16(base + Inode.i_mode, true);
    const flags = view.getUint32(base + Inode.i_flags, true);
    const size = view.getUint32(base + Inode.i_size_lo, true);
    if ((mode & S_IFMT) !== S_IFREG || (flags & INODE_EA_INODE) === 0 || size !== entry.valueSize) {
      throw new CorruptError(
        'ext4_inode',
        `${what}: mode 0${mode.toString(8)}, flags 0x${flags.toString(16)}, size ${size}; expected a file of ` +
          `${entry.valueSize} bytes with the flag 0x200000`,
        { offset: this.#inodes.offset },
      );
    }
    const hash = view.getUint32(base + Inode.i_atime, true);
    const parent = view.getUint32(base + Inode.i_mtime, true);
    const source = fillMapSource(newMapSource(), inode, this.#geometry);
    const value = allocate(size, `value of an ${what}`, VALUE_CAP);
    this.#content.read(source, size, 0, value);
    // Lustre's older form has no hash but names its one owner in i_mtime.
    const computed = crc32cRaw(this.#geometry.checksumSeed, value);
    if (computed !== hash && parent !== owner) {
      throw new CorruptError(
        'ext4_inode',
        `${what}: the value's hash is stored as 0x${hash.toString(16)}, the contents have 0x${computed.toString(16)}`,
        { checksum: true },
      );
    }
    return value;
  }
}
