import { divideUp, isPowerOfTwo } from '../../../bytes/round.ts';
import { GuestfsError } from '../../../errors/index.ts';
import type { FeatureSet } from './feature-set.ts';
import type { MakeExtOptions } from './options.ts';
import { profileOf } from './profile.ts';

/** Highest 32-bit count. */
const MAX_32 = 0xffffffff;
/** What a page has on most machines: sizes found by measuring a device are rounded down to it. */
const PAGE_SIZE = 4096;
/** First inode that is not reserved. */
export const FIRST_INODE = 11;
/** With 16-bit counts in group descriptors, a group holds no more clusters or inodes than this. */
const MAX_PER_GROUP = 65536;
/** Blocks that the last group must have beyond its own tables to be worth having. */
const LAST_GROUP_SPARE = 50;
/** Growing is provided for up to this many times the size. */
const GROWTH = 1024;
/** mke2fs(8) makes an inode for every 1 KiB at most, for every 64 MiB at least. */
const RATIO_MINIMUM = 1024;
const RATIO_MAXIMUM = 64 * 1024 * 1024;
/** Fewer blocks than this have no room for a journal. */
const MINIMUM_FOR_JOURNAL = 2048;
/** Journals have between these numbers of blocks. */
const JOURNAL_MINIMUM = 1024;
const JOURNAL_MAXIMUM = 10_240_000;
/** A journal has one block for fast commits in so many. */
const FAST_COMMIT_SHARE = 64;

/** All numbers of a filesystem that is to be made. */
export interface Plan {
  features: FeatureSet;
  testing: boolean;
  blockSize: number;
  /** Blocks in a cluster; 1 without bigalloc. */
  clusterRatio: number;
  firstDataBlock: number;
  blocksCount: number;
  blocksPerGroup: number;
  clustersPerGroup: number;
  groupsCount: number;
  inodeSize: number;
  inodesPerGroup: number;
  inodeTableBlocks: number;
  descSize: number;
  /** Blocks of all group descriptors. */
  descBlocks: number;
  reservedGdtBlocks: number;
  reservedBlocks: number;
  /** Groups whose tables lie together; 1 without flex_bg. */
  groupsPerFlex: number;
  /** Groups with copies of the superblock under sparse_super2. */
  backupGroups: [number, number];
  /** Blocks of the journal in the filesystem, fast commits included; 0 without one. */
  journalBlocks: number;
  fastCommitBlocks: number;
}

function invalid(message: string): GuestfsError {
  return new GuestfsError('EINVAL', message);
}

/** Blocks of a journal for a filesystem of `blocks` blocks; 0 where it is too small for one. */
export function defaultJournalBlocks(blocks: number): number {
  if (blocks < MINIMUM_FOR_JOURNAL) return 0;
  const steps: readonly (readonly [below: number, journal: number])[] = [
    [32768, 1024],
    [256 * 1024, 4096],
    [512 * 1024, 8192],
    [4096 * 1024, 16384],
    [8192 * 1024, 32768],
    [16384 * 1024, 65536],
    [32768 * 1024, 131072],
  ];
  return steps.find(([below]) => blocks < below)?.[1] ?? 262144;
}

/** Throws EINVAL, naming the option, where a number is not one that it can have. */
function checkNumbers(options: MakeExtOptions): void {
  const { blockSize, clusterSize, inodeSize, groupsPerFlex, reservedPercentage } = options;
  if (blockSize !== undefined && (!isPowerOfTwo(blockSize) || blockSize < 1024 || blockSize > 65536)) {
    throw invalid(`the block size is ${blockSize} bytes, expected a power of two from 1024 to 65536`);
  }
  if (clusterSize !== undefined && (!isPowerOfTwo(clusterSize) || clusterSize > 512 * 1024 * 1024)) {
    throw invalid(`the cluster size is ${clusterSize} bytes, expected a power of two up to 512 MiB`);
  }
  if (inodeSize !== undefined && (!isPowerOfTwo(inodeSize) || inodeSize < 128)) {
    throw invalid(`the inode size is ${inodeSize} bytes, expected a power of two from 128 to the block size`);
  }
  if (groupsPerFlex !== undefined && (!isPowerOfTwo(groupsPerFlex) || groupsPerFlex < 2)) {
    throw invalid(`there are ${groupsPerFlex} groups in a flex_bg group, expected a power of two from 2 on`);
  }
  if (reservedPercentage !== undefined && !(reservedPercentage >= 0 && reservedPercentage <= 50)) {
    throw invalid(`${reservedPercentage} percent are to be reserved, expected 0 to 50`);
  }
  const { blocksCount, inodesCount, bytesPerInode } = options;
  for (const [name, value] of Object.entries({ blocksCount, inodesCount, bytesPerInode })) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value <= 0)) {
      throw invalid(`${name} is ${value}, expected a positive integer`);
    }
  }
}

