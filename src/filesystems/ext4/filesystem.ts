import type { BlockDevice, Extent } from '../../block/device.ts';
import { decodeText } from '../../bytes/text.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import type { DirEntry, FileSystem, OpenFileSystemOptions, Stat, StatFs, Xattr } from '../filesystem.ts';
import type { FileSystemWriter } from '../writer.ts';
import { Attributes } from './attributes.ts';
import { BlockCache, type LiveBlocks } from './block-cache.ts';
import { ContentReader } from './content.ts';
import { Directories } from './directories.ts';
import {
  INCOMPAT_64BIT,
  INCOMPAT_CASEFOLD,
  INCOMPAT_EA_INODE,
  RO_COMPAT_ORPHAN_PRESENT,
} from './features.ts';
import { noKeyTarget } from './fscrypt.ts';
import { GroupTable } from './groups.ts';
import { InodeTable, type InodeView, type LiveInodes } from './inodes.ts';
import {
  I_BLOCK_SIZE,
  INODE_EA_INODE,
  INODE_ENCRYPT,
  INODE_EXTENTS,
  INODE_INLINE_DATA,
  Inode,
  ROOT_INODE,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from './layout.ts';
import { BlockMapper, fillMapSource, newMapSource, type MapSource } from './mapping.ts';
import { findOrphans, type Orphans } from './orphans.ts';
import type { Patches } from './patches.ts';
import { inodeSize, readStat } from './stat.ts';
import { readStatFs } from './statfs.ts';
import type { Geometry } from './superblock.ts';
import { INDEX_SYSTEM } from './xattr.ts';

/** What is kept of the file that was read last, so that the next read of it needs no inode. */
interface OpenFile {
  number: number;
  mode: number;
  flags: number;
  size: number;
  source: MapSource;
  /** Content that lies in the inode. */
  inline: Uint8Array | undefined;
}

/** The filesystem as a writer sees it: what the reader looks at from the first change on. */
export interface LiveView {
  /** Reads with all changes made so far. */
  readonly device: BlockDevice;
  readonly geometry: Geometry;
  readonly blocks: LiveBlocks;
  readonly inodes: LiveInodes;
}

/** Where a writer comes from. */
export interface WriterSource {
  /**
   * Throws EROFS where the filesystem must not be written. `attach` is called before the first change, `changed` after
   * each.
   */
  open(attach: (live: LiveView) => void, changed: () => void): FileSystemWriter;
}

/** ext2, ext3 and ext4: the reader, and the door to the writer. */
export class Ext4FileSystem implements FileSystem {
  readonly type: string;
  readonly root = ROOT_INODE;
  readonly caseInsensitive: boolean;
  geometry!: Geometry;
  groups!: GroupTable;
  inodes!: InodeTable;
  mapper!: BlockMapper;
  content!: ContentReader;
  attributes!: Attributes;
  #blocks!: BlockCache;
  #directories!: Directories;
  readonly #options: OpenFileSystemOptions;
  #patches: Patches | undefined;
  readonly #open: OpenFile;
  #hasOrphans: boolean;
  readonly #writing: WriterSource | undefined;
  #writer: FileSystemWriter | undefined;
  #orphans: Orphans | undefined;
  #statfs: StatFs | undefined;

  constructor(
    type: string,
    device: BlockDevice,
    geometry: Geometry,
    options: OpenFileSystemOptions,
    patches?: Patches,
    writing?: WriterSource,
  ) {
    this.type = type;
    this.#writing = writing;
    this.caseInsensitive = (geometry.incompat & INCOMPAT_CASEFOLD) !== 0;
    this.#options = options;
    this.#hasOrphans =
      !options.mountOptions?.some(isNoRecovery) &&
      (geometry.superBlock.s_last_orphan !== 0 || (geometry.roCompat & RO_COMPAT_ORPHAN_PRESENT) !== 0);
    this.#build(device, geometry, patches);
    this.#open = { number: 0, mode: 0, flags: 0, size: 0, source: newMapSource(), inline: undefined };
  }

  #build(device: BlockDevice, geometry: Geometry, patches: Patches | undefined): void {
    this.geometry = geometry;
    this.#patches = patches;
    this.#blocks = new BlockCache(device, geometry);
    this.groups = new GroupTable(geometry, this.#blocks);
    this.inodes = new InodeTable(device, geometry, this.groups);
    this.mapper = new BlockMapper(geometry, this.#blocks, patches?.maps);
    this.content = new ContentReader(device, geometry.blockSize, this.mapper);
    this.attributes = new Attributes(geometry, this.#blocks, this.inodes, this.content);
    this.#directories = new Directories(
      device,
      geometry,
      this.#blocks,
      this.mapper,
      this.inodes,
      patches?.directories,
    );
  }

  openWriter(): FileSystemWriter {
    if (this.#writer === undefined) {
      if (this.#writing === undefined) {
        throw new GuestfsError('EROFS', 'this ext4 filesystem was opened for reading alone');
      }
      this.#writer = this.#writing.open(
        (live) => {
          this.#build(live.device, live.geometry, undefined);
          this.#blocks.attach(live.blocks);
          this.inodes.attach(live.inodes);
          this.#hasOrphans = false;
          this.#changed();
        },
        () => this.#changed(),
      );
    }
    return this.#writer;
  }

  /** Something was written: what is remembered beside blocks and inodes may be no longer true. */
  #changed(): void {
    this.#open.number = 0;
    this.#statfs = undefined;
    this.#orphans = undefined;
  }

  lookup(directory: number, name: string): number {
    const file = this.#directory(directory);
    return this.#directories.lookup(file, name);
  }

  readdir(directory: number): Iterable<DirEntry> {
    const file = this.#directory(directory);
    // An iteration outlives the next call: it gets a map of its own.
    const source = newMapSource();
    source.number = file.source.number;
    source.usesExtents = file.source.usesExtents;
    source.seed = file.source.seed;
    new Uint8Array(source.iBlock.buffer).set(new Uint8Array(file.source.iBlock.buffer));
    return this.#directories.entries({ ...file, source });
  }

  stat(inode: number): Stat {
    const stat = readStat(this.#aim(inode), this.geometry);
    if (this.#hasOrphans) stat.blocks -= this.#findOrphans().truncated.get(inode) ?? 0;
    if ((stat.mode & S_IFMT) === S_IFLNK) this.#fixLinkSize(stat);
    return stat;
  }

  read(inode: number, offset: number, into: Uint8Array): number {
    const file = this.#file(inode);
    this.#checkContent(file);
    if (file.inline !== undefined) {
      const part = file.inline.subarray(offset, Math.min(file.size, offset + into.length));
      into.set(part);
      return part.length;
    }
    return this.content.read(file.source, file.size, offset, into);
  }

  extents(inode: number, offset: number, length: number): Iterable<Extent> {
    const file = this.#file(inode);
    this.#checkContent(file);
    if (offset >= file.size || length <= 0) return [];
    if (file.inline !== undefined) {
      return [{ offset, length: Math.min(length, file.size - offset), kind: 'data' }];
    }
    const source = fillMapSource(newMapSource(), this.inodes.aim(inode), this.geometry);
    return this.content.extents(source, file.size, offset, length);
  }

  readlink(inode: number): string {
    const target = this.#linkTarget(inode);
    return this.#open.flags & INODE_ENCRYPT ? noKeyTarget(target) : decodeText(target);
  }

  xattrs(inode: number): Xattr[] {
    this.#aim(inode);
    return this.attributes.list(inode);
  }

  statfs(): StatFs {
    this.#statfs ??= readStatFs(
      this.geometry,
      this.groups,
      this.#options.mountOptions ?? [],
      this.#findOrphans(),
      () => inodeSize(this.inodes.aim(this.geometry.superBlock.s_journal_inum), this.geometry),
    );
    return { ...this.#statfs };
  }

  flags(inode: number): number {
    const view = this.#aim(inode);
    return userFlags(view.view.getUint32(view.base + Inode.i_flags, true));
  }

  generation(inode: number): number {
    const view = this.#aim(inode);
    return view.view.getUint32(view.base + Inode.i_generation, true);
  }

  #findOrphans(): Orphans {
    const { geometry, inodes, mapper } = this;
    if (this.#orphans === undefined) {
      this.#orphans = !this.#hasOrphans
        ? { freedClusters: 0, freedInodes: 0, truncated: new Map() }
        : findOrphans(geometry, inodes, this.#blocks, mapper, this.#options.warn ?? (() => {}));
      this.#orphans.freedClusters += this.#patches?.freedClusters ?? 0;
      this.#orphans.freedInodes += this.#patches?.freedInodes ?? 0;
    }
    return this.#orphans;
  }

  /** How a name of raw bytes is shown in a directory. */
  showName(directory: number, name: Uint8Array): string {
    return this.#directories.showName(this.#directory(directory), name);
  }

  /** Forget what was read of inodes: they have been written. */
  forget(): void {
    this.inodes.clear();
    this.#open.number = 0;
  }

  close(): void {
    this.#writer?.close();
    this.#blocks.clear();
    this.inodes.clear();
    this.#open.number = 0;
  }

  /** The inode that a directory entry may name; throws CorruptError for reserved and deleted ones. */
  #aim(number: number): InodeView {
    if (number < this.geometry.firstInode && number !== ROOT_INODE) {
      throw new CorruptError(
        'ext4_inode',
        `inode ${number} is reserved, expected ${ROOT_INODE} or one from ${this.geometry.firstInode}`,
      );
    }
    const inode = this.inodes.aim(number);
    if (inode.view.getUint16(inode.base + Inode.i_links_count, true) === 0) {
      throw new CorruptError('ext4_inode', `inode ${number} is deleted (i_links_count is 0)`, {
        offset: this.inodes.offset,
      });
    }
    return inode;
  }

  #file(number: number): OpenFile {
    const file = this.#open;
    if (file.number === number) return file;
    const inode = this.#aim(number);
    file.number = 0;
    file.mode = inode.view.getUint16(inode.base + Inode.i_mode, true);
    file.flags = inode.view.getUint32(inode.base + Inode.i_flags, true);
    file.size = inodeSize(inode, this.geometry);
    fillMapSource(file.source, inode, this.geometry);
    const limit = this.mapper.maxBlocks(file.source.usesExtents) * this.geometry.blockSize;
    const isInline = (file.flags & INODE_INLINE_DATA) !== 0;
    const isLink = (file.mode & S_IFMT) === S_IFLNK;
    if (file.size > limit && !isLink) {
      throw new CorruptError(
        'ext4_inode',
        `size of inode ${number} is ${file.size}, expected at most ${limit}`,
        {
          offset: this.inodes.offset,
        },
      );
    }
    file.inline = isInline ? this.#inlineData(number, file.source) : undefined;
    if (file.inline !== undefined && file.size > file.inline.length && (file.mode & S_IFMT) !== S_IFDIR) {
      throw new CorruptError(
        'ext4_inode',
        `size of inode ${number} is ${file.size}, but its inline data has ${file.inline.length} bytes`,
        { offset: this.inodes.offset },
      );
    }
    file.number = number;
    return file;
  }

  /** `i_block` and what follows it in the attribute `system.data`. */
  #inlineData(number: number, source: MapSource): Uint8Array {
    const rest = this.attributes.hidden(number, INDEX_SYSTEM, 'data');
    const data = new Uint8Array(I_BLOCK_SIZE + (rest?.length ?? 0));
    data.set(new Uint8Array(source.iBlock.buffer));
    if (rest !== undefined) data.set(rest, I_BLOCK_SIZE);
    return data;
  }

  #directory(number: number): OpenFile {
    const file = this.#file(number);
    if ((file.mode & S_IFMT) !== S_IFDIR) {
      throw new GuestfsError(
        'ENOTDIR',
        `inode ${number} is not a directory (mode 0${file.mode.toString(8)})`,
      );
    }
    return file;
  }

  #checkContent(file: OpenFile): void {
    const type = file.mode & S_IFMT;
    if (type === S_IFDIR) throw new GuestfsError('EISDIR', `inode ${file.number} is a directory`);
    if (type !== S_IFREG) {
      throw new GuestfsError(
        'EINVAL',
        `inode ${file.number} has no content (mode 0${file.mode.toString(8)})`,
      );
    }
    if (file.flags & INODE_ENCRYPT) {
      throw new GuestfsError(
        'ENOKEY',
        `inode ${file.number} is encrypted by the guest (fscrypt), its content needs a key that is not in the image`,
      );
    }
  }

  /** Linux gives the length of an encrypted link's target as it shows it. */
  #fixLinkSize(stat: Stat): void {
    const inode = this.inodes.aim(stat.inode);
    if (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_ENCRYPT) {
      stat.size = this.readlink(stat.inode).length;
    }
  }

  #linkTarget(number: number): Uint8Array {
    const file = this.#file(number);
    if ((file.mode & S_IFMT) !== S_IFLNK) {
      throw new GuestfsError(
        'EINVAL',
        `inode ${number} is not a symbolic link (mode 0${file.mode.toString(8)})`,
      );
    }
    if (file.inline !== undefined) return file.inline.subarray(0, file.size);
    const { blockSize } = this.geometry;
    if (file.size > blockSize) {
      throw new CorruptError(
        'ext4_inode',
        `target of link ${number} has ${file.size} bytes, expected at most ${blockSize}`,
      );
    }
    if (this.#isFastLink(number, file)) {
      return new Uint8Array(file.source.iBlock.buffer).slice(0, file.size);
    }
    const target = new Uint8Array(file.size);
    this.content.read(file.source, file.size, 0, target);
    return target;
  }

  /** True if the target is in `i_block` itself: no block is allocated but perhaps one for attributes. */
  #isFastLink(number: number, file: OpenFile): boolean {
    if (file.flags & INODE_EXTENTS || file.size >= I_BLOCK_SIZE) return false;
    if (this.geometry.incompat & INCOMPAT_EA_INODE || file.flags & INODE_EA_INODE) return true;
    const { view, base } = this.inodes.aim(number);
    const high =
      this.geometry.incompat & INCOMPAT_64BIT ? view.getUint16(base + Inode.l_i_file_acl_high, true) : 0;
    const hasBlock = view.getUint32(base + Inode.i_file_acl_lo, true) !== 0 || high !== 0;
    const ownSectors = hasBlock ? (this.geometry.blockSize * this.geometry.clusterRatio) / 512 : 0;
    return view.getUint32(base + Inode.i_blocks_lo, true) <= ownSectors;
  }
}

/** Mount options that leave the journal and the orphans alone. */
export function isNoRecovery(option: string): boolean {
  return option === 'noload' || option === 'norecovery';
}

/** Flags that FS_IOC_GETFLAGS shows. */
function userFlags(flags: number): number {
  return flags & 0x725bdfff;
}
