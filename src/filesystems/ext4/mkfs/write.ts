import type { BlockDevice } from '../../../block/device.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import type { ViewOf } from '../../../bytes/layout.ts';
import { crc16, crcOfU32 } from '../checksum.ts';
import { GroupDesc64, SUPERBLOCK_OFFSET, type SuperBlockView } from '../layout.ts';
import type { Files } from './files.ts';
import {
  BLOCK_UNINIT,
  descriptorsOf,
  groupEnd,
  groupStart,
  INODE_UNINIT,
  ITABLE_ZEROED,
  superBlockOf,
  usedClusters,
  type Groups,
} from './groups.ts';
import { hasSuperBlock, type Plan } from './plan.ts';
import { sealSuperBlock } from './superblock.ts';

/** Descriptors are made in pieces of so many bytes, so that memory stays bounded. */
const PIECE = 1024 * 1024;

/** Everything that is needed to write a filesystem. */
export interface Image {
  plan: Plan;
  groups: Groups;
  files: Files;
  /** Seed of checksums. */
  seed: number;
  uuid: Uint8Array;
  superBlock: SuperBlockView;
}

/** Make a range read as zeroes; what the device knows to be zeroes already is not written. */
export function zeroRange(device: BlockDevice, offset: number, length: number): void {
  for (const extent of device.extents(offset, length)) {
    if (extent.kind === 'data') device.zero(extent.offset, extent.length);
  }
}

/** True if the device knows that a range reads as zeroes. */
function isZero(device: BlockDevice, offset: number, length: number): boolean {
  for (const extent of device.extents(offset, length)) if (extent.kind === 'data') return false;
  return true;
}

/** Blocks of a group's inode table that hold inodes in use. */
function usedTableBlocks(image: Image, group: number): number {
  return group === 0 ? Math.ceil((image.files.lastInode * image.plan.inodeSize) / image.plan.blockSize) : 0;
}

/**
 * Zero the inode tables, and mark those that are: a table that nobody has used may be left to the kernel, which
 * zeroes it after the first mount.
 */
export function zeroInodeTables(device: BlockDevice, image: Image, lazily: boolean): void {
  const { plan, groups } = image;
  const length = plan.inodeTableBlocks * plan.blockSize;
  for (let first = 0; first < plan.groupsCount;) {
    // Tables that lie together are looked at together: asking the host costs more than all else.
    let count = 1;
    const start = groups.inodeTable[first]!;
    while (groups.inodeTable[first + count] === start + count * plan.inodeTableBlocks) count++;
    if (isZero(device, start * plan.blockSize, count * length)) {
      for (let group = first; group < first + count; group++) groups.flags[group]! |= ITABLE_ZEROED;
    } else {
      for (let group = first; group < first + count; group++) zeroTable(device, image, group, lazily);
    }
    first += count;
  }
}

function zeroTable(device: BlockDevice, image: Image, group: number, lazily: boolean): void {
  const { plan, groups } = image;
  const offset = groups.inodeTable[group]! * plan.blockSize;
  const length = plan.inodeTableBlocks * plan.blockSize;
  const lazy = lazily && groups.lazy && !isZero(device, offset, length);
  zeroRange(device, offset, lazy ? usedTableBlocks(image, group) * plan.blockSize : length);
  if (!lazy) groups.flags[group]! |= ITABLE_ZEROED;
}

function setBits(bitmap: Uint8Array, from: number, to: number): void {
  let bit = from;
  for (; bit < to && bit % 8 !== 0; bit++) bitmap[bit >> 3]! |= 1 << (bit & 7);
  const whole = to >> 3;
  if (bit >> 3 < whole) {
    bitmap.fill(0xff, bit >> 3, whole);
    bit = whole * 8;
  }
  for (; bit < to; bit++) bitmap[bit >> 3]! |= 1 << (bit & 7);
}

/** The block bitmap of a group; bits that stand for no cluster are set. */
function fillBlockBitmap({ plan, groups }: Image, group: number, into: Uint8Array): void {
  const start = groupStart(plan, group);
  const end = groupEnd(plan, group);
  into.fill(0);
  groups.space.runs(start, end, (from, to) => {
    setBits(into, (from - start) / plan.clusterRatio, Math.ceil((to - start) / plan.clusterRatio));
  });
  setBits(into, Math.ceil((end - start) / plan.clusterRatio), into.length * 8);
}

function fillInodeBitmap({ plan, files }: Image, group: number, into: Uint8Array): void {
  into.fill(0);
  if (group === 0) setBits(into, 0, files.lastInode);
  setBits(into, plan.inodesPerGroup, into.length * 8);
}

