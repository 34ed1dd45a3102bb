import { FIRST_CLUSTER, type Geometry } from '../geometry.ts';
import { END, FREE, firstEnd, type FatTable } from '../table.ts';
import type { ProblemList } from './report.ts';
import type { UsedClusters } from './used-clusters.ts';

/** Follows chains for the first and only time, and ends them where they go wrong. */
export class ChainCheck {
  readonly #table: FatTable;
  readonly #geometry: Geometry;
  readonly #used: UsedClusters;
  readonly #problems: ProblemList;

  constructor(table: FatTable, geometry: Geometry, used: UsedClusters, problems: ProblemList) {
    this.#table = table;
    this.#geometry = geometry;
    this.#used = used;
    this.#problems = problems;
  }

  isCluster(number: number): boolean {
    return number >= FIRST_CLUSTER && number < this.#geometry.clusterCount + FIRST_CLUSTER;
  }

  /**
   * Take the chain from `first` on for what `path` names, `most` clusters of it, and make it end there. Returns its
   * clusters as runs of first and count; none where it is not possible at all.
   */
  take(path: string, first: number, most: number): { cluster: number; count: number }[] {
    const runs: { cluster: number; count: number }[] = [];
    const end = firstEnd(this.#geometry.fatBits);
    let last = 0;
    let length = 0;
    for (let cluster = first; ;) {
      const wrong = this.#wrong(path, cluster, first, length);
      if (wrong !== undefined) {
        this.#problems.add(wrong[0], wrong[1]);
        if (last !== 0) this.#table.set(last, END);
        return runs;
      }
      this.#used.add(cluster);
      const run = runs.at(-1);
      if (run !== undefined && run.cluster + run.count === cluster) run.count++;
      else runs.push({ cluster, count: 1 });
      length++;
      last = cluster;
      const next = this.#table.value(cluster);
      if (next >= end) return runs;
      if (length === most) {
        this.#problems.add(
          'chain-length',
          `${path}: the chain goes on after the ${most} clusters that are needed`,
        );
        this.#table.set(cluster, END);
        return runs;
      }
      cluster = next;
    }
  }

  #wrong(
    path: string,
    cluster: number,
    first: number,
    length: number,
  ): ['start-cluster' | 'chain' | 'cross-link', string] | undefined {
    const where = `${path}: the chain from cluster ${first}, after ${length} clusters,`;
    if (!this.isCluster(cluster)) {
      const last = this.#geometry.clusterCount + FIRST_CLUSTER - 1;
      if (length === 0)
        return ['start-cluster', `${path} starts at cluster ${cluster}, expected 2 to ${last}`];
      return ['chain', `${where} names cluster ${cluster}, expected 2 to ${last}`];
    }
    if (this.#used.has(cluster)) {
      return ['cross-link', `${where} names cluster ${cluster}, which it or another file has already`];
    }
    const value = this.#table.value(cluster);
    if (value === FREE) return ['chain', `${where} names cluster ${cluster}, which is marked free`];
    if (value === firstEnd(this.#geometry.fatBits) - 1) {
      return ['chain', `${where} names cluster ${cluster}, which is marked bad`];
    }
    return undefined;
  }
}
