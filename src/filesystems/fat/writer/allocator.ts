import { GuestfsError } from '../../../errors/index.ts';
import { FIRST_CLUSTER, type Geometry } from '../geometry.ts';
import { SECTOR } from '../sectors.ts';
import { END, FREE, type FatTable } from '../table.ts';

/** Clusters whose bits are in one piece of the set of fresh ones. */
const PIECE = 32 * 1024;

/**
 * Finds free clusters and chains them. What it allocates is `fresh` until the transaction ends: nothing durable refers
 * to it, so that its entries may be written in any order, and taken back at once.
 */
export class ClusterAllocator {
  readonly #table: FatTable;
  readonly #geometry: Geometry;
  readonly #fresh = new Map<number, Uint32Array>();
  /** Entries of the table that say free. */
  free: number;
  /** Cluster that was allocated last. */
  last: number;

  constructor(table: FatTable, geometry: Geometry, last: number) {
    this.#table = table;
    this.#geometry = geometry;
    this.free = table.countFree();
    const isCluster = last >= FIRST_CLUSTER && last < geometry.clusterCount + FIRST_CLUSTER;
    this.last = isCluster ? last : FIRST_CLUSTER - 1;
  }

  /**
   * A new chain of `count` clusters, the first ones from `goal` on if they are free; returns its first and last
   * cluster. Throws ENOSPC, and then has changed nothing.
   */
  allocate(count: number, goal = 0): { first: number; last: number } {
    if (count > this.free) {
      throw new GuestfsError(
        'ENOSPC',
        `no space for ${count} clusters of ${this.#geometry.clusterSize} bytes, ${this.free} are free`,
      );
    }
    const end = this.#geometry.clusterCount + FIRST_CLUSTER;
    const start = goal >= FIRST_CLUSTER && goal < end ? goal : this.last + 1;
    const result = { first: 0, last: 0 };
    let left = count;
    // On FAT12 some entries lie across two sectors, of which a power cut may let one be written: they come last.
    for (const avoid of this.#geometry.fatBits === 12 ? [true, false] : [false]) {
      left = this.#take(start, end, left, avoid, result);
      left = this.#take(FIRST_CLUSTER, start, left, avoid, result);
    }
    this.free -= count;
    this.last = result.last;
    return result;
  }

  /** True where a cluster was allocated in this transaction. */
  isFresh(cluster: number): boolean {
    const piece = this.#fresh.get(Math.floor(cluster / PIECE));
    const bit = cluster % PIECE;
    return piece !== undefined && ((piece[bit >>> 5]! >>> (bit & 31)) & 1) !== 0;
  }

  /** Free a chain that nothing durable refers to. Ends where it joins one that is free already, as damaged ones may. */
  release(first: number): void {
    const table = this.#table;
    for (let cluster = first; cluster !== END && table.value(cluster) !== FREE;) {
      const next = table.next(cluster);
      table.set(cluster, FREE);
      this.free++;
      cluster = next;
    }
  }

  /** What was allocated is referred to from now on. */
  settle(): void {
    this.#fresh.clear();
  }

  #take(
    from: number,
    end: number,
    left: number,
    avoid: boolean,
    result: { first: number; last: number },
  ): number {
    const table = this.#table;
    for (let cluster = from; left > 0;) {
      cluster = table.findFree(cluster, end);
      if (cluster >= end) break;
      if (avoid && liesAcross(cluster)) {
        cluster++;
        continue;
      }
      const most = Math.min(left, end - cluster);
      let count = 1;
      for (; count < most; count++) {
        const follower = cluster + count;
        if (table.value(follower) !== FREE || (avoid && liesAcross(follower))) break;
      }
      const last = cluster + count - 1;
      for (let i = cluster; i < last; i++) table.set(i, i + 1);
      table.set(last, END);
      if (result.last === 0) result.first = cluster;
      else table.set(result.last, cluster);
      result.last = last;
      this.#mark(cluster, count);
      left -= count;
      cluster = last + 1;
    }
    return left;
  }

  #mark(cluster: number, count: number): void {
    for (let i = cluster; i < cluster + count; i++) {
      const number = Math.floor(i / PIECE);
      let piece = this.#fresh.get(number);
      if (piece === undefined) this.#fresh.set(number, (piece = new Uint32Array(PIECE / 32)));
      const bit = i % PIECE;
      piece[bit >>> 5] = piece[bit >>> 5]! | (1 << (bit & 31));
    }
  }
}

/** FAT12: the entry's 12 bits are in the last byte of one sector and the first of the next. */
function liesAcross(cluster: number): boolean {
  return (cluster + (cluster >> 1)) % SECTOR === SECTOR - 1;
}
