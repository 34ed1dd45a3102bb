import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { divideUp } from '../../../bytes/round.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { inodeSeed } from '../checksum.ts';
import { EXTENT_INIT_MAX_LEN, EXTENT_MAGIC, I_BLOCK_SIZE, INODE_EXTENTS } from '../layout.ts';
import { take, type Groups } from './groups.ts';
import type { Plan } from './plan.ts';

/** Bytes of an extent node's header and of each of its entries. */
const NODE_HEADER = 12;
const NODE_ENTRY = 12;
/** Entries of the node that is in the inode. */
const ROOT_ENTRIES = 4;
/** Blocks that i_block names itself; the entries after it lead to blocks of block numbers. */
const DIRECT = 12;

/** Blocks of a file that lie together. */
export interface Run {
  logical: number;
  block: number;
  count: number;
}

/** Where the content of a new file is. */
export interface Content {
  runs: Run[];
  /** The 60 bytes of i_block. */
  map: Uint8Array;
  flags: number;
  /** Allocated bytes, blocks of the map included. */
  allocated: number;
}

/** Collects the metadata blocks that are to be written. */
export type BlockSink = (block: number, bytes: Uint8Array) => void;

function full(plan: Plan, what: string): GuestfsError {
  return new GuestfsError(
    'ENOSPC',
    `${plan.blocksCount} blocks of ${plan.blockSize} bytes have no room for the ${what}`,
  );
}

/** Take one cluster, the first that is free at or after `goal`. */
function takeCluster(plan: Plan, groups: Groups, goal: number, what: string): number {
  const run =
    groups.space.freeRun(goal, plan.blocksCount) ??
    groups.space.freeRun(plan.firstDataBlock, plan.blocksCount);
  if (run === undefined) throw full(plan, what);
  take(plan, groups, run.start, Math.min(plan.clusterRatio, plan.blocksCount - run.start));
  return run.start;
}

/** Take `blocks` blocks, in runs as they are free from `goal` on. */
function takeRuns(plan: Plan, groups: Groups, goal: number, blocks: number, what: string): Run[] {
  const { clusterRatio: ratio } = plan;
  const runs: Run[] = [];
  let at = goal;
  let wrapped = false;
  for (let logical = 0; logical < blocks;) {
    const run = groups.space.freeRun(at, plan.blocksCount);
    if (run === undefined) {
      if (wrapped) throw full(plan, what);
      wrapped = true;
      at = plan.firstDataBlock;
      continue;
    }
    const wanted = divideUp(blocks - logical, ratio) * ratio;
    const taken = Math.min(run.count, wanted);
    take(plan, groups, run.start, taken);
    const count = Math.min(taken, blocks - logical);
    runs.push({ logical, block: run.start, count });
    logical += count;
    at = run.start + taken;
  }
  return runs;
}

function putNodeHeader(view: DataView, entries: number, most: number, depth: number): void {
  view.setUint16(0, EXTENT_MAGIC, true);
  view.setUint16(2, entries, true);
  view.setUint16(4, most, true);
  view.setUint16(6, depth, true);
}

function putExtents(view: DataView, extents: readonly Run[]): void {
  for (const [index, { logical, block, count }] of extents.entries()) {
    const at = NODE_HEADER + index * NODE_ENTRY;
    view.setUint32(at, logical, true);
    view.setUint16(at + 4, count, true);
    view.setUint16(at + 6, Math.floor(block / 0x100000000), true);
    view.setUint32(at + 8, block % 0x100000000, true);
  }
}

/** A file in extents. Deeper than one level is never needed here: journals end at ten million blocks. */
function mapByExtents(
  plan: Plan,
  groups: Groups,
  runs: readonly Run[],
  inode: number,
  seed: number,
  sink: BlockSink,
): { map: Uint8Array; clusters: number } {
  const extents: Run[] = [];
  for (const { logical, block, count } of runs) {
    // An extent's length is a multiple of the cluster where another one follows in the same run.
    const most = Math.floor(EXTENT_INIT_MAX_LEN / plan.clusterRatio) * plan.clusterRatio;
    for (let done = 0; done < count; done += most) {
      extents.push({ logical: logical + done, block: block + done, count: Math.min(most, count - done) });
    }
  }
  const map = new Uint8Array(I_BLOCK_SIZE);
  const view = new DataView(map.buffer);
  if (extents.length <= ROOT_ENTRIES) {
    putNodeHeader(view, extents.length, ROOT_ENTRIES, 0);
    putExtents(view, extents);
    return { map, clusters: 0 };
  }
  const checksums = plan.features.has('metadata_csum');
  const perNode = Math.floor((plan.blockSize - NODE_HEADER) / NODE_ENTRY);
  const nodes = divideUp(extents.length, perNode);
  if (nodes > ROOT_ENTRIES) throw full(plan, `map of inode ${inode}, which is in ${extents.length} pieces`);
  putNodeHeader(view, nodes, ROOT_ENTRIES, 1);
  for (let index = 0; index < nodes; index++) {
    const part = extents.slice(index * perNode, (index + 1) * perNode);
    const before = part[0]!.block - plan.clusterRatio;
    const near = part[Math.min(ROOT_ENTRIES, part.length - 1)]!;
    const goal =
      before > 0 && groups.space.isFree(before, plan.clusterRatio) ? before : near.block + near.count;
    const block = takeCluster(plan, groups, goal, `map of inode ${inode}`);
    const bytes = new Uint8Array(plan.blockSize);
    const node = new DataView(bytes.buffer);
    putNodeHeader(node, part.length, perNode, 0);
    putExtents(node, part);
    if (checksums) {
      const tail = NODE_HEADER + perNode * NODE_ENTRY;
      node.setUint32(tail, crc32cRaw(inodeSeed(seed, inode, 0), bytes, 0, tail), true);
    }
    sink(block, bytes);
    const at = NODE_HEADER + index * NODE_ENTRY;
    view.setUint32(at, part[0]!.logical, true);
    view.setUint32(at + 4, block % 0x100000000, true);
    view.setUint16(at + 8, Math.floor(block / 0x100000000), true);
  }
  return { map, clusters: nodes };
}

