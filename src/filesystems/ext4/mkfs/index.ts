/**
 * Making ext2, ext3 and ext4: what mke2fs(8) of e2fsprogs 1.47 makes with Debian's configuration, laid out in the
 * same way. Sources: the kernel's "ext4 Data Structures and Algorithms", mke2fs(8), mke2fs.conf(5), and the images
 * that mke2fs makes.
 */
import { clockMilliseconds } from '../../../bytes/clock.ts';
import type { BlockDevice } from '../../../block/device.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { randomUuid } from '../../../crypto/random.ts';
import { GuestfsError } from '../../../errors/index.ts';
import type { IdentifyOptions } from '../../identify/signature.ts';
import { eraseSignatures } from '../../wipe/index.ts';
import { SUPERBLOCK_OFFSET, SuperBlock } from '../layout.ts';
import { layOutFiles } from './files.ts';
import { freeClusters, ITABLE_ZEROED, placeGroups, usedClusters } from './groups.ts';
import type { MakeExtOptions } from './options.ts';
import { makePlan, type Plan } from './plan.ts';
import { makeSuperBlock, namesOf, sealSuperBlock } from './superblock.ts';
import {
  writeBackups,
  writeBlocks,
  writeGroups,
  writeInodes,
  writeSuperBlock,
  zeroInodeTables,
  zeroRange,
  type Image,
} from './write.ts';

export type { ExternalJournal, MakeExtOptions, QuotaType } from './options.ts';
export { makeExtJournal, useExtJournal } from './external-journal.ts';

/** What making a filesystem tells besides. */
export interface MakeExtHooks extends IdentifyOptions {
  /** Hears of what was decided otherwise than asked for, one sentence each. */
  warn?: (message: string) => void;
}

/** Where loaders and old RAID superblocks are: cleared at the start and, in whole units, at the end. */
const HEAD = SUPERBLOCK_OFFSET;
const TAIL_UNIT = 65536;

const CHOSEN = { uuid: randomUuid, now: () => Math.floor(clockMilliseconds() / 1000) };

/** Counts kilobytes written, which the superblock tells. */
function counting(device: BlockDevice): { device: BlockDevice; written: () => number } {
  let bytes = 0;
  const counted: BlockDevice = {
    size: device.size,
    sectorSize: device.sectorSize,
    writable: device.writable,
    readAt: (offset, into) => device.readAt(offset, into),
    writeAt(offset, from) {
      bytes += from.length;
      device.writeAt(offset, from);
    },
    zero: (offset, length) => device.zero(offset, length),
    discard: (offset, length) => device.discard(offset, length),
    extents: (offset, length) => device.extents(offset, length),
    flush: () => device.flush(),
    close() {},
  };
  return { device: counted, written: () => Math.ceil(bytes / 1024) };
}

function lastUnit(size: number): number {
  return Math.max(HEAD, Math.floor(size / TAIL_UNIT) * TAIL_UNIT - TAIL_UNIT);
}

/** Work out where everything goes; nothing is written. */
function layOut(device: BlockDevice, options: MakeExtOptions, hooks: MakeExtHooks): Image {
  if (options.encoding !== undefined && !/^utf8(-12\.1)?$/.test(options.encoding)) {
    throw new GuestfsError('EINVAL', `${options.encoding} is no encoding of names, expected utf8`);
  }
  const plan = makePlan(device.size, device.sectorSize, options, hooks.warn);
  const names = namesOf(options, CHOSEN);
  const seed = crc32cRaw(0xffffffff, names.uuid);
  const groups = placeGroups(plan);
  const overheadClusters =
    usedClusters(plan, groups, 0, plan.blocksCount) +
    Math.ceil(plan.firstDataBlock / plan.clusterRatio) +
    Math.ceil(plan.journalBlocks / plan.clusterRatio);
  const files = layOutFiles(plan, groups, options, names, seed);
  const totals = {
    freeClusters: totalFree(plan, groups),
    freeInodes: plan.groupsCount * plan.inodesPerGroup - files.lastInode,
    overheadClusters,
  };
  const superBlock = makeSuperBlock(plan, options, names, totals, files.special);
  return { plan, groups, files, seed, uuid: names.uuid, superBlock };
}

function totalFree(plan: Plan, groups: Image['groups']): number {
  let free = 0;
  for (let group = 0; group < plan.groupsCount; group++) free += freeClusters(plan, groups, group);
  return free;
}

/** Throws what {@link makeExt} would throw before it writes. */
export function assertExtCanBeMade(device: BlockDevice, options: MakeExtOptions): void {
  layOut(device, options, {});
}

/**
 * Make ext2, ext3 or ext4 on a device, as mke2fs(8). What was on it is lost. Only what must be is written: the
 * device tells which ranges are zeroes already.
 *
 * The order is such that after a crash at any point there is what was there before, nothing that anything
 * recognises, or the finished filesystem: signatures of what was there go first, each by itself; the sector with the
 * superblock's magic comes last.
 *
 * Throws EINVAL or EFBIG for numbers, features or names that cannot be (nothing has been written then), ENOSPC where
 * the files of an empty filesystem do not fit, EROFS, and what the device throws.
 */
export function makeExt(device: BlockDevice, options: MakeExtOptions = {}, hooks: MakeExtHooks = {}): void {
  if (!device.writable)
    throw new GuestfsError('EROFS', 'the device is read-only, a filesystem cannot be made on it');
  const image = layOut(device, options, hooks);
  if (options.superBlocksOnly) {
    writeSuperBlocksOnly(device, image);
    return;
  }
  eraseSignatures(device, hooks);
  const { device: counted, written } = counting(device);
  zeroRange(counted, 0, HEAD + SuperBlock.size);
  counted.flush();
  if (options.discard) {
    for (const { offset, length, kind } of device.extents(0, device.size)) {
      if (kind === 'data') device.discard(offset, length);
    }
  }
  const tail = lastUnit(image.plan.blocksCount * image.plan.blockSize);
  if (tail > HEAD + SuperBlock.size) zeroRange(counted, tail, device.size - tail);
  zeroInodeTables(counted, image, options.lazyInodeTables ?? true);
  if (!options.lazyJournal) {
    for (const { block, count } of image.files.zeroes) {
      zeroRange(counted, block * image.plan.blockSize, count * image.plan.blockSize);
    }
  }
  writeGroups(counted, image, true);
  writeInodes(counted, image);
  writeBlocks(counted, image.plan.blockSize, image.files.blocks);
  const { superBlock } = image;
  superBlock.s_kbytes_written = written();
  writeBackups(counted, image);
  sealSuperBlock(superBlock, image.plan.features.has('metadata_csum'));
  counted.flush();
  writeSuperBlock(counted, superBlock);
}

/**
 * Superblocks and descriptors of a filesystem whose own are lost; bitmaps, inode tables and files stay. It is not
 * marked clean: e2fsck(8) must set right what the new descriptors do not know.
 */
function writeSuperBlocksOnly(device: BlockDevice, image: Image): void {
  const { groups, superBlock, plan } = image;
  groups.flags.fill(groups.lazy ? ITABLE_ZEROED : 0);
  superBlock.s_state = 0;
  writeGroups(device, image, false);
  writeBackups(device, image);
  sealSuperBlock(superBlock, plan.features.has('metadata_csum'));
  device.flush();
  writeSuperBlock(device, superBlock);
}
