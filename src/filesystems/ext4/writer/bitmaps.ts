import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { divideUp } from '../../../bytes/round.ts';
import { CorruptError } from '../../../errors/index.ts';
import * as feature from '../features.ts';
import { groupFirstBlock, groupHasSuper } from '../groups.ts';
import { tableBlocks } from '../statfs.ts';
import type { Geometry } from '../superblock.ts';
import { countSet, fillBits } from './bits.ts';
import { BG_BLOCK_UNINIT, BG_INODE_UNINIT, type GroupDescriptors } from './groups.ts';
import type { BlockEntry, BlockStore } from './store.ts';

type Kind = 'block' | 'inode';

/** Blocks that begin a group and hold the superblock, descriptors and those kept for more of them. */
export function leadingBlocks(geometry: Geometry, group: number): number {
  const perBlock = geometry.blockSize / geometry.descSize;
  const descriptorBlocks = divideUp(geometry.groupsCount, perBlock);
  const metaBg = (geometry.incompat & feature.INCOMPAT_META_BG) !== 0;
  const firstMeta = metaBg ? geometry.superBlock.s_first_meta_bg : Infinity;
  const hasSuper = groupHasSuper(geometry, group);
  let blocks = hasSuper ? 1 : 0;
  // Where 1 KiB blocks start at 0 (bigalloc), block 0 precedes the superblock.
  if (group === 0 && geometry.blockSize === 1024 && geometry.firstDataBlock === 0) blocks++;
  if (Math.floor(group / perBlock) >= firstMeta) {
    const within = group % perBlock;
    if (within === 0 || within === 1 || within === perBlock - 1) blocks++;
  } else if (hasSuper) {
    blocks += Math.min(firstMeta, descriptorBlocks) + geometry.superBlock.s_reserved_gdt_blocks;
  }
  return blocks;
}

function asBitmap(entry: BlockEntry): BlockEntry {
  entry.role = 'bitmap';
  return entry;
}

/** The bitmaps of the groups: made where they were never written, their checksums verified at the first look. */
export class Bitmaps {
  readonly #store: BlockStore;
  readonly #geometry: Geometry;
  readonly #groups: GroupDescriptors;
  readonly #verified: Record<Kind, Uint8Array>;
  /** Groups whose bitmap changed since its checksum was set. */
  readonly #stale: Record<Kind, Set<number>> = { block: new Set(), inode: new Set() };
  /** Clusters of a whole group. */
  readonly clustersPerGroup: number;

