import { GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import { INODE_EXTENTS, Inode, S_IFMT } from '../layout.ts';
import { inodeSectors } from '../stat.ts';
import { H_REFCOUNT, sealAttributeBlock } from '../check/attribute-check.ts';
import { extentNodesOf, mergeRuns, readMap, writeExtentTree, type FileRun } from '../check/block-map.ts';
import type { Committer } from '../check/commit.ts';
import { attributeBlockOf, hasMap, setSectors } from '../check/inode-pass.ts';
import { inodeTableBlocks } from '../check/places.ts';
import { hasResizeInode, RESIZE_INODE, resizeInodeBlock } from '../check/resize-inode.ts';
import type { ClusterSpace } from '../check/space.ts';
import type { TableInode, Volume } from '../check/volume.ts';
import { copyJournalMap } from './switch.ts';

/** Bytes copied at once. */
const COPY_BYTES = 1 << 20;
/** Clusters that one step moves at most. */
const STEP_CLUSTERS = 32768;
const BAD_BLOCKS_INODE = 1;

/** A run of clusters that moved. */
interface Move {
  from: number;
  to: number;
  count: number;
}

/** Moves the blocks of files out of where they may not stay, inode by inode; every step can be committed. */
export class Relocator {
  readonly #volume: Volume;
  readonly #space: ClusterSpace;
  readonly #committer: Committer;
  /** Clusters from here on must be empty. */
  readonly #end: number;
  /** Further clusters that must be: runs, sorted. */
  readonly #keepOut: readonly { first: number; count: number }[];
  readonly #attributeBlocks = new Map<number, number>();
  readonly #buffer: Uint8Array;

  constructor(
    volume: Volume,
    space: ClusterSpace,
    committer: Committer,
    end: number,
    keepOut: readonly { first: number; count: number }[],
  ) {
    this.#volume = volume;
    this.#space = space;
    this.#committer = committer;
    this.#end = end;
    this.#keepOut = keepOut;
    space.keepOut = keepOut;
    this.#buffer = new Uint8Array(
      Math.max(COPY_BYTES, volume.geometry.blockSize * volume.geometry.clusterRatio),
    );
  }

  #mustMove(cluster: number): boolean {
    if (cluster >= this.#end) return true;
    for (const { first, count } of this.#keepOut) {
      if (cluster >= first && cluster < first + count) return true;
    }
    return false;
  }

  #blockMustMove(block: number): boolean {
    return this.#mustMove(this.#space.clusterOf(block));
  }

  /** A run of free clusters where something may stay. */
  #take(count: number): { cluster: number; count: number } {
    return this.#space.allocate(count, this.#end);
  }

  /** Empty the clusters that must be, of everything but metadata of groups. */
  run(numbers: Iterable<number>, progress: (number: number) => void): void {
    for (const number of numbers) {
      progress(number);
      const inode = this.#volume.readInode(number);
      const mode = inode.view.getUint16(inode.base + Inode.i_mode, true);
      if (number === RESIZE_INODE) {
        if (hasResizeInode(this.#volume)) this.#resizeInode();
        continue;
      }
      if (mode === 0 && number !== BAD_BLOCKS_INODE) continue;
      this.#attributes(number);
      while (this.#file(number)) this.step();
      this.step();
    }
  }

  /** Commit what has been staged, if it is much. */
  step(last?: number): void {
    this.#space.stage();
    if (last === undefined && this.#committer.pending < Math.min(this.#committer.capacity / 3, 2048)) return;
    this.#committer.commit(last === undefined ? {} : { last });
  }

  #resizeInode(): void {
    const double = resizeInodeBlock(this.#volume.readInode(RESIZE_INODE));
    if (double === 0 || !this.#blockMustMove(double)) return;
    const { cluster } = this.#take(1);
    const block = this.#space.blockOf(cluster);
    const bytes = this.#volume.blocks.read(double).bytes;
    this.#volume.blocks.create(block).bytes.set(bytes);
    const inode = this.#volume.changeInode(RESIZE_INODE);
    inode.view.setUint32(inode.base + Inode.i_block + 13 * 4, block, true);
    this.#volume.sealInode(inode);
    this.#space.mark(this.#space.clusterOf(double), 1, false);
    this.#volume.blocks.forget(double);
    this.step();
  }

  /** Move the attribute block of an inode; others may share it. */
  #attributes(number: number): void {
    const { blocks, geometry } = this.#volume;
    const old = attributeBlockOf(this.#volume, this.#volume.readInode(number));
    if (old === 0 || !this.#blockMustMove(old)) return;
    let block = this.#attributeBlocks.get(old);
    const references = blocks.read(old).view.getUint32(H_REFCOUNT, true);
    if (block === undefined) {
      block = this.#space.blockOf(this.#take(1).cluster);
      const copy = blocks.create(block);
      copy.bytes.set(blocks.read(old).bytes);
      copy.view.setUint32(H_REFCOUNT, 1, true);
      this.#attributeBlocks.set(old, block);
    } else {
      const { view } = blocks.change(block);
      view.setUint32(H_REFCOUNT, view.getUint32(H_REFCOUNT, true) + 1, true);
    }
    sealAttributeBlock(this.#volume, block);
    if (references <= 1) {
      this.#space.mark(this.#space.clusterOf(old), 1, false);
      blocks.forget(old);
    } else {
      blocks.change(old).view.setUint32(H_REFCOUNT, references - 1, true);
      sealAttributeBlock(this.#volume, old);
    }
    const inode = this.#volume.changeInode(number);
    inode.view.setUint32(inode.base + Inode.i_file_acl_lo, block % 0x100000000, true);
    if (geometry.incompat & 0x80) {
      inode.view.setUint16(inode.base + Inode.l_i_file_acl_high, Math.floor(block / 0x100000000), true);
    }
    this.#volume.sealInode(inode);
  }

  /** Move blocks of one file. True if more are left to move. */
  #file(number: number): boolean {
    const volume = this.#volume;
    const { geometry } = volume;
    const inode = volume.readInode(number);
    const type = inode.view.getUint16(inode.base + Inode.i_mode, true) & S_IFMT;
    const perCluster = (geometry.blockSize * geometry.clusterRatio) / 512;
    const attributes = attributeBlockOf(volume, inode) === 0 ? 0 : perCluster;
    if (!hasMap(inode, type, attributes, inodeSectors(inode, geometry))) return false;
    const { runs, nodes } = readMap(volume, inode);
    const nodeMoves = nodes.filter((block) => this.#blockMustMove(block));
    if (nodeMoves.length === 0 && !runs.some((run) => this.#runMustMove(run))) return false;
    if (number === BAD_BLOCKS_INODE) {
      throw new UnsupportedError(
        'the list of bad blocks reaches behind the new end, where it cannot be moved from',
      );
    }
    const isJournal = number === geometry.superBlock.s_journal_inum;
    if (isJournal) {
      // It must be moved in one step: the log of the step is in the blocks that are left.
      this.#space.stage();
      this.#committer.commit();
    }
    const { moved, moves, more } = this.#moveRuns(runs, isJournal ? Infinity : STEP_CLUSTERS);
    if (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_EXTENTS) {
      this.#rebuild(number, moved, nodes, isJournal);
    } else {
      this.#patch(number, moves, isJournal);
    }
    for (const move of moves) this.#space.mark(move.from, move.count, false);
    if (isJournal) {
      copyJournalMap(volume);
      this.step(volume.inodeBlock(number));
      this.#committer.reopenJournal();
    }
    return more;
  }

  #runMustMove(run: FileRun): boolean {
    const last = this.#space.clusterOf(run.block + run.length - 1);
    if (last >= this.#end) return true;
    if (this.#keepOut.length === 0) return false;
    const first = this.#space.clusterOf(run.block);
    return this.#keepOut.some((out) => first < out.first + out.count && last >= out.first);
  }

  /** Copy the clusters that must move, and say how the runs are afterwards. */
  #moveRuns(runs: readonly FileRun[], budget: number): { moved: FileRun[]; moves: Move[]; more: boolean } {
    const { clusterRatio } = this.#volume.geometry;
    const moved: FileRun[] = [];
    const moves: Move[] = [];
    let left = budget;
    let more = false;
    for (const run of runs) {
      if (!this.#runMustMove(run)) {
        moved.push(run);
        continue;
      }
      for (let done = 0; done < run.length;) {
        const block = run.block + done;
        const cluster = this.#space.clusterOf(block);
        const inner = block - this.#space.blockOf(cluster);
        const known = moves.at(-1);
        if (known !== undefined && cluster >= known.from && cluster < known.from + known.count) {
          // Another part of a cluster that has moved already.
          const length = Math.min(
            (known.from + known.count - cluster) * clusterRatio - inner,
            run.length - done,
          );
          moved.push({
            logical: run.logical + done,
            block: this.#space.blockOf(known.to + cluster - known.from) + inner,
            length,
            unwritten: run.unwritten,
          });
          done += length;
          continue;
        }
        const clusters = Math.ceil((inner + run.length - done) / clusterRatio);
        let count = 1;
        const must = this.#mustMove(cluster);
        while (count < clusters && this.#mustMove(cluster + count) === must) count++;
        if (!must || left <= 0) {
          if (must) more = true;
          const length = Math.min(count * clusterRatio - inner, run.length - done);
          moved.push({ logical: run.logical + done, block, length, unwritten: run.unwritten });
          done += length;
          continue;
        }
        const taken = this.#take(Math.min(count, left));
        this.#copy(cluster, taken.cluster, taken.count, run.unwritten && clusterRatio === 1);
        moves.push({ from: cluster, to: taken.cluster, count: taken.count });
        left -= taken.count;
      }
    }
    return { moved, moves, more };
  }

  #copy(from: number, to: number, count: number, unwritten: boolean): void {
    if (unwritten) return;
    const { clusterRatio, blockSize, blocksCount } = this.#volume.geometry;
    const { blocks } = this.#volume;
    const first = this.#space.blockOf(from);
    const target = this.#space.blockOf(to);
    const all = Math.min(count * clusterRatio, blocksCount - first);
    const most = Math.floor(this.#buffer.length / blockSize);
    for (let done = 0; done < all; done += most) {
      const part = Math.min(most, all - done);
      blocks.readRun(first + done, part, this.#buffer);
      blocks.writeRun(target + done, this.#buffer.subarray(0, part * blockSize));
    }
  }

  #rebuild(number: number, moved: readonly FileRun[], nodes: readonly number[], fresh: boolean): void {
    const volume = this.#volume;
    const runs = mergeRuns(moved);
    const inode = volume.changeInode(number);
    // Nodes that may stay are used again, but those of the journal: it is read while its new map is written.
    const pool = fresh ? [] : nodes.filter((block) => !this.#blockMustMove(block)).reverse();
    const gone = nodes.filter((block) => !pool.includes(block));
    const needed = extentNodesOf(volume.geometry.blockSize, runs.length);
    while (pool.length > needed) gone.push(pool.pop()!);
    writeExtentTree(volume, inode, runs, () => pool.pop() ?? this.#space.blockOf(this.#take(1).cluster));
    for (const block of gone) {
      this.#space.mark(this.#space.clusterOf(block), 1, false);
      volume.blocks.forget(block);
    }
    const perCluster = (volume.geometry.blockSize * volume.geometry.clusterRatio) / 512;
    if (needed !== nodes.length) this.#recount(inode, (needed - nodes.length) * perCluster);
    volume.sealInode(inode);
  }

  /** The map has more or fewer blocks; sectors that count for other reasons stay. */
  #recount(inode: TableInode, delta: number): void {
    const before = inodeSectors(inode, this.#volume.geometry);
    setSectors(this.#volume, inode, before + delta);
  }

  /** Change the pointers of an indirect map; its own blocks move too. */
  #patch(number: number, moves: readonly Move[], fresh: boolean): void {
    const volume = this.#volume;
    const pointers = volume.geometry.blockSize / 4;
    const sorted = [...moves].sort((a, b) => a.from - b.from);
    const translate = (block: number): number => {
      const cluster = this.#space.clusterOf(block);
      let low = 0;
      let high = sorted.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (sorted[middle]!.from <= cluster) low = middle + 1;
        else high = middle;
      }
      const move = sorted[low - 1];
      if (move === undefined || cluster >= move.from + move.count) return block;
      return block + this.#space.blockOf(move.to) - this.#space.blockOf(move.from);
    };
    const node = (old: number, level: number): number => {
      let block = old;
      if (fresh || this.#blockMustMove(old)) {
        block = this.#space.blockOf(this.#take(1).cluster);
        const { bytes } = volume.blocks.read(old);
        volume.blocks.create(block).bytes.set(bytes);
        this.#space.mark(this.#space.clusterOf(old), 1, false);
        volume.blocks.forget(old);
      }
      for (let i = 0; i < pointers; i++) {
        const before = volume.blocks.read(block).view.getUint32(i * 4, true);
        if (before === 0) continue;
        const after = level === 1 ? translate(before) : node(before, level - 1);
        if (after !== before) volume.blocks.change(block).view.setUint32(i * 4, after, true);
      }
      return block;
    };
    const inode = volume.changeInode(number);
    const at = inode.base + Inode.i_block;
    for (let i = 0; i < 15; i++) {
      const before = inode.view.getUint32(at + i * 4, true);
      if (before === 0) continue;
      inode.view.setUint32(at + i * 4, i < 12 ? translate(before) : node(before, i - 11), true);
    }
    volume.sealInode(inode);
  }

  /** Move bitmaps and inode tables of groups that stay. */
  groups(count: number): void {
    const { descriptors, blocks, geometry } = this.#volume;
    const table = inodeTableBlocks(geometry);
    const ratio = geometry.clusterRatio;
    for (let group = 0; group < count; group++) {
      for (const [name, length] of [
        ['bg_block_bitmap', 1],
        ['bg_inode_bitmap', 1],
        ['bg_inode_table', table],
      ] as const) {
        const old = descriptors.get(group, name);
        const first = this.#space.clusterOf(old);
        const clusters = this.#space.clusterOf(old + length - 1) - first + 1;
        let must = false;
        for (let i = 0; i < clusters && !must; i++) must = this.#mustMove(first + i);
        if (!must) continue;
        if (ratio > 1) {
          throw new UnsupportedError(
            `${name} of group ${group} would have to be moved, which is not done with bigalloc`,
          );
        }
        const target = this.#space.findRun(length, 1, this.#end);
        if (target === undefined) {
          throw new GuestfsError(
            'ENOSPC',
            `there are no ${length} free blocks together for ${name} of group ${group}`,
          );
        }
        this.#space.stage();
        this.#space.mark(target, length, true);
        this.#copy(first, target, length, false);
        // Changes that are staged for the old place belong to the new one.
        for (let i = 0; i < length; i++) blocks.forget(old + i);
        descriptors.set(group, name, this.#space.blockOf(target));
        this.#space.mark(first, length, false);
        this.#space.stage();
        this.step();
      }
    }
  }
}
