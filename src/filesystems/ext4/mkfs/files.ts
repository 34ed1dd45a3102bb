import { divideUp } from '../../../bytes/round.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { ROOT_INODE, S_IFDIR, S_IFREG } from '../layout.ts';
import { allocateBlock, allocateContent, type Content } from './content.ts';
import { directoryBlock } from './directories.ts';
import { groupStart, superBlockOf, type Groups } from './groups.ts';
import { InodeImage } from './inode.ts';
import { journalGoal, journalSuperBlock } from './journal.ts';
import type { MakeExtOptions, QuotaType } from './options.ts';
import { FIRST_INODE, hasSuperBlock, type Plan } from './plan.ts';
import { QUOTA_FILE_SIZE, quotaFile } from './quota.ts';
import { mmpBlock, orphanBlock, orphanFileBlocks } from './special-blocks.ts';
import { DEFAULT_MMP_INTERVAL, type Names, type SpecialFiles } from './superblock.ts';

const USER_QUOTA_INODE = 3;
const GROUP_QUOTA_INODE = 4;
const RESIZE_INODE = 7;
const JOURNAL_INODE = 8;
/** First inode that is free: lost+found. */
const LOST_FOUND_INODE = FIRST_INODE;

/** lost+found has so many bytes set aside, in no fewer than two blocks and no more than an inode names itself. */
const LOST_FOUND_SIZE = 16384;
const LOST_FOUND_MOST_BLOCKS = 12;

/** Index of the doubly indirect block in i_block. */
const DOUBLY_INDIRECT = 13;
const DIRECT = 12;
/** Flag of files that nobody changes by hand: quotas. */
const IMMUTABLE = 0x10;

/** Files of a new filesystem, laid out but not yet written. */
export interface Files {
  inodes: InodeImage;
  /** Highest inode that is in use. */
  lastInode: number;
  directories: number;
  /** Metadata blocks and what they hold. */
  blocks: Map<number, Uint8Array>;
  /** Runs of blocks that must read as zeroes. */
  zeroes: { block: number; count: number }[];
  special: SpecialFiles;
}

/** Makes the files of a new filesystem, one after the other. */
class FileMaker {
  readonly plan: Plan;
  readonly groups: Groups;
  readonly seed: number;
  readonly files: Files;

  constructor(plan: Plan, groups: Groups, names: Names, seed: number) {
    this.plan = plan;
    this.groups = groups;
    this.seed = seed;
    // Two more than lost+found: project quota and the orphan file.
    const count = Math.min(plan.inodesPerGroup, LOST_FOUND_INODE + 2);
    this.files = {
      inodes: new InodeImage(count, plan.inodeSize, names.now),
      lastInode: LOST_FOUND_INODE,
      directories: 2,
      blocks: new Map(),
      zeroes: [],
      special: { mmpBlock: 0, userQuota: 0, groupQuota: 0, projectQuota: 0, orphanFile: 0 },
    };
  }

  content(inode: number, blocks: number, what: string, goal = this.plan.firstDataBlock): Content {
    return allocateContent(
      this.plan,
      this.groups,
      { inode, blocks, goal, what, seed: this.seed },
      (block, bytes) => this.files.blocks.set(block, bytes),
    );
  }

  put(inode: number, mode: number, links: number, size: number, content: Content): void {
    const { map, flags, allocated } = content;
    this.files.inodes.put(inode, { mode, links, size, allocated, flags, block: map });
  }

  newInode(what: string): number {
    if (this.files.lastInode + 1 > this.plan.inodesPerGroup) {
      throw new GuestfsError(
        'ENOSPC',
        `${this.plan.inodesPerGroup} inodes in a group have no room for the ${what}`,
      );
    }
    return ++this.files.lastInode;
  }

