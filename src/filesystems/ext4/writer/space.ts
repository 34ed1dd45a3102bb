import { divideUp } from '../../../bytes/round.ts';
import { CorruptError, GuestfsError } from '../../../errors/index.ts';
import { groupFirstBlock } from '../groups.ts';
import type { Geometry } from '../superblock.ts';
import type { Bitmaps } from './bitmaps.ts';
import { fillBits, nextClear, nextSet, testBit } from './bits.ts';
import type { SpaceAllocator } from './contract.ts';
import type { GroupDescriptors } from './groups.ts';
import type { BlockStore, OperationPart } from './store.ts';
import type { LiveSuperBlock } from './superblock.ts';
import type { SystemZones } from './zones.ts';

/** Of which inode space is taken, and how that is counted. */
export interface SpaceAccounts {
  /** Add to (or take from) i_blocks and the quotas of `owner`. Throws EDQUOT. */
  charge(owner: number, clusters: number): void;
  /** Count bytes and inodes in the quotas of `owner` alone. Throws EDQUOT. */
  chargeQuota(owner: number, bytes: number, inodes: number): void;
}

/** A group whose longest free run is not known. */
const UNKNOWN = 0xffffffff;

/** Finds free clusters near a goal, and takes them back. */
export class ClusterAllocator implements SpaceAllocator, OperationPart {
  readonly #store: BlockStore;
  readonly #geometry: Geometry;
  readonly #groups: GroupDescriptors;
  readonly #bitmaps: Bitmaps;
  readonly #superBlock: LiveSuperBlock;
  readonly #accounts: SpaceAccounts;
  readonly #zones: SystemZones;
  /** By group: clusters freed since the last commit, which may not be used yet. */
  readonly #pending = new Map<number, Uint8Array>();
  #pendingClusters = 0;
  /** Runs freed by the running operation: group, first bit, count. */
  readonly #freed: number[] = [];
  /** By group: no free run is longer than this. */
  readonly #longest: Uint32Array;
  readonly #scratch: Uint8Array;

  constructor(
    store: BlockStore,
    geometry: Geometry,
    groups: GroupDescriptors,
    bitmaps: Bitmaps,
    superBlock: LiveSuperBlock,
    accounts: SpaceAccounts,
    zones: SystemZones,
  ) {
    this.#zones = zones;
    this.#store = store;
    this.#geometry = geometry;
    this.#groups = groups;
    this.#bitmaps = bitmaps;
    this.#superBlock = superBlock;
    this.#accounts = accounts;
    this.#longest = new Uint32Array(geometry.groupsCount).fill(UNKNOWN);
    this.#scratch = new Uint8Array(geometry.blockSize);
  }

  /** Clusters that become free with the next commit. */
  get pendingClusters(): number {
    return this.#pendingClusters;
  }

