import { CorruptError, GuestfsError } from '../../../../errors/index.ts';
import { Inode } from '../../layout.ts';
import type { Geometry } from '../../superblock.ts';
import type { InodeStore, SpaceAllocator } from '../contract.ts';
import type { BlockStore } from '../store.ts';
import type { FileMap, MappedRun, RunTaker } from './contract.ts';
import { countableBlocks } from './limits.ts';

/** Pointers in the inode to file blocks themselves; after them come those to blocks of pointers, one for each level. */
const DIRECT = 12;
const LEVELS = 3;

/** An array of pointers: in the inode, or a block. */
interface Pointers {
  /** 0 for those in the inode. */
  readonly block: number;
  readonly view: DataView;
  readonly base: number;
}

/** Where a file block hangs: level 0 for the inode's own pointers, and its place within what that level covers. */
interface Place {
  level: number;
  rest: number;
}

/** Maps of direct and indirect blocks, as ext2 and ext3 have them. */
export class IndirectMap implements FileMap {
  readonly maxBlocks: number;
  readonly maxSize: number;
  readonly #store: BlockStore;
  readonly #geometry: Geometry;
  readonly #inodes: InodeStore;
  readonly #space: SpaceAllocator;
  /** Pointers in a block. */
  readonly #count: number;

  constructor(store: BlockStore, inodes: InodeStore, space: SpaceAllocator) {
    this.#store = store;
    this.#geometry = store.geometry;
    this.#inodes = inodes;
    this.#space = space;
    this.#count = store.geometry.blockSize / 4;
    this.maxBlocks = Math.min(0x100000000, DIRECT + this.#count + this.#count ** 2 + this.#count ** 3);
    // Where all blocks that the map itself could take are counted too.
    const ownBlocks = 1 + (1 + this.#count) + (1 + this.#count + this.#count ** 2);
    const { blockSize } = store.geometry;
    this.maxSize = Math.min(this.maxBlocks, countableBlocks(store.geometry) - ownBlocks) * blockSize;
  }

  #place(inode: number, logical: number): Place {
    let rest = logical;
    if (rest < DIRECT) return { level: 0, rest };
    rest -= DIRECT;
    for (let level = 1; level <= LEVELS; level++) {
      const span = this.#count ** level;
      if (rest < span) return { level, rest };
      rest -= span;
    }
    throw new GuestfsError('EFBIG', `inode ${inode} cannot have a file block ${logical}`);
  }

  #own(inode: number): Pointers {
    const { view, base } = this.#inodes.read(inode);
    return { block: 0, view, base: base + Inode.i_block };
  }

  #at(inode: number, block: number): Pointers {
    return { block, view: this.#store.get(block, 'indirect block', `inode ${inode}`).view, base: 0 };
  }

