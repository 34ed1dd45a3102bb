import { CorruptError } from '../../errors/index.ts';
import { END, type FatTable } from './table.ts';

/** A contiguous part of a chain. */
export interface Run {
  /** First cluster on the disk. */
  cluster: number;
  /** Clusters that follow each other from there. */
  count: number;
}

/** Runs in one piece of the map; pieces are added, never copied. */
const PIECE = 4096;

/**
 * The clusters of one file, as runs, followed only as far as was asked. A chain that comes back to itself is found
 * by Brent's algorithm: one comparison a cluster, no memory.
 */
export class Chain {
  readonly first: number;
  readonly #table: FatTable;
  /** Cluster of the file, and of the disk, at which each run starts. */
  readonly #starts: Uint32Array[] = [];
  readonly #clusters: Uint32Array[] = [];
  #runs = 0;
  /** Clusters followed so far. */
  #length = 0;
  /** The cluster after those, or END. */
  #next: number;
  #landmark: number;
  #steps = 0;
  #limit = 1;
  /** Run found last, where a sequential reader goes on. */
  #recent = 0;

  constructor(table: FatTable, first: number) {
    this.#table = table;
    this.first = first;
    this.#next = first;
    this.#landmark = first;
  }

  /** How many runs the map holds: what it costs in memory. */
  get runs(): number {
    return this.#runs;
  }

  /** The run from cluster `index` of the file on, at least 1 and at most `wanted` clusters; null after the end. */
  locate(index: number, wanted: number): Run | null {
    this.#follow(index + wanted);
    if (index >= this.#length) return null;
    const run = this.#find(index);
    const start = this.#start(run);
    const end = run + 1 < this.#runs ? this.#start(run + 1) : this.#length;
    const cluster = this.#clusters[Math.floor(run / PIECE)]![run % PIECE]! + (index - start);
    return { cluster, count: Math.min(wanted, end - index) };
  }

  /** How many clusters the chain has; follows it to its end. */
  length(): number {
    this.#follow(Number.MAX_SAFE_INTEGER);
    return this.#length;
  }

  /** Tell that the chain goes on after its last cluster. */
  extended(next: number): void {
    if (this.#next !== END) return;
    this.#next = next;
    if (this.#landmark === END) this.#landmark = next;
  }

  #follow(wanted: number): void {
    let previous = -2;
    if (this.#runs > 0) {
      const last = this.#runs - 1;
      previous =
        this.#clusters[Math.floor(last / PIECE)]![last % PIECE]! + (this.#length - this.#start(last)) - 1;
    }
    while (this.#next !== END && this.#length < wanted) {
      const cluster = this.#next;
      if (cluster !== previous + 1) this.#addRun(cluster);
      previous = cluster;
      this.#length++;
      this.#next = this.#table.next(cluster);
      if (this.#next === this.#landmark) {
        throw new CorruptError(
          'FAT',
          `the chain from cluster ${this.first} comes back to cluster ${this.#next} after ${this.#length} clusters`,
        );
      }
      if (++this.#steps === this.#limit) {
        this.#landmark = this.#next;
        this.#limit *= 2;
        this.#steps = 0;
      }
    }
  }

  #addRun(cluster: number): void {
    const piece = Math.floor(this.#runs / PIECE);
    if (piece === this.#starts.length) {
      // Most files are one run: the first piece grows with need.
      this.#starts.push(new Uint32Array(piece === 0 ? 4 : PIECE));
      this.#clusters.push(new Uint32Array(piece === 0 ? 4 : PIECE));
    }
    const at = this.#runs % PIECE;
    if (at === this.#starts[piece]!.length) {
      this.#starts[piece] = grown(this.#starts[piece]!);
      this.#clusters[piece] = grown(this.#clusters[piece]!);
    }
    this.#starts[piece]![at] = this.#length;
    this.#clusters[piece]![at] = cluster;
    this.#runs++;
  }

  #start(run: number): number {
    return this.#starts[Math.floor(run / PIECE)]![run % PIECE]!;
  }

  #find(index: number): number {
    const recent = this.#recent;
    for (let run = recent; run < recent + 2 && run < this.#runs; run++) {
      if (this.#start(run) <= index && (run + 1 === this.#runs || index < this.#start(run + 1))) {
        this.#recent = run;
        return run;
      }
    }
    let low = 0;
    let high = this.#runs - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#start(middle) <= index) low = middle;
      else high = middle - 1;
    }
    this.#recent = low;
    return low;
  }
}

function grown(array: Uint32Array): Uint32Array {
  const larger = new Uint32Array(Math.min(PIECE, array.length * 4));
  larger.set(array);
  return larger;
}

/** Chains kept, and runs kept over all of them. */
const MAX_CHAINS = 256;
const MAX_RUNS = 512 * 1024;

/** Chains of the files read last. */
export class ChainCache {
  readonly #table: FatTable;
  readonly #chains = new Map<number, Chain>();

  constructor(table: FatTable) {
    this.#table = table;
  }

  /** The chain from a cluster of the data area on. */
  get(first: number): Chain {
    const known = this.#chains.get(first);
    if (known !== undefined) {
      this.#chains.delete(first);
      this.#chains.set(first, known);
      return known;
    }
    this.#trim();
    const chain = new Chain(this.#table, first);
    this.#chains.set(first, chain);
    return chain;
  }

  /** The chain from a cluster on, if it is kept. */
  known(first: number): Chain | undefined {
    return this.#chains.get(first);
  }

  /** Forget the chain from a cluster on. */
  forget(first: number): void {
    this.#chains.delete(first);
  }

  clear(): void {
    this.#chains.clear();
  }

  #trim(): void {
    if (this.#chains.size < MAX_CHAINS) {
      let runs = 0;
      for (const chain of this.#chains.values()) runs += chain.runs;
      if (runs < MAX_RUNS) return;
    }
    const oldest = [...this.#chains.keys()].slice(0, Math.max(1, this.#chains.size >> 1));
    for (const first of oldest) this.#chains.delete(first);
  }
}