/** Switch off and on what other features and sizes demand. Throws EINVAL for what excludes each other. */
function settleFeatures(features: FeatureSet, blocks: number, type: string): void {
  if (features.has('metadata_csum')) features.set('uninit_bg', false);
  if (blocks > MAX_32 && !features.has('64bit')) {
    if (type !== 'ext4' || !features.has('extent')) {
      throw new GuestfsError(
        'EFBIG',
        `${blocks} blocks are too many without the feature 64bit, expected at most ${MAX_32}`,
      );
    }
    features.set('64bit', true);
  }
  if (features.has('64bit') && !features.has('extent')) {
    throw invalid('the feature 64bit needs the feature extent');
  }
  if (features.has('meta_bg') && features.has('resize_inode')) {
    throw invalid('the features meta_bg and resize_inode exclude each other');
  }
  if (features.has('bigalloc') && !features.has('extent')) {
    throw invalid('the feature bigalloc needs the feature extent');
  }
  if (features.has('metadata_csum_seed') && !features.has('metadata_csum')) {
    throw invalid('the feature metadata_csum_seed needs the feature metadata_csum');
  }
  if (features.has('project')) features.set('quota', true);
  if (!features.has('has_journal')) {
    for (const name of ['fast_commit', 'orphan_file']) features.set(name, false);
  }
  if (blocks > MAX_32) features.set('resize_inode', false);
}

/** True if the group has a copy of the superblock; {@link Plan.backupGroups} are those of sparse_super2. */
export function hasSuperBlock(plan: Pick<Plan, 'features' | 'backupGroups'>, group: number): boolean {
  if (group === 0) return true;
  if (plan.features.has('sparse_super2')) return plan.backupGroups.includes(group);
  if (group === 1 || !plan.features.has('sparse_super')) return true;
  for (const base of [3, 5, 7]) {
    let power = base;
    while (power < group) power *= base;
    if (power === group) return true;
  }
  return false;
}

function reservedDescriptorBlocks(plan: Plan, limit: number | undefined): number {
  if (!plan.features.has('resize_inode')) return 0;
  const blocksFor = (most: number): number =>
    divideUp(divideUp(most - plan.firstDataBlock, plan.blocksPerGroup), plan.blockSize / plan.descSize) -
    plan.descBlocks;
  const usual = (): number => blocksFor(Math.min(plan.blocksCount * GROWTH, MAX_32));
  const stated = limit === undefined ? 0 : blocksFor(limit);
  return Math.min(Math.max(stated > 0 ? stated : usual(), 0), plan.blockSize / 4);
}

/** Blocks of a group that superblock and descriptors take where it has them. */
function superBlocks(plan: Plan): number {
  return 1 + (plan.features.has('meta_bg') ? 1 : plan.descBlocks + plan.reservedGdtBlocks);
}