  allocate(owner: number, goal: number, count: number): { block: number; count: number } {
    const { clusterRatio, groupsCount, firstDataBlock, blocksCount } = this.#geometry;
    const want = Math.min(divideUp(count, clusterRatio), this.#bitmaps.clustersPerGroup);
    const place = goal > firstDataBlock && goal < blocksCount ? goal : this.goalOf(owner);
    const home = Math.floor((place - firstDataBlock) / this.#geometry.blocksPerGroup);
    const from = Math.floor((place - groupFirstBlock(this.#geometry, home)) / clusterRatio);
    // Right at the goal, however little there is: it continues what ends there.
    const map = this.#usable(home);
    const clusters = this.#bitmaps.clustersOf(home);
    if (from < clusters && !testBit(map, from)) {
      const end = nextSet(map, from, Math.min(clusters, from + want));
      return this.#take(owner, home, from, end - from);
    }
    let bestGroup = -1;
    let bestStart = 0;
    let bestLength = 0;
    for (let i = 0; i < groupsCount && bestLength < want; i++) {
      const group = (home + i) % groupsCount;
      if (this.#longest[group]! <= bestLength) continue;
      if (this.#groups.aim(group).freeClusters <= bestLength) continue;
      const found = this.#longestRun(group, i === 0 ? from : 0, want);
      if (found.length > bestLength) {
        bestGroup = group;
        bestStart = found.start;
        bestLength = found.length;
      }
      // A large wish is not worth a look at every group of a large filesystem.
      if (bestLength >= 64 && i > 64) break;
    }
    if (bestGroup < 0) {
      throw new GuestfsError(
        'ENOSPC',
        `no free block is left on the ext4 filesystem of ${blocksCount} blocks` +
          (this.#pendingClusters > 0 ? ` (${this.#pendingClusters} will be free at the next commit)` : ''),
      );
    }
    return this.#take(owner, bestGroup, bestStart, Math.min(want, bestLength));
  }

  /** Where the first block of an inode had best be. */
  goalOf(owner: number): number {
    const { inodesPerGroup, groupsCount } = this.#geometry;
    const group = owner === 0 ? 0 : Math.floor((owner - 1) / inodesPerGroup);
    return Math.max(1, groupFirstBlock(this.#geometry, Math.min(group, groupsCount - 1)));
  }

  /** The bitmap of a group in which clusters that wait for the commit count as used. */
  #usable(group: number): Uint8Array {
    const map = this.#bitmaps.block(group);
    const pending = this.#pending.get(group);
    if (pending === undefined) return map;
    const scratch = this.#scratch;
    for (let i = 0; i < scratch.length; i++) scratch[i] = map[i]! | pending[i]!;
    return scratch;
  }

  /** First run of `want` free clusters, looking from `from` on and then from the start; else the longest one. */
  #longestRun(group: number, from: number, want: number): { start: number; length: number } {
    const map = this.#usable(group);
    const clusters = this.#bitmaps.clustersOf(group);
    const best = { start: 0, length: 0 };
    const scan = (start: number, end: number): void => {
      for (let bit = nextClear(map, start, end); bit < end;) {
        const stop = nextSet(map, bit, Math.min(clusters, bit + want));
        if (stop - bit > best.length) {
          best.start = bit;
          best.length = stop - bit;
          if (best.length >= want) return;
        }
        bit = nextClear(map, stop, end);
      }
    };
    scan(Math.min(from, clusters), clusters);
    if (best.length < want && from > 0) scan(0, Math.min(from, clusters));
    if (best.length < want) this.#longest[group] = best.length;
    return best;
  }

  #take(owner: number, group: number, start: number, count: number): { block: number; count: number } {
    const { clusterRatio, blocksCount } = this.#geometry;
    const block = groupFirstBlock(this.#geometry, group) + start * clusterRatio;
    const length = Math.min(count * clusterRatio, blocksCount - block);
    this.#zones.check(block, length, 'block bitmap', () => `the bitmap of group ${group} has as free`);
    this.#accounts.charge(owner, count);
    fillBits(this.#bitmaps.changeBlock(group).bytes, start, count, true);
    const descriptor = this.#groups.change(group);
    if (descriptor.freeClusters < count) {
      throw new CorruptError(
        'ext4_group_desc',
        `bg_free_blocks_count of group ${group} is ${descriptor.freeClusters}, but its bitmap has ${count} or more`,
      );
    }
    descriptor.freeClusters -= count;
    descriptor.seal();
    this.#superBlock.countClusters(-count);
    return { block, count: length };
  }

  free(owner: number, block: number, count: number, kind: 'data' | 'metadata'): void {
    const { clusterRatio, firstDataBlock, blocksPerGroup, blocksCount } = this.#geometry;
    if (block <= firstDataBlock || block + count > blocksCount || count < 1) {
      throw new CorruptError(
        'ext4_inode',
        `inode ${owner} gives back ${count} blocks at ${block}, expected some from ${firstDataBlock + 1} to ${blocksCount - 1}`,
      );
    }
    this.#zones.check(block, count, 'ext4_inode', () => `inode ${owner} gives back`);
    let freed = 0;
    for (let at = block; at < block + count;) {
      const group = Math.floor((at - firstDataBlock) / blocksPerGroup);
      const first = groupFirstBlock(this.#geometry, group);
      const end = Math.min(block + count, first + blocksPerGroup);
      const start = Math.floor((at - first) / clusterRatio);
      const stop = divideUp(end - first, clusterRatio);
      this.#give(owner, group, start, stop - start);
      freed += stop - start;
      at = end;
    }
    if (kind === 'metadata') {
      for (let i = 0; i < count; i++) this.#store.drop(block + i);
    }
    this.#accounts.charge(owner, -freed);
  }

  #give(owner: number, group: number, start: number, count: number): void {
    const { bytes } = this.#bitmaps.changeBlock(group);
    if (nextClear(bytes, start, start + count) < start + count) {
      throw new CorruptError(
        'block bitmap',
        `inode ${owner} has blocks of group ${group} that the bitmap says are free`,
      );
    }
    fillBits(bytes, start, count, false);
    let pending = this.#pending.get(group);
    if (pending === undefined) {
      pending = new Uint8Array(this.#geometry.blockSize);
      this.#pending.set(group, pending);
    }
    fillBits(pending, start, count, true);
    this.#freed.push(group, start, count);
    this.#pendingClusters += count;
    const descriptor = this.#groups.change(group);
    descriptor.freeClusters += count;
    descriptor.seal();
    this.#superBlock.countClusters(count);
  }

  charge(owner: number, clusters: number): void {
    this.#accounts.charge(owner, clusters);
  }

  chargeQuota(owner: number, bytes: number, inodes: number): void {
    this.#accounts.chargeQuota(owner, bytes, inodes);
  }

  settle(): void {
    this.#freed.length = 0;
  }

  undo(): void {
    for (let i = 0; i < this.#freed.length; i += 3) {
      const pending = this.#pending.get(this.#freed[i]!)!;
      fillBits(pending, this.#freed[i + 1]!, this.#freed[i + 2]!, false);
      this.#pendingClusters -= this.#freed[i + 2]!;
    }
    this.#freed.length = 0;
    this.#longest.fill(UNKNOWN);
  }

  /** The transaction is durable: what was freed in it may be used. */
  committed(): void {
    for (const group of this.#pending.keys()) this.#longest[group] = UNKNOWN;
    this.#pending.clear();
    this.#pendingClusters = 0;
  }
}
