import { crc32cRaw } from '../../../../bytes/crc32c.ts';
import { CorruptError, GuestfsError } from '../../../../errors/index.ts';
import { inodeSeed } from '../../checksum.ts';
import { EXTENT_INIT_MAX_LEN, EXTENT_MAGIC, EXTENT_MAX_DEPTH, I_BLOCK_SIZE, Inode } from '../../layout.ts';
import type { Geometry } from '../../superblock.ts';
import type { InodeStore, SpaceAllocator } from '../contract.ts';
import { emptyExtents } from '../inodes.ts';
import type { BlockStore } from '../store.ts';
import type { FileMap, MappedRun, RunTaker } from './contract.ts';
import { countableBlocks } from './limits.ts';

const HEADER = 12;
const ENTRY = 12;
const TAIL = 4;
/** One more than the largest file block number. */
const BLOCK_LIMIT = 0x100000000;
/** Extents that the inode itself has room for. */
const ROOT_MAX = 4;
/** A written extent has up to 32768 blocks, an unwritten one up to 32767. */
const UNWRITTEN_MAX_LEN = EXTENT_INIT_MAX_LEN - 1;

/** A node of the tree on the way to a leaf. */
interface Node {
  /** 0 for the root in the inode. */
  readonly block: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Offset of the header. */
  readonly base: number;
  /** Index of the entry that was followed, or of the last extent that is not after what was looked for; -1 for none. */
  index: number;
}

/** Extent trees: changed node by node in place. */
export class ExtentMap implements FileMap {
  readonly maxBlocks = BLOCK_LIMIT;
  readonly maxSize: number;
  readonly #store: BlockStore;
  readonly #geometry: Geometry;
  readonly #inodes: InodeStore;
  readonly #space: SpaceAllocator;
  readonly #nodeMax: number;

  constructor(store: BlockStore, inodes: InodeStore, space: SpaceAllocator) {
    this.#store = store;
    this.#geometry = store.geometry;
    this.#inodes = inodes;
    this.#space = space;
    const { blockSize } = store.geometry;
    // The number of the block behind the end must fit into 32 bits too.
    this.maxSize = Math.min(BLOCK_LIMIT - 1, countableBlocks(store.geometry)) * blockSize;
    this.#nodeMax = Math.floor((blockSize - HEADER) / ENTRY);
    // Where entries fill a block to its end, one of them gives way to the checksum.
    if (HEADER + this.#nodeMax * ENTRY + TAIL > store.geometry.blockSize && store.geometry.checksums)
      this.#nodeMax--;
  }

  #seed(inode: number): number {
    const { view, base } = this.#inodes.read(inode);
    return inodeSeed(this.#geometry.checksumSeed, inode, view.getUint32(base + Inode.i_generation, true));
  }

  #corrupt(inode: number, block: number, message: string): CorruptError {
    const place = block === 0 ? 'in the inode' : `in block ${block}`;
    return new CorruptError(
      'ext4_extent_header',
      `extent tree of inode ${inode}, ${place}: ${message}`,
      block === 0 ? {} : { offset: block * this.#geometry.blockSize },
    );
  }

  #root(inode: number): Node {
    const { bytes, view, base } = this.#inodes.read(inode);
    const node: Node = { block: 0, bytes, view, base: base + Inode.i_block, index: -1 };
    this.#check(inode, node, -1);
    return node;
  }