/** Divide the blocks into groups and the inodes among them; a last group too small to be of use is left out. */
function divide(plan: Plan, inodes: number, options: MakeExtOptions): void {
  const perBlock = plan.blockSize / plan.descSize;
  const { blocksCount } = plan;
  for (;;) {
    const usable = plan.blocksCount - plan.firstDataBlock;
    plan.groupsCount = divideUp(usable, plan.blocksPerGroup);
    plan.descBlocks = divideUp(plan.groupsCount, perBlock);
    plan.reservedGdtBlocks = reservedDescriptorBlocks(plan, options.resizeLimit);
    if (plan.descBlocks + plan.reservedGdtBlocks >= (plan.blocksPerGroup * 3) / 4) {
      plan.features.set('meta_bg', true);
      plan.features.set('resize_inode', false);
      plan.reservedGdtBlocks = 0;
    }
    plan.backupGroups = plan.features.has('sparse_super2')
      ? [plan.groupsCount > 1 ? 1 : 0, plan.groupsCount > 2 ? plan.groupsCount - 1 : 0]
      : [0, 0];
    const most = Math.min(plan.blockSize * 8, MAX_PER_GROUP - plan.blockSize / plan.inodeSize);
    const perGroup = Math.max(divideUp(inodes, plan.groupsCount), FIRST_INODE + 1);
    if (perGroup > most && plan.clusterRatio === 1 && plan.blocksPerGroup > 256) {
      plan.blocksPerGroup -= 8;
      plan.clustersPerGroup = plan.blocksPerGroup;
      plan.blocksCount = blocksCount;
      continue;
    }
    if (perGroup > most)
      throw invalid(`${inodes} inodes are too many for ${plan.groupsCount} groups of at most ${most}`);
    const tableBlocks = divideUp(perGroup * plan.inodeSize, plan.blockSize);
    plan.inodesPerGroup = Math.floor((tableBlocks * plan.blockSize) / plan.inodeSize / 8) * 8;
    while (plan.inodesPerGroup < FIRST_INODE + 1) plan.inodesPerGroup += 8;
    plan.inodeTableBlocks = divideUp(plan.inodesPerGroup * plan.inodeSize, plan.blockSize);
    const rest = usable % plan.blocksPerGroup;
    const own = 2 + plan.inodeTableBlocks;
    const overhead = own + (hasSuperBlock(plan, plan.groupsCount - 1) ? superBlocks(plan) : 0);
    if (rest !== 0 && plan.groupsCount === 1 && rest < overhead + LAST_GROUP_SPARE / 2) {
      throw invalid(
        `the device has ${plan.blocksCount} blocks of ${plan.blockSize} bytes, which is too small for a filesystem`,
      );
    }
    if (rest === 0 || plan.groupsCount === 1 || rest >= overhead + LAST_GROUP_SPARE) return;
    plan.reservedBlocks = Math.floor((plan.reservedBlocks * (plan.blocksCount - rest)) / plan.blocksCount);
    plan.blocksCount -= rest;
  }
}

function planJournal(plan: Plan, options: MakeExtOptions, warn: (message: string) => void): void {
  if (!plan.features.has('has_journal') || options.externalJournal !== undefined) return;
  if (plan.blocksCount < MINIMUM_FOR_JOURNAL) {
    if (options.journalSize !== undefined) {
      throw invalid(
        `${plan.blocksCount} blocks are too few for a journal, expected at least ${MINIMUM_FOR_JOURNAL}`,
      );
    }
    warn('the filesystem is too small for a journal and is made without one');
    for (const name of ['has_journal', 'fast_commit', 'orphan_file']) plan.features.set(name, false);
    return;
  }
  const blocks =
    options.journalSize === undefined
      ? defaultJournalBlocks(plan.blocksCount)
      : Math.floor(options.journalSize / plan.blockSize);
  if (blocks < JOURNAL_MINIMUM || blocks > JOURNAL_MAXIMUM || blocks > plan.blocksCount / 2) {
    throw invalid(
      `the journal has ${blocks} blocks of ${plan.blockSize} bytes, expected ${JOURNAL_MINIMUM} to ${Math.min(JOURNAL_MAXIMUM, Math.floor(plan.blocksCount / 2))}`,
    );
  }
  if (plan.features.has('fast_commit')) plan.fastCommitBlocks = Math.floor(blocks / FAST_COMMIT_SHARE);
  plan.journalBlocks = blocks + plan.fastCommitBlocks;
}

/** Blocks of a group, and the clusters they are. */
function groupSize(blockSize: number, ratio: number, stated: number | undefined): number {
  const most = Math.min(blockSize * 8, MAX_PER_GROUP - 8);
  const clusters = stated ?? most;
  if (!Number.isInteger(clusters) || clusters % 8 !== 0 || clusters < 256 || clusters > most) {
    throw invalid(
      `a group has ${clusters} ${ratio === 1 ? 'blocks' : 'clusters'}, expected a multiple of 8 from 256 to ${most}`,
    );
  }
  return clusters;
}

