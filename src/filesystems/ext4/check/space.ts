import { GuestfsError } from '../../../errors/index.ts';
import { clustersInGroup } from './places.ts';
import type { Volume } from './volume.ts';

/** The block bitmaps of a volume, read as they are needed; changes are staged by {@link stage}. */
export class ClusterSpace {
  readonly #volume: Volume;
  readonly #bitmaps = new Map<number, Uint8Array>();
  readonly #dirty = new Set<number>();
  /** Where the search for free space goes on. */
  #cursor = 0;
  /** Runs of clusters that are never given out, sorted. */
  keepOut: readonly { first: number; count: number }[] = [];

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  get #perGroup(): number {
    const { blocksPerGroup, clusterRatio } = this.#volume.geometry;
    return blocksPerGroup / clusterRatio;
  }

  clusterOf(block: number): number {
    const { firstDataBlock, clusterRatio } = this.#volume.geometry;
    return Math.floor((block - firstDataBlock) / clusterRatio);
  }

  blockOf(cluster: number): number {
    const { firstDataBlock, clusterRatio } = this.#volume.geometry;
    return cluster * clusterRatio + firstDataBlock;
  }

  /** The bitmap of a group; change it through this object only. */
  bitmap(group: number): Uint8Array {
    let bitmap = this.#bitmaps.get(group);
    if (bitmap === undefined) {
      bitmap = this.#volume.blockBitmap(group);
      this.#bitmaps.set(group, bitmap);
    }
    return bitmap;
  }

  isUsed(cluster: number): boolean {
    const bit = cluster % this.#perGroup;
    return (this.bitmap(Math.floor(cluster / this.#perGroup))[bit >>> 3]! & (1 << (bit & 7))) !== 0;
  }

  /** Set or clear the bits of a run; bits that are so already are passed over. */
  mark(cluster: number, count: number, used: boolean): void {
    const { descriptors } = this.#volume;
    for (let at = cluster; at < cluster + count;) {
      const group = Math.floor(at / this.#perGroup);
      const end = Math.min(cluster + count, (group + 1) * this.#perGroup);
      const bitmap = this.bitmap(group);
      let changed = 0;
      for (; at < end; at++) {
        const bit = at % this.#perGroup;
        const mask = 1 << (bit & 7);
        if (((bitmap[bit >>> 3]! & mask) !== 0) === used) continue;
        bitmap[bit >>> 3]! ^= mask;
        changed++;
      }
      if (changed === 0) continue;
      this.#dirty.add(group);
      const delta = used ? -changed : changed;
      const before = descriptors.get(group, 'bg_free_blocks_count');
      descriptors.set(group, 'bg_free_blocks_count', Math.max(0, before + delta));
      this.#volume.addFree(delta, 0);
    }
  }

  /** A run of up to `count` free clusters below `limit`, marked as used. Throws ENOSPC where there is none. */
  allocate(count: number, limit: number): { cluster: number; count: number } {
    if (this.#cursor >= limit) this.#cursor = 0;
    const start = this.#cursor;
    const found = this.#search(start, limit, count) ?? this.#search(0, Math.min(limit, start), count);
    if (found === undefined) {
      throw new GuestfsError(
        'ENOSPC',
        `the filesystem has no free block left below block ${this.blockOf(limit)}`,
      );
    }
    this.mark(found.cluster, found.count, true);
    this.#cursor = found.cluster + found.count;
    return found;
  }

  #search(from: number, limit: number, count: number): { cluster: number; count: number } | undefined {
    const { geometry, descriptors } = this.#volume;
    for (let at = from; at < limit;) {
      const group = Math.floor(at / this.#perGroup);
      const first = group * this.#perGroup;
      const end = Math.min(limit, first + clustersInGroup(geometry, group));
      if (descriptors.get(group, 'bg_free_blocks_count') === 0) {
        at = first + this.#perGroup;
        continue;
      }
      const bitmap = this.bitmap(group);
      while (at < end) {
        const bit = at - first;
        if ((bit & 7) === 0 && bitmap[bit >>> 3] === 0xff) {
          at += 8;
          continue;
        }
        if ((bitmap[bit >>> 3]! & (1 << (bit & 7))) === 0) {
          const behind = this.#keptOut(at);
          if (behind > 0) {
            at = behind;
            continue;
          }
          let length = 1;
          while (length < count && at + length < end) {
            const next = at + length - first;
            if (bitmap[next >>> 3]! & (1 << (next & 7)) || this.#keptOut(at + length) > 0) break;
            length++;
          }
          return { cluster: at, count: length };
        }
        at++;
      }
      at = first + this.#perGroup;
    }
    return undefined;
  }

  /** End of the run to be kept out of that holds the cluster; 0 where none does. */
  #keptOut(cluster: number): number {
    for (const { first, count } of this.keepOut) {
      if (cluster >= first && cluster < first + count) return first + count;
    }
    return 0;
  }

  /** A free run of exactly `count` clusters between two clusters, not marked. Undefined where there is none. */
  findRun(count: number, from: number, limit: number): number | undefined {
    let length = 0;
    for (let at = from; at < limit; at++) {
      if (this.isUsed(at) || this.#keptOut(at) > 0) length = 0;
      else if (++length === count) return at - count + 1;
    }
    return undefined;
  }

  /** Stage the changed bitmaps. */
  stage(): void {
    for (const group of this.#dirty) this.#volume.putBitmap('block', group, this.bitmap(group));
    this.#dirty.clear();
  }

  /** Forget what was read: the geometry has changed. */
  clear(): void {
    this.#bitmaps.clear();
    this.#dirty.clear();
  }
}