  #get(pointers: Pointers, index: number): number {
    return pointers.view.getUint32(pointers.base + index * 4, true);
  }

  #set(inode: number, pointers: Pointers, index: number, block: number): void {
    if (pointers.block === 0) this.#inodes.change(inode);
    else this.#store.change(pointers.block).role = 'map';
    pointers.view.setUint32(pointers.base + index * 4, block, true);
  }

  #check(inode: number, block: number): void {
    const { firstDataBlock, blocksCount } = this.#geometry;
    if (block <= firstDataBlock || block >= blocksCount) {
      throw new CorruptError(
        'ext4_inode',
        `inode ${inode} points to block ${block}, expected ${firstDataBlock + 1} to ${blocksCount - 1}`,
      );
    }
  }

  lookup(inode: number, logical: number, run: MappedRun): void {
    const { level, rest } = this.#place(inode, logical);
    if (level === 0) {
      this.#run(inode, this.#own(inode), rest, DIRECT, run);
      return;
    }
    let pointer = this.#get(this.#own(inode), DIRECT + level - 1);
    let within = rest;
    for (let height = level; ; height--) {
      if (pointer === 0) {
        run.kind = 'hole';
        run.block = 0;
        run.length = this.#count ** height - within;
        return;
      }
      const pointers = this.#at(inode, pointer);
      const span = this.#count ** (height - 1);
      const index = Math.floor(within / span);
      if (height === 1) {
        this.#run(inode, pointers, index, this.#count, run);
        return;
      }
      within -= index * span;
      pointer = this.#get(pointers, index);
    }
  }

  #run(inode: number, pointers: Pointers, index: number, count: number, run: MappedRun): void {
    const first = this.#get(pointers, index);
    let length = 1;
    if (first === 0) {
      while (index + length < count && this.#get(pointers, index + length) === 0) length++;
      run.kind = 'hole';
    } else {
      this.#check(inode, first);
      while (index + length < count && this.#get(pointers, index + length) === first + length) length++;
      this.#check(inode, first + length - 1);
      run.kind = 'data';
    }
    run.block = first;
    run.length = length;
  }

  insert(inode: number, logical: number, block: number, count: number, unwritten: boolean): void {
    if (unwritten) {
      throw new GuestfsError('ENOTSUP', `inode ${inode} has no extents: space cannot be reserved for it`);
    }
    if (block + count > 0x100000000) {
      throw new GuestfsError('ENOSPC', `inode ${inode} has no extents and reaches no block beyond 2^32`);
    }
    for (let done = 0; done < count;) {
      const { level, rest } = this.#place(inode, logical + done);
      let pointers = this.#own(inode);
      let index = rest;
      let room = DIRECT;
      if (level > 0) {
        index = DIRECT + level - 1;
        let within = rest;
        for (let height = level; height > 0; height--) {
          pointers = this.#child(inode, pointers, index, block + done);
          const span = this.#count ** (height - 1);
          index = Math.floor(within / span);
          within -= index * span;
        }
        room = this.#count;
      }
      for (; index < room && done < count; index++, done++) this.#set(inode, pointers, index, block + done);
    }
  }

  /** The block of pointers at an index, made where there is none. */
  #child(inode: number, pointers: Pointers, index: number, near: number): Pointers {
    const known = this.#get(pointers, index);
    if (known !== 0) return this.#at(inode, known);
    const { block } = this.#space.allocate(inode, near, 1);
    const { view } = this.#store.create(block);
    this.#set(inode, pointers, index, block);
    return { block, view, base: 0 };
  }

  remove(inode: number, logical: number, count: number, take: RunTaker, budget = Infinity): number {
    const end = Math.min(this.maxBlocks, logical + count);
    const asked = logical + count;
    let at = logical;
    while (at < end) {
      const { level, rest } = this.#place(inode, at);
      const span = level === 0 ? DIRECT : this.#count ** level;
      const first = at - rest;
      const stop = Math.min(end, first + span);
      if (level === 0) {
        this.#clear(inode, this.#own(inode), 0, at, stop, take);
        at = stop;
      } else {
        at = this.#removeBelow(
          inode,
          this.#own(inode),
          DIRECT + level - 1,
          level,
          first,
          at,
          stop,
          take,
          budget,
        );
        if (at < stop) return at;
      }
    }
    return Math.max(at, asked);
  }

  /** Clear pointers to file blocks `[from, end)`; `first` is the file block of index 0. */
  #clear(inode: number, pointers: Pointers, first: number, from: number, end: number, take: RunTaker): void {
    for (let at = from; at < end;) {
      const block = this.#get(pointers, at - first);
      if (block === 0) {
        at++;
        continue;
      }
      this.#check(inode, block);
      let length = 1;
      this.#set(inode, pointers, at - first, 0);
      while (at + length < end && this.#get(pointers, at - first + length) === block + length) {
        this.#set(inode, pointers, at - first + length, 0);
        length++;
      }
      this.#check(inode, block + length - 1);
      take(at, block, length);
      at += length;
    }
  }

  /** Unmap `[from, end)` below the pointer at `index`, which covers file blocks from `first` on. */
  #removeBelow(
    inode: number,
    parent: Pointers,
    index: number,
    height: number,
    first: number,
    from: number,
    end: number,
    take: RunTaker,
    budget: number,
  ): number {
    const block = this.#get(parent, index);
    if (block === 0) return end;
    if (this.#store.touchedCount > budget) return from;
    const pointers = this.#at(inode, block);
    let at = from;
    if (height === 1) {
      this.#clear(inode, pointers, first, from, end, take);
      at = end;
    } else {
      const span = this.#count ** (height - 1);
      while (at < end) {
        const child = Math.floor((at - first) / span);
        const childFirst = first + child * span;
        const stop = Math.min(end, childFirst + span);
        at = this.#removeBelow(inode, pointers, child, height - 1, childFirst, at, stop, take, budget);
        if (at < stop) break;
      }
    }
    let used = false;
    for (let i = 0; i < this.#count && !used; i++) used = this.#get(pointers, i) !== 0;
    if (!used) {
      this.#set(inode, parent, index, 0);
      this.#space.free(inode, block, 1, 'metadata');
    }
    return at;
  }

  nodes(inode: number, visit: (block: number) => void): void {
    const walk = (block: number, height: number): void => {
      if (block === 0) return;
      if (height > 1) {
        const pointers = this.#at(inode, block);
        for (let i = 0; i < this.#count; i++) walk(this.#get(pointers, i), height - 1);
      }
      visit(block);
    };
    for (let level = 1; level <= LEVELS; level++)
      walk(this.#get(this.#own(inode), DIRECT + level - 1), level);
  }

  /** Blocks of pointers carry no checksums. */
  seal(): void {}
}