  directories(): void {
    const { plan, seed } = this;
    const root = this.content(ROOT_INODE, 1, 'root directory');
    const blocks = Math.min(Math.max(divideUp(LOST_FOUND_SIZE, plan.blockSize), 2), LOST_FOUND_MOST_BLOCKS);
    const lost = this.content(LOST_FOUND_INODE, blocks, 'directory lost+found');
    const self = (inode: number) => [
      { name: '.', inode },
      { name: '..', inode: ROOT_INODE },
    ];
    this.files.blocks.set(
      root.runs[0]!.block,
      directoryBlock(plan, seed, ROOT_INODE, [
        ...self(ROOT_INODE),
        { name: 'lost+found', inode: LOST_FOUND_INODE },
      ]),
    );
    for (const { logical, block, count } of lost.runs) {
      for (let i = 0; i < count; i++) {
        const entries = logical + i === 0 ? self(LOST_FOUND_INODE) : [];
        this.files.blocks.set(block + i, directoryBlock(plan, seed, LOST_FOUND_INODE, entries));
      }
    }
    this.put(ROOT_INODE, S_IFDIR | 0o755, 3, plan.blockSize, root);
    this.put(LOST_FOUND_INODE, S_IFDIR | 0o700, 2, blocks * plan.blockSize, lost);
    this.files.inodes.putBadBlocks();
  }

  /**
   * The resize inode owns the descriptor blocks that are reserved for growing. Its doubly indirect block names those
   * of the first group, each of which names its copies in the other groups.
   */
  resizeInode(): void {
    const { plan } = this;
    if (!plan.features.has('resize_inode')) return;
    const entries = plan.blockSize / 4;
    const top = allocateBlock(
      plan,
      this.groups,
      this.groups.inodeTable[0]! + plan.inodeTableBlocks,
      'resize inode',
    );
    const bytes = new Uint8Array(plan.blockSize);
    const view = new DataView(bytes.buffer);
    const copies: number[] = [];
    for (let group = 1; group < plan.groupsCount; group++) {
      if (hasSuperBlock(plan, group)) copies.push(groupStart(plan, group) - groupStart(plan, 0));
    }
    const first = superBlockOf(plan, 0) + 1;
    // They follow each other on the disk: in memory too, so that they can be written as they are.
    const maps = new Uint8Array(plan.reservedGdtBlocks * plan.blockSize);
    const mapView = new DataView(maps.buffer);
    for (let i = 0; i < plan.reservedGdtBlocks; i++) {
      const index = plan.descBlocks + i;
      const block = first + index;
      view.setUint32((index % entries) * 4, block, true);
      const at = i * plan.blockSize;
      for (let n = 0; n < copies.length; n++) mapView.setUint32(at + n * 4, block + copies[n]!, true);
      this.files.blocks.set(block, maps.subarray(at, at + plan.blockSize));
    }
    this.files.blocks.set(top, bytes);
    const map = new Uint8Array(60);
    new DataView(map.buffer).setUint32(DOUBLY_INDIRECT * 4, top, true);
    const reserved = plan.reservedGdtBlocks * (1 + copies.length);
    this.put(RESIZE_INODE, S_IFREG | 0o600, 1, (entries * entries + entries + DIRECT) * plan.blockSize, {
      runs: [],
      map,
      flags: 0,
      // Every block counts as a cluster here, though those of descriptors lie together.
      allocated: (reserved + 1) * plan.clusterRatio * plan.blockSize,
    });
  }

  journal(names: Names): void {
    const { plan } = this;
    if (plan.journalBlocks === 0) return;
    const content = this.content(
      JOURNAL_INODE,
      plan.journalBlocks,
      'journal',
      journalGoal(plan, this.groups),
    );
    const size = plan.journalBlocks * plan.blockSize;
    this.put(JOURNAL_INODE, S_IFREG | 0o600, 1, size, content);
    const first = content.runs[0]!.block;
    this.files.blocks.set(
      first,
      journalSuperBlock({
        blockSize: plan.blockSize,
        blocks: plan.journalBlocks,
        first: 1,
        uuid: names.uuid,
        users: 1,
        fastCommitBlocks: plan.fastCommitBlocks,
      }),
    );
    for (const [index, { block, count }] of content.runs.entries()) {
      this.files.zeroes.push(index === 0 ? { block: block + 1, count: count - 1 } : { block, count });
    }
    this.files.special.journal = { map: content.map, size };
  }