  #node(inode: number, block: number, depth: number): Node {
    const entry = this.#store.get(block, 'ext4_extent_idx', `inode ${inode}`);
    const node: Node = { block, bytes: entry.bytes, view: entry.view, base: 0, index: -1 };
    // The reader marks what it verified with the owner's seed; the root, already read, tells that seed.
    const seed = this.#geometry.checksums ? this.#seed(inode) : inode;
    if (entry.verifiedFor !== seed) {
      this.#check(inode, node, depth);
      this.#checkOrder(inode, node);
      if (this.#geometry.checksums) {
        const at = HEADER + entry.view.getUint16(4, true) * ENTRY;
        const computed = at + TAIL <= entry.bytes.length ? crc32cRaw(seed, entry.bytes, 0, at) : -1;
        if (computed < 0 || computed !== entry.view.getUint32(at, true)) {
          throw new CorruptError(
            'ext4_extent_tail',
            `eb_checksum of inode ${inode} in block ${block} is not 0x${computed.toString(16)} of the contents`,
            { offset: block * this.#geometry.blockSize + at, checksum: true },
          );
        }
      }
      entry.verifiedFor = seed;
    }
    return node;
  }

  #check(inode: number, node: Node, depth: number): void {
    const { view, base, block } = node;
    const magic = view.getUint16(base, true);
    if (magic !== EXTENT_MAGIC) {
      throw this.#corrupt(inode, block, `eh_magic is 0x${magic.toString(16)}, expected 0xf30a`);
    }
    const found = view.getUint16(base + 6, true);
    if (found > EXTENT_MAX_DEPTH || (depth >= 0 && found !== depth)) {
      throw this.#corrupt(inode, block, `eh_depth is ${found}, expected ${depth >= 0 ? depth : 'at most 5'}`);
    }
    const entries = view.getUint16(base + 2, true);
    const most = view.getUint16(base + 4, true);
    const room = block === 0 ? ROOT_MAX : Math.floor((this.#geometry.blockSize - HEADER) / ENTRY);
    if (entries > most || most > room || (found > 0 && entries === 0)) {
      throw this.#corrupt(
        inode,
        block,
        `eh_entries is ${entries} of eh_max ${most}, there is room for ${room}`,
      );
    }
  }

