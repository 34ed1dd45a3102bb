import { GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import { allocate } from '../../../bytes/budget.ts';
import {
  INODE_EA_INODE,
  INODE_EXTENTS,
  INODE_INDEX,
  INODE_INLINE_DATA,
  Inode,
  S_IFDIR,
  S_IFMT,
} from '../layout.ts';
import { sealExtentNode, walkMap } from '../check/block-map.ts';
import type { Committer } from '../check/commit.ts';
import { GROUP_INODE_UNINIT, GROUP_INODE_ZEROED, hasGroupChecksums } from '../check/descriptors.ts';
import {
  changePart,
  directoryParts,
  eachEntry,
  sealDirectoryBlock,
  type DirectoryPart,
} from '../check/directory-blocks.ts';
import { freeInode } from '../check/orphans.ts';
import { inodeTableBlocks } from '../check/places.ts';
import type { Volume } from '../check/volume.ts';

/** Names of inodes that move that are remembered. */
const NAMES_CAP = 2 ** 22;

/** Numbers of the inodes that are in use, from `first` on, of groups that have a bitmap. */
export function* usedInodes(volume: Volume, firstGroup = 0): Iterable<number> {
  const { inodesPerGroup, groupsCount } = volume.geometry;
  for (let group = firstGroup; group < groupsCount; group++) {
    if (volume.descriptors.get(group, 'bg_free_inodes_count') === inodesPerGroup) continue;
    const bitmap = volume.inodeBitmap(group);
    for (let bit = 0; bit < inodesPerGroup; bit++) {
      if (bitmap[bit >>> 3]! & (1 << (bit & 7))) yield group * inodesPerGroup + bit + 1;
    }
  }
}

/** A name of an inode that moves: the directory, the block of it, and where in the block. */
interface NamePlace {
  directory: number;
  logical: number;
  at: number;
}

/** Gives the inodes of groups that go numbers in groups that stay. */
export class Renumberer {
  readonly #volume: Volume;
  readonly #committer: Committer;
  readonly #groups: number;
  /** First number that goes. */
  readonly #limit: number;
  readonly #names = new Map<number, NamePlace[]>();
  /** New numbers by old ones, of directories that hold names. */
  readonly #moved = new Map<number, number>();
  #searchGroup = 0;

  constructor(volume: Volume, committer: Committer, groups: number) {
    this.#volume = volume;
    this.#committer = committer;
    this.#groups = groups;
    this.#limit = groups * volume.geometry.inodesPerGroup + 1;
  }

  run(): void {
    const moving = [...usedInodes(this.#volume, this.#groups)];
    if (moving.length === 0) return;
    this.#findNames();
    if (this.#committer.hasJournal) {
      for (const number of moving) {
        this.#copy(number);
        this.#renameAll(number);
        this.#free(number);
        if (this.#committer.pending >= Math.min(this.#committer.capacity / 3, 2048)) this.#committer.commit();
      }
      return;
    }
    // There is always an inode of either number where a name leads.
    for (const step of [this.#copy, this.#renameAll, this.#free]) {
      for (const number of moving) step.call(this, number);
      this.#committer.commit();
    }
  }

  /** Where the inodes that move are named, `..` of directories in them included. */
  #findNames(): void {
    let count = 0;
    for (const directory of usedInodes(this.#volume)) {
      const inode = this.#volume.readInode(directory);
      if ((inode.view.getUint16(inode.base + Inode.i_mode, true) & S_IFMT) !== S_IFDIR) continue;
      const add = (target: number, logical: number, at: number): void => {
        if (target < this.#limit || target === directory) return;
        if (++count > NAMES_CAP) {
          throw new UnsupportedError(`more than ${NAMES_CAP} names of inodes that would have to move`);
        }
        const places = this.#names.get(target) ?? [];
        places.push({ directory, logical, at });
        this.#names.set(target, places);
      };
      if (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_INLINE_DATA) {
        add(inode.view.getUint32(inode.base + Inode.i_block, true), -1, Inode.i_block);
      }
      for (const part of directoryParts(this.#volume, inode)) {
        const base = part.inline ? inode.base : 0;
        eachEntry(this.#volume, directory, part, (at, _length, target) => {
          if (target !== 0) add(target, part.inline ? -1 : part.logical, at - base);
        });
      }
    }
  }

  #allocate(directory: boolean): number {
    const volume = this.#volume;
    const { descriptors, geometry } = volume;
    for (; this.#searchGroup < this.#groups; this.#searchGroup++) {
      const group = this.#searchGroup;
      const free = descriptors.get(group, 'bg_free_inodes_count');
      if (free === 0) continue;
      const uninit = hasGroupChecksums(geometry) && (descriptors.flags(group) & GROUP_INODE_UNINIT) !== 0;
      if (uninit) this.#clearTable(group);
      const bitmap = volume.inodeBitmap(group);
      let bit = group === 0 ? geometry.firstInode - 1 : 0;
      while (bit < geometry.inodesPerGroup && bitmap[bit >>> 3]! & (1 << (bit & 7))) bit++;
      if (bit >= geometry.inodesPerGroup) continue;
      bitmap[bit >>> 3]! |= 1 << (bit & 7);
      volume.putBitmap('inode', group, bitmap);
      descriptors.set(group, 'bg_free_inodes_count', free - 1);
      if (directory) {
        descriptors.set(group, 'bg_used_dirs_count', descriptors.get(group, 'bg_used_dirs_count') + 1);
      }
      if (hasGroupChecksums(geometry)) {
        const unused = geometry.inodesPerGroup - bit - 1;
        if (descriptors.get(group, 'bg_itable_unused') > unused) {
          descriptors.set(group, 'bg_itable_unused', unused);
        }
      }
      volume.addFree(0, -1);
      return group * geometry.inodesPerGroup + bit + 1;
    }
    throw new GuestfsError('ENOSPC', 'the groups that would be left have no free inode');
  }

  /** What an inode table that was never used holds counts as soon as one of its inodes is used. */
  #clearTable(group: number): void {
    const { descriptors, device, geometry } = this.#volume;
    const table = descriptors.get(group, 'bg_inode_table');
    const { blockSize } = geometry;
    const flags = descriptors.flags(group);
    if (flags & GROUP_INODE_ZEROED) return;
    device.zero(table * blockSize, inodeTableBlocks(geometry) * blockSize);
    for (let i = 0; i < inodeTableBlocks(geometry); i++) this.#volume.blocks.forget(table + i);
    descriptors.setFlags(group, flags | GROUP_INODE_ZEROED);
    descriptors.set(group, 'bg_itable_unused', geometry.inodesPerGroup);
  }

  /** Make an inode of another number out of one. */
  #copy(old: number): void {
    const volume = this.#volume;
    const { geometry } = volume;
    const bytes = allocate(geometry.inodeSize, 'an inode');
    const from = volume.readInode(old);
    bytes.set(from.bytes.subarray(from.base, from.base + geometry.inodeSize));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const flags = view.getUint32(Inode.i_flags, true);
    const directory = (view.getUint16(Inode.i_mode, true) & S_IFMT) === S_IFDIR;
    if (flags & INODE_EA_INODE) {
      throw new UnsupportedError(`inode ${old} holds the value of an attribute and would have to move`);
    }
    const { s_orphan_file_inum, s_usr_quota_inum, s_grp_quota_inum, s_prj_quota_inum, s_journal_inum } =
      geometry.superBlock;
    const kept = [s_orphan_file_inum, s_usr_quota_inum, s_grp_quota_inum, s_prj_quota_inum, s_journal_inum];
    if (kept.includes(old))
      throw new UnsupportedError(`inode ${old} is the filesystem's own and would have to move`);
    const number = this.#allocate(directory);
    const inode = volume.changeInode(number);
    inode.bytes.set(bytes, inode.base);
    volume.sealInode(inode);
    this.#moved.set(old, number);
  }

  #renameAll(old: number): void {
    const number = this.#moved.get(old)!;
    const inode = this.#volume.readInode(number);
    const flags = inode.view.getUint32(inode.base + Inode.i_flags, true);
    this.#checksums(number, old, this.#isDirectory(number), flags);
    for (const place of this.#names.get(old) ?? []) this.#rename(place, number);
  }

  #free(old: number): void {
    const volume = this.#volume;
    const directory = this.#isDirectory(old);
    const gone = volume.changeInode(old);
    gone.bytes.fill(0, gone.base, gone.base + volume.geometry.inodeSize);
    volume.sealInode(gone);
    freeInode(volume, old, directory);
  }

  #isDirectory(number: number): boolean {
    const { view, base } = this.#volume.readInode(number);
    return (view.getUint16(base + Inode.i_mode, true) & S_IFMT) === S_IFDIR;
  }

  /** What hangs on the inode's number: `.`, and the checksums of its map and its directory blocks. */
  #checksums(number: number, old: number, directory: boolean, flags: number): void {
    const volume = this.#volume;
    const inode = volume.readInode(number);
    const seed = volume.seedOf(inode);
    if (volume.geometry.checksums && flags & INODE_EXTENTS) {
      const nodes: number[] = [];
      walkMap(volume, inode, {
        node: (block) => void nodes.push(block),
        run() {},
        badChecksum() {},
      });
      for (const block of nodes) sealExtentNode(volume, seed, block);
    }
    if (!directory || flags & INODE_INLINE_DATA) return;
    const indexed = (flags & INODE_INDEX) !== 0;
    for (const part of directoryParts(volume, volume.readInode(number))) {
      if (part.logical === 0) {
        const { view } = volume.blocks.change(part.block);
        if (view.getUint32(0, true) === old) view.setUint32(0, number, true);
      }
      if (volume.geometry.checksums) sealDirectoryBlock(volume, part.block, seed, indexed);
    }
  }

  #rename({ directory, logical, at }: NamePlace, target: number): void {
    const volume = this.#volume;
    const number = this.#moved.get(directory) ?? directory;
    if (logical < 0) {
      const inode = volume.changeInode(number);
      inode.view.setUint32(inode.base + at, target, true);
      volume.sealInode(inode);
      return;
    }
    const part = this.#part(number, logical);
    changePart(volume, number, part, (view) => view.setUint32(at, target, true));
  }

  #part(directory: number, logical: number): DirectoryPart {
    const { blockSize } = this.#volume.geometry;
    let block = 0;
    walkMap(this.#volume, this.#volume.readInode(directory), {
      node() {},
      run(first, start, length) {
        if (logical >= first && logical < first + length) block = start + logical - first;
      },
      badChecksum() {},
    });
    const { bytes, view } = this.#volume.blocks.read(block);
    return { logical, block, bytes, view, start: 0, end: blockSize, inline: false };
  }
}