  constructor(store: BlockStore, geometry: Geometry, groups: GroupDescriptors) {
    this.#store = store;
    this.#geometry = geometry;
    this.#groups = groups;
    this.clustersPerGroup = geometry.blocksPerGroup / geometry.clusterRatio;
    this.#verified = {
      block: new Uint8Array(geometry.groupsCount),
      inode: new Uint8Array(geometry.groupsCount),
    };
  }

  /** Clusters that a group has; fewer than usual in the last one. */
  clustersOf(group: number): number {
    const { blocksCount, clusterRatio } = this.#geometry;
    const left = blocksCount - groupFirstBlock(this.#geometry, group);
    return Math.min(this.clustersPerGroup, divideUp(left, clusterRatio));
  }

  /** The bitmap of a group's clusters, to look at. One that was never written is given as it would be. */
  block(group: number): Uint8Array {
    const descriptor = this.#groups.aim(group);
    if (descriptor.flags & BG_BLOCK_UNINIT) return this.#initialBlocks(group);
    return this.#verifiedEntry('block', group, descriptor.blockBitmap).bytes;
  }

  /** The bitmap of a group's clusters, to change. Its checksum is set at the commit. */
  changeBlock(group: number): BlockEntry {
    const descriptor = this.#groups.aim(group);
    const place = descriptor.blockBitmap;
    this.#stale.block.add(group);
    if ((descriptor.flags & BG_BLOCK_UNINIT) === 0) {
      this.#verifiedEntry('block', group, place);
      return asBitmap(this.#store.change(place));
    }
    const initial = this.#initialBlocks(group);
    const entry = asBitmap(this.#store.create(place));
    entry.bytes.set(initial);
    this.#verified.block[group] = 1;
    const changed = this.#groups.change(group);
    changed.flags &= ~BG_BLOCK_UNINIT;
    changed.freeClusters = this.clustersOf(group) - countSet(initial, 0, this.clustersOf(group));
    changed.seal();
    return entry;
  }

  /** The bitmap of a group's inodes, to look at. */
  inode(group: number): Uint8Array {
    const descriptor = this.#groups.aim(group);
    if (descriptor.flags & BG_INODE_UNINIT) return this.#initialInodes();
    return this.#verifiedEntry('inode', group, descriptor.inodeBitmap).bytes;
  }

  /** The bitmap of a group's inodes, to change. */
  changeInode(group: number): BlockEntry {
    const descriptor = this.#groups.aim(group);
    const place = descriptor.inodeBitmap;
    this.#stale.inode.add(group);
    if ((descriptor.flags & BG_INODE_UNINIT) === 0) {
      this.#verifiedEntry('inode', group, place);
      return asBitmap(this.#store.change(place));
    }
    const entry = asBitmap(this.#store.create(place));
    entry.bytes.set(this.#initialInodes());
    this.#verified.inode[group] = 1;
    const changed = this.#groups.change(group);
    changed.flags &= ~BG_INODE_UNINIT;
    changed.seal();
    return entry;
  }

  #initialInodes(): Uint8Array {
    const bytes = new Uint8Array(this.#geometry.blockSize);
    const { inodesPerGroup, blockSize } = this.#geometry;
    fillBits(bytes, inodesPerGroup, blockSize * 8 - inodesPerGroup, true);
    return bytes;
  }

  /** What a bitmap that was never written stands for: only the group's own metadata is in use. */
  #initialBlocks(group: number): Uint8Array {
    const geometry = this.#geometry;
    const bytes = new Uint8Array(geometry.blockSize);
    const first = groupFirstBlock(geometry, group);
    const clusters = this.clustersOf(group);
    const mark = (block: number, count: number): void => {
      const from = Math.floor((block - first) / geometry.clusterRatio);
      const to = Math.floor((block + count - 1 - first) / geometry.clusterRatio);
      if (count > 0 && to >= 0 && from < clusters) {
        fillBits(bytes, Math.max(0, from), Math.min(clusters - 1, to) - Math.max(0, from) + 1, true);
      }
    };
    mark(first, leadingBlocks(geometry, group));
    const descriptor = this.#groups.aim(group);
    mark(descriptor.blockBitmap, 1);
    mark(descriptor.inodeBitmap, 1);
    mark(descriptor.inodeTable, tableBlocks(geometry));
    fillBits(bytes, clusters, geometry.blockSize * 8 - clusters, true);
    return bytes;
  }

  #verifiedEntry(kind: Kind, group: number, place: number): BlockEntry {
    const entry = this.#store.get(place, `${kind} bitmap`, `group ${group}`);
    const verified = this.#verified[kind];
    if (verified[group] === 0) {
      if (this.#geometry.checksums) this.#verify(kind, group, entry);
      verified[group] = 1;
    }
    return entry;
  }

  #checksum(kind: Kind, bytes: Uint8Array): number {
    const bits = kind === 'block' ? this.clustersPerGroup : this.#geometry.inodesPerGroup;
    const sum = crc32cRaw(this.#geometry.checksumSeed, bytes, 0, Math.floor(bits / 8));
    return this.#groups.wide ? sum : sum & 0xffff;
  }

  #verify(kind: Kind, group: number, entry: BlockEntry): void {
    const descriptor = this.#groups.aim(group);
    const stored = kind === 'block' ? descriptor.blockBitmapChecksum : descriptor.inodeBitmapChecksum;
    const computed = this.#checksum(kind, entry.bytes);
    if (stored !== computed) {
      throw new CorruptError(
        `${kind} bitmap`,
        `the checksum of the ${kind} bitmap of group ${group} is 0x${stored.toString(16)}, the contents have ` +
          `0x${computed.toString(16)}`,
        { offset: entry.number * this.#geometry.blockSize, checksum: true },
      );
    }
  }

  /** Set the checksums of all bitmaps that changed; part of a commit. */
  seal(): void {
    for (const kind of ['block', 'inode'] as const) {
      if (this.#geometry.checksums) {
        for (const group of this.#stale[kind]) {
          const descriptor = this.#groups.change(group);
          if (descriptor.flags & (kind === 'block' ? BG_BLOCK_UNINIT : BG_INODE_UNINIT)) continue;
          const place = kind === 'block' ? descriptor.blockBitmap : descriptor.inodeBitmap;
          const sum = this.#checksum(kind, this.#store.read(place).bytes);
          if (kind === 'block') descriptor.blockBitmapChecksum = sum;
          else descriptor.inodeBitmapChecksum = sum;
          descriptor.seal();
        }
      }
      this.#stale[kind].clear();
    }
  }
}