  #checkOrder(inode: number, node: Node): void {
    const { view } = node;
    const entries = view.getUint16(2, true);
    const leaf = view.getUint16(6, true) === 0;
    let next = 0;
    for (let i = 0; i < entries; i++) {
      const at = HEADER + i * ENTRY;
      const first = view.getUint32(at, true);
      const length = leaf ? lengthOf(view, at) : 1;
      if (first < next || length === 0 || first + length > BLOCK_LIMIT) {
        throw this.#corrupt(
          inode,
          node.block,
          `entry ${i} begins at file block ${first} with ${length} blocks`,
        );
      }
      next = first + length;
    }
  }

  /** The way to the leaf that has, or would have, a file block. */
  #find(inode: number, logical: number): Node[] {
    let node = this.#root(inode);
    const path = [node];
    for (let depth = depthOf(node); ; depth--) {
      node.index = lastNotAfter(node, logical);
      if (depth === 0) return path;
      node.index = Math.max(0, node.index);
      node = this.#node(inode, childOf(node, node.index), depth - 1);
      path.push(node);
    }
  }

  /** First file block of what follows the leaf of a path; the limit where nothing does. */
  #nextKey(path: readonly Node[]): number {
    for (let level = path.length - 2; level >= 0; level--) {
      const node = path[level]!;
      if (node.index + 1 < entriesOf(node)) return keyOf(node, node.index + 1);
    }
    return BLOCK_LIMIT;
  }

  lookup(inode: number, logical: number, run: MappedRun): void {
    const path = this.#find(inode, logical);
    const leaf = path[path.length - 1]!;
    if (leaf.index >= 0) {
      const at = atOf(leaf, leaf.index);
      const first = leaf.view.getUint32(at, true);
      const length = lengthOf(leaf.view, at);
      if (logical < first + length) {
        const start = startOf(leaf.view, at);
        this.#checkRun(inode, leaf, start, length);
        run.kind = isUnwritten(leaf.view, at) ? 'unwritten' : 'data';
        run.block = start + (logical - first);
        run.length = length - (logical - first);
        return;
      }
    }
    const next = leaf.index + 1 < entriesOf(leaf) ? keyOf(leaf, leaf.index + 1) : this.#nextKey(path);
    run.kind = 'hole';
    run.block = 0;
    run.length = Math.max(1, next - logical);
  }

  #checkRun(inode: number, leaf: Node, start: number, length: number): void {
    const { firstDataBlock, blocksCount } = this.#geometry;
    if (start <= firstDataBlock || start + length > blocksCount) {
      throw this.#corrupt(
        inode,
        leaf.block,
        `extent of ${length} blocks starts at block ${start}, expected ${firstDataBlock + 1} to ${blocksCount - length}`,
      );
    }
  }

  /** To be called before a node changes, and {@link #changed} after it. */
  #change(inode: number, node: Node): void {
    if (node.block === 0) this.#inodes.change(inode);
    else this.#store.change(node.block).role = 'map';
  }

  #changed(inode: number, node: Node): void {
    if (node.block !== 0) this.seal(inode, node.block);
  }

  seal(inode: number, block: number): void {
    if (!this.#geometry.checksums) return;
    const { bytes, view } = this.#store.change(block);
    const at = HEADER + view.getUint16(4, true) * ENTRY;
    view.setUint32(at, crc32cRaw(this.#seed(inode), bytes, 0, at), true);
  }

  insert(inode: number, logical: number, block: number, count: number, unwritten: boolean): void {
    if (logical + count > BLOCK_LIMIT) {
      throw new GuestfsError('EFBIG', `inode ${inode} cannot have file blocks beyond ${BLOCK_LIMIT - 1}`);
    }
    const most = unwritten ? UNWRITTEN_MAX_LEN : EXTENT_INIT_MAX_LEN;
    for (let done = 0; done < count;) {
      const part = Math.min(most, count - done);
      this.#insertOne(inode, logical + done, block + done, part, unwritten);
      done += part;
    }
  }

  #insertOne(inode: number, logical: number, block: number, count: number, unwritten: boolean): void {
    let path = this.#find(inode, logical);
    let leaf = path[path.length - 1]!;
    if (this.#joinLeft(inode, leaf, logical, block, count, unwritten)) return;
    if (this.#joinRight(inode, path, logical, block, count, unwritten)) return;
    while (entriesOf(leaf) >= maxOf(leaf)) {
      this.#makeRoom(inode, path, logical);
      path = this.#find(inode, logical);
      leaf = path[path.length - 1]!;
    }
    this.#change(inode, leaf);
    const index = leaf.index + 1;
    openGap(leaf, index);
    const at = atOf(leaf, index);
    leaf.view.setUint32(at, logical, true);
    setLength(leaf.view, at, count, unwritten);
    setStart(leaf.view, at, block);
    this.#changed(inode, leaf);
    if (index === 0) this.#fixKeys(inode, path);
  }

  #joinLeft(
    inode: number,
    leaf: Node,
    logical: number,
    block: number,
    count: number,
    unwritten: boolean,
  ): boolean {
    if (leaf.index < 0) return false;
    const { view } = leaf;
    const at = atOf(leaf, leaf.index);
    const length = lengthOf(view, at);
    const most = unwritten ? UNWRITTEN_MAX_LEN : EXTENT_INIT_MAX_LEN;
    if (isUnwritten(view, at) !== unwritten || length + count > most) return false;
    if (view.getUint32(at, true) + length !== logical || startOf(view, at) + length !== block) return false;
    this.#change(inode, leaf);
    let total = length + count;
    const right = leaf.index + 1;
    if (right < entriesOf(leaf)) {
      const rightAt = atOf(leaf, right);
      const rightLength = lengthOf(view, rightAt);
      if (
        isUnwritten(view, rightAt) === unwritten &&
        total + rightLength <= most &&
        view.getUint32(rightAt, true) === logical + count &&
        startOf(view, rightAt) === block + count
      ) {
        total += rightLength;
        closeGap(leaf, right);
      }
    }
    setLength(view, at, total, unwritten);
    this.#changed(inode, leaf);
    return true;
  }

  #joinRight(
    inode: number,
    path: readonly Node[],
    logical: number,
    block: number,
    count: number,
    unwritten: boolean,
  ): boolean {
    const leaf = path[path.length - 1]!;
    const right = leaf.index + 1;
    if (right >= entriesOf(leaf)) return false;
    const { view } = leaf;
    const at = atOf(leaf, right);
    const length = lengthOf(view, at);
    const most = unwritten ? UNWRITTEN_MAX_LEN : EXTENT_INIT_MAX_LEN;
    if (isUnwritten(view, at) !== unwritten || length + count > most) return false;
    if (view.getUint32(at, true) !== logical + count || startOf(view, at) !== block + count) return false;
    this.#change(inode, leaf);
    view.setUint32(at, logical, true);
    setStart(view, at, block);
    setLength(view, at, length + count, unwritten);
    this.#changed(inode, leaf);
    if (right === 0) this.#fixKeys(inode, path);
    return true;
  }

  /** The first key of a leaf changed: those above it that say the same follow. */
  #fixKeys(inode: number, path: readonly Node[]): void {
    const leaf = path[path.length - 1]!;
    if (entriesOf(leaf) === 0) return;
    const key = keyOf(leaf, 0);
    for (let level = path.length - 2; level >= 0; level--) {
      const node = path[level]!;
      const at = atOf(node, node.index);
      if (node.view.getUint32(at, true) !== key) {
        this.#change(inode, node);
        node.view.setUint32(at, key, true);
        this.#changed(inode, node);
      }
      if (node.index > 0) return;
    }
  }

  /** Split what is full on a path, from above; or make the tree deeper. */
  #makeRoom(inode: number, path: readonly Node[], logical: number): void {
    let level = path.length - 1;
    while (level > 0 && entriesOf(path[level - 1]!) >= maxOf(path[level - 1]!)) level--;
    if (level === 0) this.#grow(inode, path[0]!);
    else this.#split(inode, path[level - 1]!, path[level]!, logical);
  }

  #newNode(inode: number, near: number, depth: number): Node {
    const { block } = this.#space.allocate(inode, near, 1);
    const { bytes, view } = this.#store.create(block);
    view.setUint16(0, EXTENT_MAGIC, true);
    view.setUint16(4, this.#nodeMax, true);
    view.setUint16(6, depth, true);
    return { block, bytes, view, base: 0, index: -1 };
  }

  #grow(inode: number, root: Node): void {
    const depth = depthOf(root);
    if (depth >= EXTENT_MAX_DEPTH) throw this.#corrupt(inode, 0, 'the tree cannot become deeper');
    const count = entriesOf(root);
    const near = depth === 0 ? startOf(root.view, atOf(root, 0)) : childOf(root, 0);
    const node = this.#newNode(inode, near, depth);
    this.#change(inode, root);
    node.bytes.set(root.bytes.subarray(root.base + HEADER, root.base + HEADER + count * ENTRY), HEADER);
    node.view.setUint16(2, count, true);
    this.#changed(inode, node);
    const key = keyOf(root, 0);
    root.bytes.fill(0, root.base + HEADER, root.base + I_BLOCK_SIZE);
    root.view.setUint16(root.base + 2, 1, true);
    root.view.setUint16(root.base + 6, depth + 1, true);
    root.view.setUint32(root.base + HEADER, key, true);
    setChild(root.view, root.base + HEADER, node.block);
  }

  #split(inode: number, parent: Node, node: Node, logical: number): void {
    const depth = depthOf(node);
    const count = entriesOf(node);
    const isLast = node.index === count - 1;
    // Files grow at their end: leave what is full as it is then. A node above leaves cannot be empty.
    const kept = isLast ? count - (depth > 0 ? 1 : 0) : Math.ceil(count / 2);
    const fresh = this.#newNode(inode, node.block, depth);
    const moved = count - kept;
    fresh.bytes.set(node.bytes.subarray(atOf(node, kept), atOf(node, count)), HEADER);
    fresh.view.setUint16(2, moved, true);
    this.#changed(inode, fresh);
    if (moved > 0) {
      this.#change(inode, node);
      node.bytes.fill(0, atOf(node, kept), atOf(node, count));
      node.view.setUint16(node.base + 2, kept, true);
      this.#changed(inode, node);
    }
    const key = moved > 0 ? keyOf(fresh, 0) : logical;
    this.#change(inode, parent);
    const index = parent.index + 1;
    openGap(parent, index);
    const at = atOf(parent, index);
    parent.view.setUint32(at, key, true);
    setChild(parent.view, at, fresh.block);
    this.#changed(inode, parent);
  }

  remove(inode: number, logical: number, count: number, take: RunTaker, budget = Infinity): number {
    const end = Math.min(BLOCK_LIMIT, logical + count);
    let at = logical;
    while (at < end) {
      if (this.#store.touchedCount > budget) return at;
      at = this.#removeOne(inode, at, end, take);
    }
    this.#pullUp(inode);
    return end;
  }

  /** Unmap what one extent has of `[from, end)`; returns where to go on. */
  #removeOne(inode: number, from: number, end: number, take: RunTaker): number {
    const path = this.#find(inode, from);
    const leaf = path[path.length - 1]!;
    const { view } = leaf;
    let index = leaf.index;
    if (index < 0 || keyOf(leaf, index) + lengthOf(view, atOf(leaf, index)) <= from) index++;
    if (index >= entriesOf(leaf)) return Math.min(end, this.#nextKey(path));
    const at = atOf(leaf, index);
    const first = view.getUint32(at, true);
    if (first >= end) return end;
    const length = lengthOf(view, at);
    const start = startOf(view, at);
    const unwritten = isUnwritten(view, at);
    this.#checkRun(inode, leaf, start, length);
    const cutFrom = Math.max(first, from);
    const cutTo = Math.min(first + length, end);
    this.#change(inode, leaf);
    if (cutFrom > first) {
      setLength(view, at, cutFrom - first, unwritten);
      this.#changed(inode, leaf);
      if (cutTo < first + length) {
        this.#insertOne(inode, cutTo, start + (cutTo - first), first + length - cutTo, unwritten);
      }
    } else if (cutTo < first + length) {
      view.setUint32(at, cutTo, true);
      setStart(view, at, start + (cutTo - first));
      setLength(view, at, first + length - cutTo, unwritten);
      this.#changed(inode, leaf);
      if (index === 0) this.#fixKeys(inode, path);
    } else {
      closeGap(leaf, index);
      this.#changed(inode, leaf);
      if (entriesOf(leaf) === 0) this.#dropLeaf(inode, path);
      else if (index === 0) this.#fixKeys(inode, path);
    }
    take(cutFrom, start + (cutFrom - first), cutTo - cutFrom);
    return cutTo;
  }

  /** A leaf has become empty: it goes, and what is above it and empty then. */
  #dropLeaf(inode: number, path: readonly Node[]): void {
    for (let level = path.length - 1; level > 0; level--) {
      if (entriesOf(path[level]!) > 0) return;
      const parent = path[level - 1]!;
      this.#change(inode, parent);
      closeGap(parent, parent.index);
      this.#changed(inode, parent);
      this.#space.free(inode, path[level]!.block, 1, 'metadata');
      if (entriesOf(parent) > 0 && parent.index === 0) {
        this.#fixKeysAbove(inode, path, level - 1);
      }
    }
    const root = path[0]!;
    if (entriesOf(root) === 0 && depthOf(root) > 0) emptyExtents(this.#inodes.change(inode));
  }

  #fixKeysAbove(inode: number, path: readonly Node[], from: number): void {
    const key = keyOf(path[from]!, 0);
    for (let level = from - 1; level >= 0; level--) {
      const node = path[level]!;
      this.#change(inode, node);
      node.view.setUint32(atOf(node, node.index), key, true);
      this.#changed(inode, node);
      if (node.index > 0) return;
    }
  }

  /** Where one leaf is left with few extents, they go back into the inode. */
  #pullUp(inode: number): void {
    for (;;) {
      const root = this.#root(inode);
      const depth = depthOf(root);
      if (depth === 0 || entriesOf(root) !== 1) return;
      const child = this.#node(inode, childOf(root, 0), depth - 1);
      const count = entriesOf(child);
      if (count > ROOT_MAX) return;
      this.#change(inode, root);
      root.bytes.set(child.bytes.subarray(HEADER, HEADER + count * ENTRY), root.base + HEADER);
      root.view.setUint16(root.base + 2, count, true);
      root.view.setUint16(root.base + 6, depth - 1, true);
      this.#space.free(inode, child.block, 1, 'metadata');
    }
  }

  nodes(inode: number, visit: (block: number) => void): void {
    const walk = (node: Node): void => {
      const depth = depthOf(node);
      if (depth === 0) return;
      for (let i = 0; i < entriesOf(node); i++) {
        const block = childOf(node, i);
        walk(this.#node(inode, block, depth - 1));
        visit(block);
      }
    };
    walk(this.#root(inode));
  }
}

function depthOf({ view, base }: Node): number {
  return view.getUint16(base + 6, true);
}

function entriesOf({ view, base }: Node): number {
  return view.getUint16(base + 2, true);
}

function maxOf({ view, base }: Node): number {
  return view.getUint16(base + 4, true);
}

function atOf({ base }: Node, index: number): number {
  return base + HEADER + index * ENTRY;
}

function keyOf(node: Node, index: number): number {
  return node.view.getUint32(atOf(node, index), true);
}

/** Index of the last entry whose file block is not after `logical`; -1 if there is none. */
function lastNotAfter(node: Node, logical: number): number {
  let low = 0;
  let high = entriesOf(node);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(node, middle) <= logical) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function lengthOf(view: DataView, at: number): number {
  const length = view.getUint16(at + 4, true);
  return length > EXTENT_INIT_MAX_LEN ? length - EXTENT_INIT_MAX_LEN : length;
}

function isUnwritten(view: DataView, at: number): boolean {
  return view.getUint16(at + 4, true) > EXTENT_INIT_MAX_LEN;
}

function setLength(view: DataView, at: number, length: number, unwritten: boolean): void {
  view.setUint16(at + 4, unwritten ? length + EXTENT_INIT_MAX_LEN : length, true);
}

function startOf(view: DataView, at: number): number {
  return view.getUint32(at + 8, true) + view.getUint16(at + 6, true) * 0x100000000;
}

function setStart(view: DataView, at: number, block: number): void {
  view.setUint32(at + 8, block % 0x100000000, true);
  view.setUint16(at + 6, Math.floor(block / 0x100000000), true);
}

function childOf(node: Node, index: number): number {
  const at = atOf(node, index);
  return node.view.getUint32(at + 4, true) + node.view.getUint16(at + 8, true) * 0x100000000;
}

function setChild(view: DataView, at: number, block: number): void {
  view.setUint32(at + 4, block % 0x100000000, true);
  view.setUint16(at + 8, Math.floor(block / 0x100000000), true);
  view.setUint16(at + 10, 0, true);
}

function openGap(node: Node, index: number): void {
  const count = entriesOf(node);
  node.bytes.copyWithin(atOf(node, index + 1), atOf(node, index), atOf(node, count));
  node.view.setUint16(node.base + 2, count + 1, true);
}

function closeGap(node: Node, index: number): void {
  const count = entriesOf(node);
  node.bytes.copyWithin(atOf(node, index), atOf(node, index + 1), atOf(node, count));
  node.bytes.fill(0, atOf(node, count - 1), atOf(node, count));
  node.view.setUint16(node.base + 2, count - 1, true);
}