  mmp(names: Names, interval: number): void {
    if (!this.plan.features.has('mmp')) return;
    const block = allocateBlock(
      this.plan,
      this.groups,
      this.plan.firstDataBlock,
      'block of multiple mount protection',
    );
    this.files.blocks.set(
      block,
      mmpBlock(this.plan.blockSize, { now: names.now, interval, seed: this.checksumSeed() }),
    );
    this.files.special.mmpBlock = block;
  }

  quotas(types: readonly QuotaType[]): void {
    const { plan, files } = this;
    if (!plan.features.has('quota')) return;
    const blocks = divideUp(QUOTA_FILE_SIZE, plan.blockSize);
    const directorySpace = this.directorySpace();
    for (const type of types) {
      const inode =
        type === 'user'
          ? USER_QUOTA_INODE
          : type === 'group'
            ? GROUP_QUOTA_INODE
            : this.newInode('project quota');
      const content = this.content(inode, blocks, `${type} quota`);
      content.flags |= IMMUTABLE;
      this.put(inode, S_IFREG | 0o600, 1, QUOTA_FILE_SIZE, content);
      const bytes = quotaFile(type, files.directories, directorySpace);
      for (const { logical, block, count } of content.runs) {
        for (let i = 0; i < count; i++) {
          const part = new Uint8Array(plan.blockSize);
          const at = (logical + i) * plan.blockSize;
          part.set(bytes.subarray(at, Math.min(at + plan.blockSize, bytes.length)));
          files.blocks.set(block + i, part);
        }
      }
      if (type === 'user') files.special.userQuota = inode;
      else if (type === 'group') files.special.groupQuota = inode;
      else files.special.projectQuota = inode;
    }
  }

  /** Bytes that root and lost+found occupy: all that quotas count in a new filesystem. */
  directorySpace(): number {
    const { plan } = this;
    const lost = Math.min(Math.max(divideUp(LOST_FOUND_SIZE, plan.blockSize), 2), LOST_FOUND_MOST_BLOCKS);
    return (1 + divideUp(lost, plan.clusterRatio)) * plan.clusterRatio * plan.blockSize;
  }

  orphanFile(): void {
    const { plan } = this;
    if (!plan.features.has('orphan_file')) return;
    const inode = this.newInode('orphan file');
    const blocks = orphanFileBlocks(plan.blocksCount);
    const content = this.content(inode, blocks, 'orphan file');
    for (const { block, count } of content.runs) {
      for (let i = 0; i < count; i++) {
        this.files.blocks.set(block + i, orphanBlock(plan.blockSize, inode, block + i, this.checksumSeed()));
      }
    }
    this.put(inode, S_IFREG | 0o600, 1, blocks * plan.blockSize, content);
    this.files.special.orphanFile = inode;
  }

  checksumSeed(): number | undefined {
    return this.plan.features.has('metadata_csum') ? this.seed : undefined;
  }
}

/** Kinds of quota that are kept where nothing else is said. */
function defaultQuotas(plan: Plan): QuotaType[] {
  return plan.features.has('project') ? ['user', 'group', 'project'] : ['user', 'group'];
}

/** Lay out all files of a new filesystem. Throws ENOSPC where one does not fit. */
export function layOutFiles(
  plan: Plan,
  groups: Groups,
  options: MakeExtOptions,
  names: Names,
  seed: number,
): Files {
  const maker = new FileMaker(plan, groups, names, seed);
  maker.directories();
  maker.resizeInode();
  maker.journal(names);
  maker.mmp(names, options.mmpInterval ?? DEFAULT_MMP_INTERVAL);
  maker.quotas(options.quotaTypes ?? defaultQuotas(plan));
  maker.orphanFile();
  if (plan.features.has('metadata_csum')) maker.files.inodes.seal(seed, maker.files.lastInode);
  return maker.files;
}