/**
 * Work all numbers out for a device of `size` bytes. Throws EINVAL or EFBIG, saying which number cannot be and what
 * would be possible, EINVAL where the device is too small.
 */
export function makePlan(
  size: number,
  sectorSize: number,
  options: MakeExtOptions,
  warn: (message: string) => void = () => {},
): Plan {
  checkNumbers(options);
  const wanted = options.blocksCount === undefined ? size : options.blocksCount * (options.blockSize ?? 1024);
  const profile = profileOf(wanted, options);
  const { features } = profile;
  features.edit(options.features ?? []);
  const blockSize = options.blockSize ?? Math.max(profile.blockSize, sectorSize);
  if (blockSize < sectorSize) {
    throw invalid(`the block size is ${blockSize} bytes, expected at least a sector of ${sectorSize}`);
  }
  const deviceBlocks = Math.floor(size / blockSize);
  const wholePages = Math.max(1, PAGE_SIZE / blockSize);
  const blocksCount = options.blocksCount ?? Math.floor(deviceBlocks / wholePages) * wholePages;
  if (blocksCount > deviceBlocks) {
    throw invalid(
      `${blocksCount} blocks of ${blockSize} bytes were asked for, the device has room for ${deviceBlocks}`,
    );
  }
  settleFeatures(features, blocksCount, profile.type);
  const bigalloc = features.has('bigalloc');
  const clusterSize = bigalloc ? (options.clusterSize ?? blockSize * 16) : blockSize;
  if (clusterSize < blockSize || (bigalloc && clusterSize === blockSize)) {
    throw invalid(`the cluster size is ${clusterSize} bytes, expected more than a block of ${blockSize}`);
  }
  const clusterRatio = clusterSize / blockSize;
  const inodeSize = options.inodeSize ?? profile.inodeSize;
  if (inodeSize > blockSize) {
    throw invalid(`the inode size is ${inodeSize} bytes, expected at most a block of ${blockSize}`);
  }
  if (inodeSize === 128) {
    for (const name of ['inline_data', 'project']) {
      if (features.has(name)) throw invalid(`the feature ${name} needs inodes of more than 128 bytes`);
    }
  }
  const clustersPerGroup = groupSize(blockSize, clusterRatio, options.blocksPerGroup);
  // No file is smaller than a cluster: more inodes than clusters are of no use.
  const ratio = options.bytesPerInode ?? Math.max(profile.bytesPerInode, clusterSize);
  if (options.bytesPerInode !== undefined && (ratio < RATIO_MINIMUM || ratio > RATIO_MAXIMUM)) {
    throw invalid(
      `an inode is to be made for every ${ratio} bytes, expected ${RATIO_MINIMUM} to ${RATIO_MAXIMUM}`,
    );
  }
  const inodes = options.inodesCount ?? Math.min(Math.floor((blocksCount * blockSize) / ratio), MAX_32);
  if (inodes * inodeSize >= blocksCount * blockSize) {
    throw invalid(`${inodes} inodes of ${inodeSize} bytes do not fit ${blocksCount} blocks of ${blockSize}`);
  }
  const plan: Plan = {
    features,
    testing: profile.testing,
    blockSize,
    clusterRatio,
    firstDataBlock: blockSize === 1024 && !bigalloc ? 1 : 0,
    blocksCount,
    blocksPerGroup: clustersPerGroup * clusterRatio,
    clustersPerGroup,
    groupsCount: 0,
    inodeSize,
    inodesPerGroup: 0,
    inodeTableBlocks: 0,
    descSize: features.has('64bit') ? 64 : 32,
    descBlocks: 0,
    reservedGdtBlocks: 0,
    reservedBlocks: Math.floor((blocksCount * (options.reservedPercentage ?? 5)) / 100),
    groupsPerFlex: features.has('flex_bg') ? (options.groupsPerFlex ?? 16) : 1,
    backupGroups: [0, 0],
    journalBlocks: 0,
    fastCommitBlocks: 0,
  };
  divide(plan, inodes, options);
  planJournal(plan, options, warn);
  return plan;
}
