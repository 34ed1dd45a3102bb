import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { divideUp } from '../../../bytes/round.ts';
import { CorruptError, GuestfsError } from '../../../errors/index.ts';
import { crcOfU32, inodeSeed } from '../checksum.ts';
import {
  INCOMPAT_EXTENTS,
  INCOMPAT_FLEX_BG,
  RO_COMPAT_GDT_CSUM,
  RO_COMPAT_HUGE_FILE,
  RO_COMPAT_PROJECT,
} from '../features.ts';
import type { InodeView, LiveInodes } from '../inodes.ts';
import {
  EXTENT_MAGIC,
  GOOD_OLD_INODE_SIZE,
  INODE_EA_INODE,
  INODE_EXTENTS,
  INODE_HUGE_FILE,
  Inode,
  ROOT_INODE,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../layout.ts';
import type { Geometry } from '../superblock.ts';
import type { Bitmaps } from './bitmaps.ts';
import { fillBits, nextClear, testBit } from './bits.ts';
import type { InodeStore } from './contract.ts';
import { hasProject } from './fields.ts';
import { INODE_PROJINHERIT, INODE_TOPDIR, inheritedFlags } from './flags.ts';
import { BG_INODE_UNINIT, BG_INODE_ZEROED, type GroupDescriptors } from './groups.ts';
import type { QuotaAccounts } from './quota/index.ts';
import type { SpaceAccounts } from './space.ts';
import type { BlockStore, OperationPart } from './store.ts';
import type { LiveSuperBlock } from './superblock.ts';
import { writeBirth } from './times.ts';

/** Groups that are looked at for a directory below the root. */
const SPREAD_GROUPS = 1024;

/** What an inode needs to be emptied when it is freed; given by the writer, which knows contents and attributes. */
export type Emptier = (number: number) => void;

/** Inodes in the blocks of their tables. */
export class LiveInodeStore implements InodeStore, LiveInodes, SpaceAccounts, OperationPart {
  readonly #store: BlockStore;
  readonly #geometry: Geometry;
  readonly #groups: GroupDescriptors;
  readonly #bitmaps: Bitmaps;
  readonly #superBlock: LiveSuperBlock;
  readonly #quota: QuotaAccounts;
  readonly #perBlock: number;
  readonly #view: InodeView;
  readonly #changed = new Set<number>();
  /** Numbers freed since the last commit; kept from being used again where commits have no journal. */
  readonly #freed = new Set<number>();
  readonly #hasUnused: boolean;
  #tables: Float64Array;
  #serial = 0;
  /** The block of a table that was last read from the device. */
  #lastRead = -1;
  /** True if a number may be used again in the transaction that freed it. */
  reuseAtOnce = true;
  /** Set by the writer. */
  empty: Emptier = () => {};

  constructor(
    store: BlockStore,
    geometry: Geometry,
    groups: GroupDescriptors,
    bitmaps: Bitmaps,
    superBlock: LiveSuperBlock,
    quota: QuotaAccounts,
  ) {
    this.#store = store;
    this.#geometry = geometry;
    this.#groups = groups;
    this.#bitmaps = bitmaps;
    this.#superBlock = superBlock;
    this.#quota = quota;
    this.#perBlock = geometry.blockSize / geometry.inodeSize;
    this.#hasUnused = geometry.checksums || (geometry.roCompat & RO_COMPAT_GDT_CSUM) !== 0;
    this.#tables = new Float64Array(geometry.groupsCount);
    const none = new Uint8Array(0);
    this.#view = { number: 0, bytes: none, view: new DataView(none.buffer), base: 0 };
  }

  #check(number: number): void {
    const { inodesCount } = this.#geometry;
    if (!Number.isInteger(number) || number < 1 || number > inodesCount) {
      throw new CorruptError('ext4_inode', `there is no inode ${number}, expected 1 to ${inodesCount}`);
    }
  }

  /** The block that an inode is in. */
  #blockOf(number: number): number {
    this.#check(number);
    const { inodesPerGroup } = this.#geometry;
    const group = Math.floor((number - 1) / inodesPerGroup);
    let table = this.#tables[group]!;
    if (table === 0) this.#tables[group] = table = this.#groups.aim(group).inodeTable;
    return table + Math.floor(((number - 1) % inodesPerGroup) / this.#perBlock);
  }

  #baseOf(number: number): number {
    return (((number - 1) % this.#geometry.inodesPerGroup) % this.#perBlock) * this.#geometry.inodeSize;
  }

  offsetOf(number: number): number {
    return this.#blockOf(number) * this.#geometry.blockSize + this.#baseOf(number);
  }

  read(number: number): InodeView {
    const block = this.#blockOf(number);
    if (!this.#store.has(block)) this.#readAhead(number, block);
    const entry = this.#store.get(block, 'ext4_inode', `inode ${number}`);
    const base = this.#baseOf(number);
    const view = this.#view;
    view.number = number;
    view.bytes = entry.bytes;
    view.view = entry.view;
    view.base = base;
    if (this.#geometry.checksums) {
      const index = base / this.#geometry.inodeSize;
      entry.verified ??= new Uint8Array(this.#perBlock);
      if (entry.verified[index] === 0) {
        this.#verify(view);
        entry.verified[index] = 1;
      }
    }
    return view;
  }

  #readAhead(number: number, block: number): void {
    const { inodesPerGroup, blockSize } = this.#geometry;
    const tableBlocks = divideUp(inodesPerGroup, this.#perBlock);
    const within = Math.floor(((number - 1) % inodesPerGroup) / this.#perBlock);
    const window = Math.max(1, Math.floor(65536 / blockSize));
    // Inodes that are visited in no order do not make their neighbours wanted.
    const isNear = Math.abs(block - this.#lastRead) <= 2 * window;
    this.#lastRead = block;
    if (!isNear) return;
    const start = within - (within % window);
    this.#store.readAhead(block - within + start, Math.min(window, tableBlocks - start));
  }

  change(number: number): InodeView {
    this.read(number);
    return this.#changeRaw(number);
  }

  /** As {@link change}, for an inode whose contents are about to be replaced: they may be anything. */
  #changeRaw(number: number): InodeView {
    const entry = this.#store.change(this.#blockOf(number));
    entry.role = 'inodes';
    const view = this.#view;
    view.number = number;
    view.bytes = entry.bytes;
    view.view = entry.view;
    view.base = this.#baseOf(number);
    this.#changed.add(number);
    if (this.#geometry.checksums) {
      entry.verified ??= new Uint8Array(this.#perBlock);
      entry.verified[view.base / this.#geometry.inodeSize] = 1;
    }
    return view;
  }

  #sum(view: InodeView, hasHigh: boolean): number {
    const { inodeSize, checksumSeed } = this.#geometry;
    const { bytes, base } = view;
    const data = view.view;
    const low = data.getUint16(base + Inode.l_i_checksum_lo, true);
    const high = hasHigh ? data.getUint16(base + Inode.i_checksum_hi, true) : 0;
    data.setUint16(base + Inode.l_i_checksum_lo, 0, true);
    if (hasHigh) data.setUint16(base + Inode.i_checksum_hi, 0, true);
    const seed = inodeSeed(checksumSeed, view.number, data.getUint32(base + Inode.i_generation, true));
    const sum = crc32cRaw(seed, bytes, base, base + inodeSize);
    data.setUint16(base + Inode.l_i_checksum_lo, low, true);
    if (hasHigh) data.setUint16(base + Inode.i_checksum_hi, high, true);
    return hasHigh ? sum : sum & 0xffff;
  }

  #hasHigh(view: InodeView): boolean {
    return (
      this.#geometry.inodeSize > GOOD_OLD_INODE_SIZE &&
      view.view.getUint16(view.base + Inode.i_extra_isize, true) >= 4
    );
  }

  #verify(view: InodeView): void {
    const hasHigh = this.#hasHigh(view);
    const computed = this.#sum(view, hasHigh);
    const high = hasHigh ? view.view.getUint16(view.base + Inode.i_checksum_hi, true) : 0;
    const stored = high * 0x10000 + view.view.getUint16(view.base + Inode.l_i_checksum_lo, true);
    if (computed !== stored) {
      throw new CorruptError(
        'ext4_inode',
        `checksum of inode ${view.number} is 0x${stored.toString(16)}, the contents have 0x${computed.toString(16)}`,
        { offset: this.offsetOf(view.number), checksum: true },
      );
    }
  }

  finish(): void {
    if (!this.#geometry.checksums) return;
    for (const number of this.#changed) {
      const view = this.#changeRaw(number);
      const hasHigh = this.#hasHigh(view);
      const sum = this.#sum(view, hasHigh);
      view.view.setUint16(view.base + Inode.l_i_checksum_lo, sum & 0xffff, true);
      if (hasHigh) view.view.setUint16(view.base + Inode.i_checksum_hi, sum >>> 16, true);
    }
  }

  settle(): void {
    this.#changed.clear();
  }

  undo(): void {
    for (const number of this.#changed) {
      const block = this.#blockOf(number);
      // What the block went back to may never have been verified.
      if (this.#store.has(block)) this.#store.read(block).verified = undefined;
    }
    this.#changed.clear();
  }

  /** True if numbers become free with the next commit. */
  get hasPending(): boolean {
    return !this.reuseAtOnce && this.#freed.size > 0;
  }

  /** The transaction is durable. */
  committed(): void {
    this.#freed.clear();
  }

  charge(owner: number, clusters: number): void {
    if (owner === 0 || clusters === 0) return;
    const { blockSize, clusterRatio, roCompat } = this.#geometry;
    const inode = this.change(owner);
    const { view, base } = inode;
    const huge = (roCompat & RO_COMPAT_HUGE_FILE) !== 0;
    const inBlocks = huge && (view.getUint32(base + Inode.i_flags, true) & INODE_HUGE_FILE) !== 0;
    const unit = inBlocks ? 1 : blockSize / 512;
    let count = view.getUint32(base + Inode.i_blocks_lo, true);
    if (huge) count += view.getUint16(base + Inode.l_i_blocks_high, true) * 0x100000000;
    count += clusters * clusterRatio * unit;
    if (count < 0) {
      throw new CorruptError('ext4_inode', `inode ${owner} has fewer blocks in i_blocks than in its map`);
    }
    if (count >= (huge ? 2 ** 48 : 2 ** 32)) {
      throw new GuestfsError('EFBIG', `inode ${owner} would have more blocks than i_blocks can count`);
    }
    view.setUint32(base + Inode.i_blocks_lo, count % 0x100000000, true);
    if (huge) view.setUint16(base + Inode.l_i_blocks_high, Math.floor(count / 0x100000000), true);
    if (this.isCounted(inode)) {
      this.#quota.charge(inode, clusters * clusterRatio * blockSize, 0);
    }
  }

  chargeQuota(owner: number, bytes: number, inodes: number): void {
    const inode = this.read(owner);
    if (this.isCounted(inode)) this.#quota.charge(inode, bytes, inodes);
  }

  /** True if quotas count an inode: not the filesystem's own, not those that hold attribute values. */
  isCounted({ number, view, base }: InodeView): boolean {
    const { firstInode, superBlock } = this.#geometry;
    if (number < firstInode && number !== ROOT_INODE) return false;
    if (number === superBlock.s_prj_quota_inum || number === superBlock.s_orphan_file_inum) return false;
    return (view.getUint32(base + Inode.i_flags, true) & INODE_EA_INODE) === 0;
  }

  allocate(parent: number, mode: number, uid: number, gid: number): number {
    const number = this.#take(this.#chooseGroup(parent, mode), mode);
    const parentView = this.read(parent);
    const parentFlags = parentView.view.getUint32(parentView.base + Inode.i_flags, true);
    const project =
      this.#geometry.roCompat & RO_COMPAT_PROJECT &&
      parentFlags & INODE_PROJINHERIT &&
      hasProject(parentView, this.#geometry)
        ? parentView.view.getUint32(parentView.base + Inode.i_projid, true)
        : 0;
    const inode = this.#initialise(number, mode, uid, gid);
    let flags = inheritedFlags(mode, parentFlags);
    const type = mode & S_IFMT;
    if (
      this.#geometry.incompat & INCOMPAT_EXTENTS &&
      (type === S_IFREG || type === S_IFDIR || type === S_IFLNK)
    ) {
      flags |= INODE_EXTENTS;
      emptyExtents(inode);
    }
    inode.view.setUint32(inode.base + Inode.i_flags, flags >>> 0, true);
    if (project !== 0) inode.view.setUint32(inode.base + Inode.i_projid, project, true);
    this.#quota.charge(inode, 0, 1);
    return number;
  }

  allocateAttributeInode(parent: number): number {
    const { inodesPerGroup, incompat } = this.#geometry;
    const mode = S_IFREG | 0o600;
    const number = this.#take(Math.floor((parent - 1) / inodesPerGroup), mode);
    const owner = this.read(parent);
    const low = (at: number): number => owner.view.getUint16(owner.base + at, true);
    const uid = low(Inode.i_uid) + low(Inode.l_i_uid_high) * 0x10000;
    const gid = low(Inode.i_gid) + low(Inode.l_i_gid_high) * 0x10000;
    const inode = this.#initialise(number, mode, uid, gid);
    inode.view.setUint16(inode.base + Inode.i_links_count, 1, true);
    let flags = INODE_EA_INODE;
    if (incompat & INCOMPAT_EXTENTS) {
      flags |= INODE_EXTENTS;
      emptyExtents(inode);
    }
    inode.view.setUint32(inode.base + Inode.i_flags, flags, true);
    return number;
  }

  /** Zero an inode and set what every new one has. */
  #initialise(number: number, mode: number, uid: number, gid: number): InodeView {
    const { inodeSize, superBlock, checksumSeed } = this.#geometry;
    const inode = this.#changeRaw(number);
    const { bytes, view, base } = inode;
    bytes.fill(0, base, base + inodeSize);
    const now = this.#store.now();
    view.setUint16(base + Inode.i_mode, mode, true);
    view.setUint16(base + Inode.i_uid, uid & 0xffff, true);
    view.setUint16(base + Inode.l_i_uid_high, uid >>> 16, true);
    view.setUint16(base + Inode.i_gid, gid & 0xffff, true);
    view.setUint16(base + Inode.l_i_gid_high, gid >>> 16, true);
    const generation = crcOfU32(
      crcOfU32(crcOfU32(checksumSeed ^ 0x67656e, number), ++this.#serial),
      now.seconds >>> 0,
    );
    view.setUint32(base + Inode.i_generation, generation, true);
    if (inodeSize > GOOD_OLD_INODE_SIZE) {
      const room = inodeSize - GOOD_OLD_INODE_SIZE;
      const wanted = superBlock.s_want_extra_isize;
      const extra = wanted >= 4 && wanted % 4 === 0 && wanted <= room ? wanted : Math.min(32, room);
      view.setUint16(base + Inode.i_extra_isize, extra, true);
    }
    writeBirth(inode, now, this.#geometry);
    return inode;
  }

  /** Orlov's idea: directories of the root are spread, everything else stays near its directory. */
  #chooseGroup(parent: number, mode: number): number {
    const { groupsCount, inodesPerGroup, incompat, superBlock } = this.#geometry;
    const home = Math.floor((parent - 1) / inodesPerGroup);
    if ((mode & S_IFMT) !== S_IFDIR) return home;
    const averageInodes = this.#superBlock.freeInodes / groupsCount;
    const averageClusters = this.#superBlock.freeClusters / groupsCount;
    const view = this.read(parent);
    const top =
      parent === ROOT_INODE || (view.view.getUint32(view.base + Inode.i_flags, true) & INODE_TOPDIR) !== 0;
    if (top) {
      // Groups that share their metadata are one place.
      const step =
        incompat & INCOMPAT_FLEX_BG && superBlock.s_log_groups_per_flex <= 16
          ? 2 ** superBlock.s_log_groups_per_flex
          : 1;
      let best = -1;
      let fewest = Infinity;
      for (let group = 0, i = 0; group < groupsCount && i < SPREAD_GROUPS; group += step, i++) {
        const descriptor = this.#groups.aim(group);
        if (descriptor.freeInodes === 0 || descriptor.freeInodes < averageInodes) continue;
        if (descriptor.freeClusters < averageClusters) continue;
        if (descriptor.usedDirectories < fewest) {
          best = group;
          fewest = descriptor.usedDirectories;
        }
      }
      if (best >= 0) return best;
    }
    const leastInodes = Math.max(1, averageInodes - inodesPerGroup / 4);
    const leastClusters = averageClusters - this.#bitmaps.clustersPerGroup / 4;
    for (let i = 0; i < groupsCount && i < SPREAD_GROUPS; i++) {
      const group = (home + i) % groupsCount;
      const descriptor = this.#groups.aim(group);
      if (descriptor.freeInodes >= leastInodes && descriptor.freeClusters >= leastClusters) return group;
    }
    return home;
  }

  /** Mark the first free inode of a group, or of one that follows it, as used. */
  #take(home: number, mode: number): number {
    const { groupsCount, inodesPerGroup, firstInode } = this.#geometry;
    for (let i = 0; i < groupsCount; i++) {
      const group = (home + i) % groupsCount;
      if (this.#groups.aim(group).freeInodes === 0) continue;
      const map = this.#bitmaps.inode(group);
      let index = nextClear(map, group === 0 ? firstInode - 1 : 0, inodesPerGroup);
      while (
        !this.reuseAtOnce &&
        index < inodesPerGroup &&
        this.#freed.has(group * inodesPerGroup + index + 1)
      ) {
        index = nextClear(map, index + 1, inodesPerGroup);
      }
      if (index >= inodesPerGroup) continue;
      this.#mark(group, index, mode);
      return group * inodesPerGroup + index + 1;
    }
    throw new GuestfsError(
      'ENOSPC',
      `no free inode is left of the ${this.#geometry.inodesCount} of the filesystem`,
    );
  }

  #mark(group: number, index: number, mode: number): void {
    const wasUnused = (this.#groups.aim(group).flags & BG_INODE_UNINIT) !== 0;
    fillBits(this.#bitmaps.changeInode(group).bytes, index, 1, true);
    const { inodesPerGroup } = this.#geometry;
    const descriptor = this.#groups.change(group);
    descriptor.freeInodes -= 1;
    if ((mode & S_IFMT) === S_IFDIR) descriptor.usedDirectories += 1;
    if (this.#hasUnused) {
      const used = wasUnused ? 0 : inodesPerGroup - Math.min(inodesPerGroup, descriptor.unusedTable);
      if (index >= used) {
        const first = divideUp(used, this.#perBlock);
        const last = Math.floor(index / this.#perBlock);
        const { inodeTable } = descriptor;
        const zeroed = (descriptor.flags & BG_INODE_ZEROED) !== 0;
        descriptor.unusedTable = inodesPerGroup - index - 1;
        descriptor.seal();
        // A table that was never written may hold anything; what follows its used part counts as never used.
        for (let block = zeroed ? last : first; block <= last; block++) {
          if (block >= first) this.#store.create(inodeTable + block).role = 'inodes';
        }
        this.#superBlock.countInodes(-1);
        return;
      }
    }
    descriptor.seal();
    this.#superBlock.countInodes(-1);
  }

  free(number: number): void {
    this.empty(number);
    this.release(number);
  }

  /** Give the number of an emptied inode back. */
  release(number: number): void {
    const { inodesPerGroup, firstInode } = this.#geometry;
    if (number < firstInode) {
      throw new CorruptError('ext4_inode', `inode ${number} is reserved and cannot be freed`);
    }
    const inode = this.change(number);
    const { view, base } = inode;
    const mode = view.getUint16(base + Inode.i_mode, true);
    if (this.isCounted(inode)) this.#quota.charge(inode, 0, -1);
    view.setUint16(base + Inode.i_links_count, 0, true);
    view.setUint32(base + Inode.i_size_lo, 0, true);
    view.setUint32(base + Inode.i_size_high, 0, true);
    view.setUint32(base + Inode.i_dtime, this.#store.now().seconds >>> 0, true);
    const group = Math.floor((number - 1) / inodesPerGroup);
    const index = (number - 1) % inodesPerGroup;
    const { bytes } = this.#bitmaps.changeInode(group);
    if (!testBit(bytes, index)) {
      throw new CorruptError(
        'inode bitmap',
        `inode ${number} is to be freed, but the bitmap says it is free`,
      );
    }
    fillBits(bytes, index, 1, false);
    const descriptor = this.#groups.change(group);
    descriptor.freeInodes += 1;
    if ((mode & S_IFMT) === S_IFDIR && descriptor.usedDirectories > 0) descriptor.usedDirectories -= 1;
    descriptor.seal();
    this.#superBlock.countInodes(1);
    this.#freed.add(number);
  }
}

/** Make `i_block` the root of an extent tree without extents. */
export function emptyExtents({ bytes, view, base }: InodeView): void {
  const at = base + Inode.i_block;
  bytes.fill(0, at, at + 60);
  view.setUint16(at, EXTENT_MAGIC, true);
  view.setUint16(at + 4, 4, true);
}