/** Makes the descriptors of groups, and writes the bitmaps that they vouch for. */
class GroupWriter {
  readonly #image: Image;
  readonly #device: BlockDevice;
  readonly #bitmaps: boolean;
  readonly #bitmap: Uint8Array;
  readonly #one: Uint8Array;
  readonly #view: ViewOf<typeof GroupDesc64>;

  constructor(device: BlockDevice, image: Image, bitmaps: boolean) {
    this.#device = device;
    this.#image = image;
    this.#bitmaps = bitmaps;
    this.#bitmap = new Uint8Array(image.plan.blockSize);
    this.#one = new Uint8Array(GroupDesc64.size);
    this.#view = GroupDesc64.view(this.#one);
  }

  /** Descriptor of a group into `into`, at `base`. */
  put(group: number, into: Uint8Array, base: number): void {
    const { plan, groups, files, seed } = this.#image;
    const view = this.#view;
    this.#one.fill(0);
    const flags = groups.flags[group]!;
    const blockBitmap = groups.blockBitmap[group]!;
    view.bg_block_bitmap_lo = blockBitmap % 0x100000000;
    view.bg_block_bitmap_hi = Math.floor(blockBitmap / 0x100000000);
    const inodeBitmap = groups.inodeBitmap[group]!;
    view.bg_inode_bitmap_lo = inodeBitmap % 0x100000000;
    view.bg_inode_bitmap_hi = Math.floor(inodeBitmap / 0x100000000);
    const inodeTable = groups.inodeTable[group]!;
    view.bg_inode_table_lo = inodeTable % 0x100000000;
    view.bg_inode_table_hi = Math.floor(inodeTable / 0x100000000);
    const start = groupStart(plan, group);
    const end = groupEnd(plan, group);
    const free = Math.ceil((end - start) / plan.clusterRatio) - usedClusters(plan, groups, start, end);
    const freeInodes = plan.inodesPerGroup - (group === 0 ? files.lastInode : 0);
    view.bg_free_blocks_count_lo = free & 0xffff;
    view.bg_free_blocks_count_hi = free >>> 16;
    view.bg_free_inodes_count_lo = freeInodes & 0xffff;
    view.bg_free_inodes_count_hi = freeInodes >>> 16;
    view.bg_used_dirs_count_lo = group === 0 ? files.directories : 0;
    view.bg_flags = flags;
    if (groups.lazy) {
      view.bg_itable_unused_lo = freeInodes & 0xffff;
      view.bg_itable_unused_hi = freeInodes >>> 16;
    }
    if ((flags & BLOCK_UNINIT) === 0) {
      fillBlockBitmap(this.#image, group, this.#bitmap);
      const crc = this.#bitmapWritten(blockBitmap, plan.clustersPerGroup / 8);
      view.bg_block_bitmap_csum_lo = crc & 0xffff;
      view.bg_block_bitmap_csum_hi = crc >>> 16;
    }
    if ((flags & INODE_UNINIT) === 0) {
      fillInodeBitmap(this.#image, group, this.#bitmap);
      const crc = this.#bitmapWritten(inodeBitmap, plan.inodesPerGroup / 8);
      view.bg_inode_bitmap_csum_lo = crc & 0xffff;
      view.bg_inode_bitmap_csum_hi = crc >>> 16;
    }
    const used = this.#one.subarray(0, plan.descSize);
    if (plan.features.has('metadata_csum')) {
      view.bg_checksum = crc32cRaw(crcOfU32(seed, group), used) & 0xffff;
    } else if (groups.lazy) {
      const number = Uint8Array.of(group, group >>> 8, group >>> 16, group >>> 24);
      const at = GroupDesc64.fields.bg_checksum.offset;
      let crc = crc16(crc16(0xffff, this.#image.uuid), number);
      crc = crc16(crc, used, 0, at);
      view.bg_checksum = crc16(crc, used, at + 2, plan.descSize);
    }
    into.set(used, base);
  }

  /** Write the bitmap that was made; returns the checksum of its first `length` bytes, 0 where there are none. */
  #bitmapWritten(block: number, length: number): number {
    const { plan, seed } = this.#image;
    if (this.#bitmaps) this.#device.writeAt(block * plan.blockSize, this.#bitmap);
    return plan.features.has('metadata_csum') ? crc32cRaw(seed, this.#bitmap, 0, length) : 0;
  }
}

/** Write all bitmaps that are not left uninitialised, and all copies of the group descriptors. */
export function writeGroups(device: BlockDevice, image: Image, bitmaps: boolean): void {
  const { plan } = image;
  const writer = new GroupWriter(device, image, bitmaps);
  const perBlock = plan.blockSize / plan.descSize;
  const step = Math.max(1, PIECE / plan.blockSize);
  const copies: { block: number; first: number; count: number }[] = [];
  for (let group = 0; group < plan.groupsCount; group++) {
    const copy = descriptorsOf(plan, group);
    if (copy !== undefined) copies.push(copy);
  }
  // With meta_bg the copies of one descriptor block stand together; otherwise every copy has all of them.
  let next = 0;
  for (let first = 0; first < plan.descBlocks; first += step) {
    const count = Math.min(step, plan.descBlocks - first);
    const bytes = new Uint8Array(count * plan.blockSize);
    const last = Math.min((first + count) * perBlock, plan.groupsCount);
    for (let group = first * perBlock; group < last; group++) {
      writer.put(group, bytes, (group - first * perBlock) * plan.descSize);
    }
    if (!plan.features.has('meta_bg')) {
      for (const { block } of copies) device.writeAt((block + first) * plan.blockSize, bytes);
      continue;
    }
    for (; next < copies.length && copies[next]!.first < first + count; next++) {
      const copy = copies[next]!;
      const at = (copy.first - first) * plan.blockSize;
      device.writeAt(copy.block * plan.blockSize, bytes.subarray(at, at + plan.blockSize));
    }
  }
}

/** Write blocks of metadata, neighbours in one write. */
export function writeBlocks(device: BlockDevice, blockSize: number, blocks: Map<number, Uint8Array>): void {
  const numbers = [...blocks.keys()].toSorted((a, b) => a - b);
  const most = PIECE / blockSize;
  for (let i = 0; i < numbers.length;) {
    let count = 1;
    while (count < most && numbers[i + count] === numbers[i]! + count) count++;
    const pieces = numbers.slice(i, i + count).map((number) => blocks.get(number)!);
    device.writeAt(numbers[i]! * blockSize, joined(pieces, blockSize));
    i += count;
  }
}

/** The pieces as one: themselves where they follow each other in memory, else a copy. */
function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = pieces as [Uint8Array];
  const { buffer, byteOffset } = first;
  const follow = pieces.every(
    (piece, i) => piece.buffer === buffer && piece.byteOffset === byteOffset + i * size,
  );
  if (follow) return new Uint8Array(buffer, byteOffset, pieces.length * size);
  const bytes = new Uint8Array(pieces.length * size);
  for (const [i, piece] of pieces.entries()) bytes.set(piece, i * size);
  return bytes;
}

/** Write the inodes in use, filling up the blocks that hold them. */
export function writeInodes(device: BlockDevice, image: Image): void {
  const { plan, groups, files } = image;
  const bytes = new Uint8Array(usedTableBlocks(image, 0) * plan.blockSize);
  bytes.set(files.inodes.bytes.subarray(0, Math.min(files.inodes.bytes.length, bytes.length)));
  device.writeAt(groups.inodeTable[0]! * plan.blockSize, bytes);
}

/** Write the copies of the superblock, which are never marked clean. */
export function writeBackups(device: BlockDevice, { plan, superBlock }: Image): void {
  const checksums = plan.features.has('metadata_csum');
  const [number, state] = [superBlock.s_block_group_nr, superBlock.s_state];
  superBlock.s_state = 0;
  for (let group = 1; group < plan.groupsCount; group++) {
    if (!hasSuperBlock(plan, group)) continue;
    superBlock.s_block_group_nr = group & 0xffff;
    sealSuperBlock(superBlock, checksums);
    const block = new Uint8Array(plan.blockSize);
    block.set(superBlock.bytes);
    device.writeAt(superBlockOf(plan, group) * plan.blockSize, block);
  }
  superBlock.s_block_group_nr = number;
  superBlock.s_state = state;
  sealSuperBlock(superBlock, checksums);
}

/** Sector that can be written without tearing. */
const SECTOR = 512;

/**
 * Write the primary superblock so that it is there whole or not at all: what follows its first sector first, then
 * the sector with the magic, each made durable.
 */
export function writeSuperBlock(device: BlockDevice, superBlock: SuperBlockView): void {
  device.writeAt(SUPERBLOCK_OFFSET + SECTOR, superBlock.bytes.subarray(SECTOR));
  device.flush();
  device.writeAt(SUPERBLOCK_OFFSET, superBlock.bytes.subarray(0, SECTOR));
  device.flush();
}