/** A file by block numbers; the blocks of the map lie where they are first needed, among the data. */
class IndirectMapper {
  readonly #plan: Plan;
  readonly #groups: Groups;
  readonly #map = new Uint8Array(I_BLOCK_SIZE);
  readonly #view = new DataView(this.#map.buffer);
  readonly #maps = new Map<number, Uint8Array>();
  readonly #what: string;
  #next: number;

  constructor(plan: Plan, groups: Groups, goal: number, what: string) {
    this.#plan = plan;
    this.#groups = groups;
    this.#next = goal;
    this.#what = what;
  }

  #take(): number {
    const block = takeCluster(this.#plan, this.#groups, this.#next, this.#what);
    this.#next = block + 1;
    return block;
  }

  /** The entry of a map block, or of the inode where `parent` is 0; a map block is made where there is none. */
  #below(parent: number, index: number): number {
    const bytes = parent === 0 ? this.#map : this.#maps.get(parent)!;
    const view = parent === 0 ? this.#view : new DataView(bytes.buffer);
    const known = view.getUint32(index * 4, true);
    if (known !== 0) return known;
    const block = this.#take();
    this.#maps.set(block, new Uint8Array(this.#plan.blockSize));
    view.setUint32(index * 4, block, true);
    return block;
  }

  #parentOf(logical: number): { parent: number; index: number } {
    if (logical < DIRECT) return { parent: 0, index: logical };
    const entries = this.#plan.blockSize / 4;
    let rest = logical - DIRECT;
    let span = entries;
    for (let depth = 1; depth <= 3; depth++) {
      if (rest < span) {
        let parent = this.#below(0, DIRECT + depth - 1);
        for (let level = depth - 1; level > 0; level--) {
          parent = this.#below(parent, Math.floor(rest / entries ** level) % entries);
        }
        return { parent, index: rest % entries };
      }
      rest -= span;
      span *= entries;
    }
    throw full(this.#plan, this.#what);
  }

  fill(blocks: number, sink: BlockSink): Content {
    const entries = this.#plan.blockSize / 4;
    const runs: Run[] = [];
    for (let logical = 0; logical < blocks;) {
      const { parent, index } = this.#parentOf(logical);
      const last = parent === 0 ? DIRECT : entries;
      const run = this.#groups.space.freeRun(this.#next, this.#plan.blocksCount);
      if (run === undefined) throw full(this.#plan, this.#what);
      const count = Math.min(run.count, last - index, blocks - logical);
      take(this.#plan, this.#groups, run.start, count);
      this.#next = run.start + count;
      const view = parent === 0 ? this.#view : new DataView(this.#maps.get(parent)!.buffer);
      for (let i = 0; i < count; i++) view.setUint32((index + i) * 4, run.start + i, true);
      runs.push({ logical, block: run.start, count });
      logical += count;
    }
    for (const [block, bytes] of this.#maps) sink(block, bytes);
    return {
      runs,
      map: this.#map,
      flags: 0,
      allocated: (blocks + this.#maps.size) * this.#plan.blockSize,
    };
  }
}

/** Allocate the content of a new file of `blocks` blocks, in extents where the filesystem has them. */
export function allocateContent(
  plan: Plan,
  groups: Groups,
  file: { inode: number; blocks: number; goal: number; what: string; seed: number },
  sink: BlockSink,
): Content {
  const { inode, blocks, goal, what, seed } = file;
  // The body of a block-mapped journal begins at the first free block: indirect maps are short that way.
  if (!plan.features.has('extent')) {
    return new IndirectMapper(plan, groups, plan.firstDataBlock, what).fill(blocks, sink);
  }
  const runs = takeRuns(plan, groups, goal, blocks, what);
  const { map, clusters } = mapByExtents(plan, groups, runs, inode, seed, sink);
  const data = runs.reduce((sum, { count }) => sum + divideUp(count, plan.clusterRatio), 0);
  return {
    runs,
    map,
    flags: INODE_EXTENTS,
    allocated: (data + clusters) * plan.clusterRatio * plan.blockSize,
  };
}

/** Take one block (a cluster) for metadata that is no file's content, the first that is free at or after `goal`. */
export function allocateBlock(plan: Plan, groups: Groups, goal: number, what: string): number {
  return takeCluster(plan, groups, goal, what);
}
