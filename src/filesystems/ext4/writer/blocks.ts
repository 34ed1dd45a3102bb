import { CorruptError } from '../../../errors/index.ts';
import type { BlockFile, SpaceAllocator, StoredBlock } from './contract.ts';
import type { MappedRun, RunTaker } from './map/contract.ts';
import type { FileMaps } from './map/index.ts';
import type { BlockStore } from './store.ts';
import type { SystemZones } from './zones.ts';

/** Blocks that one operation may touch before a long removal goes on in another one. */
export const STEP_BUDGET = 48;

/** Takes blocks for files and gives them back, by clusters where the filesystem has clusters. */
export class FileBlocks implements BlockFile {
  readonly #store: BlockStore;
  readonly #maps: FileMaps;
  readonly #space: SpaceAllocator;
  readonly #ratio: number;
  readonly #zones: SystemZones;
  readonly #run: MappedRun = { block: 0, length: 0, kind: 'hole' };

  constructor(store: BlockStore, maps: FileMaps, space: SpaceAllocator, zones: SystemZones) {
    this.#zones = zones;
    this.#store = store;
    this.#maps = maps;
    this.#space = space;
    this.#ratio = store.geometry.clusterRatio;
  }

  map(inode: number, logical: number): number {
    this.lookup(inode, logical, this.#run);
    return this.#run.kind === 'data' ? this.#run.block : 0;
  }

  /** What a file block is part of, into `run`. Throws CorruptError where that is the filesystem's own. */
  lookup(inode: number, logical: number, run: MappedRun): void {
    this.#maps.of(inode).lookup(inode, logical, run);
    if (run.kind === 'hole') return;
    this.#zones.check(run.block, run.length, 'ext4_inode', () => `inode ${inode} has`);
  }

  /**
   * Take blocks for a hole that begins at `logical` and has at least `count` blocks, and map them. Returns the run,
   * which may be shorter than asked. Throws ENOSPC.
   */
  take(inode: number, logical: number, count: number, unwritten: boolean): { block: number; count: number } {
    const ratio = this.#ratio;
    if (ratio > 1) {
      const within = logical % ratio;
      const known = this.#clusterOf(inode, logical - within);
      const inCluster = Math.min(count, ratio - within);
      if (known !== 0) {
        this.#maps.of(inode).insert(inode, logical, known + within, inCluster, unwritten);
        return { block: known + within, count: inCluster };
      }
      const found = this.#space.allocate(inode, this.#goal(inode, logical - within), count + within);
      let length = Math.min(count, found.count - within);
      // The end may lie in a cluster that the file has already: that one is not this run's.
      const last = logical + length - 1;
      const lastStart = last - (last % ratio);
      if (lastStart > logical) {
        const other = this.#clusterOf(inode, lastStart);
        if (other !== 0) {
          const surplus = found.count - (lastStart - (logical - within));
          this.#space.free(inode, found.block + found.count - surplus, surplus, 'data');
          length = lastStart - logical;
        }
      }
      this.#maps.of(inode).insert(inode, logical, found.block + within, length, unwritten);
      return { block: found.block + within, count: length };
    }
    const found = this.#space.allocate(inode, this.#goal(inode, logical), count);
    this.#maps.of(inode).insert(inode, logical, found.block, found.count, unwritten);
    return found;
  }

  /** Where the block before `logical` ends; 0 where that is a hole. */
  #goal(inode: number, logical: number): number {
    if (logical === 0) return 0;
    const run = this.#run;
    this.#maps.of(inode).lookup(inode, logical - 1, run);
    if (run.kind === 'hole') return 0;
    const end = run.block + 1;
    return this.#ratio === 1 ? end : this.#clusterEnd(run.block);
  }

  #clusterEnd(block: number): number {
    const { firstDataBlock } = this.#store.geometry;
    const within = (block - firstDataBlock) % this.#ratio;
    return block - within + this.#ratio;
  }

  /** First block of the cluster that a file has for its cluster at `start`; 0 where it has none. */
  #clusterOf(inode: number, start: number): number {
    const map = this.#maps.of(inode);
    const run = this.#run;
    for (let logical = start; logical < start + this.#ratio; logical += run.length) {
      map.lookup(inode, logical, run);
      if (run.kind !== 'hole') return run.block - (logical - start);
    }
    return 0;
  }

  /** Mark a range, which is mapped and unwritten, as written. */
  markWritten(inode: number, logical: number, block: number, count: number): void {
    const map = this.#maps.extents;
    map.remove(inode, logical, count, () => {});
    map.insert(inode, logical, block, count, false);
  }

  /**
   * Unmap a range and give its blocks back, in an operation that may stop early: returns the first file block that
   * was not looked at, as {@link FileMap.remove}.
   */
  release(
    inode: number,
    logical: number,
    count: number,
    kind: 'data' | 'metadata',
    budget = Infinity,
  ): number {
    const map = this.#maps.of(inode);
    if (this.#ratio === 1) {
      return map.remove(
        inode,
        logical,
        count,
        (_, block, length) => this.#space.free(inode, block, length, kind),
        budget,
      );
    }
    /** Clusters that lost blocks: file cluster start, device cluster start. */
    const touched: { start: number; block: number }[] = [];
    const take: RunTaker = (first, block, length) => {
      for (let at = first; at < first + length;) {
        const within = at % this.#ratio;
        const start = at - within;
        if (touched.at(-1)?.start !== start) touched.push({ start, block: block + (at - first) - within });
        at = start + this.#ratio;
      }
    };
    const next = map.remove(inode, logical, count, take, budget);
    let from = 0;
    let length = 0;
    const flush = (): void => {
      if (length > 0) this.#space.free(inode, from, length, kind);
      length = 0;
    };
    touched.forEach((cluster, i) => {
      // Only the clusters at both ends of the range can have other blocks left.
      const mayRemain = i === 0 || i === touched.length - 1;
      if (mayRemain && this.#clusterOf(inode, cluster.start) !== 0) return;
      const size = Math.min(this.#ratio, this.#store.geometry.blocksCount - cluster.block);
      if (length > 0 && from + length === cluster.block) {
        length += size;
      } else {
        flush();
        from = cluster.block;
        length = size;
      }
    });
    flush();
    return next;
  }

  grow(inode: number, logical: number): StoredBlock {
    const run = this.#run;
    this.lookup(inode, logical, run);
    if (run.kind === 'data') return this.#store.change(run.block);
    if (run.kind === 'unwritten') {
      throw new CorruptError('ext4_extent', `block ${logical} of inode ${inode} was never written`);
    }
    const { block } = this.take(inode, logical, 1, false);
    return this.#store.create(block);
  }

  shrink(inode: number, firstLogical: number): void {
    const { maxBlocks } = this.#maps.of(inode);
    this.release(inode, firstLogical, maxBlocks - firstLogical, 'metadata');
  }
}
