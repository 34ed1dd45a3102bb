import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError } from '../../../errors/index.ts';
import {
  EXTENT_INIT_MAX_LEN,
  EXTENT_MAGIC,
  EXTENT_MAX_DEPTH,
  I_BLOCK_SIZE,
  INODE_EXTENTS,
  Inode,
} from '../layout.ts';
import type { TableInode, Volume } from './volume.ts';

const HEADER = 12;
const ENTRY = 12;
/** Entries of the root of an extent tree, in the inode. */
const ROOT_ENTRIES = 4;

/** A run of blocks of a file. */
export interface FileRun {
  logical: number;
  block: number;
  length: number;
  unwritten: boolean;
}

/** What a walk over the map of a file meets. */
export interface MapVisitor {
  /** A block of the map itself. False: what it points to is not walked. */
  node(block: number): boolean | void;
  run(logical: number, block: number, length: number, unwritten: boolean): void;
  /** An extent node whose checksum is wrong; thrown if absent. */
  badChecksum?(block: number): void;
}

/** Walk the map of an inode in order of the file. Throws CorruptError where it contradicts itself. */
export function walkMap(volume: Volume, inode: TableInode, visitor: MapVisitor): void {
  const at = inode.base + Inode.i_block;
  const iBlock = new DataView(inode.bytes.buffer, inode.bytes.byteOffset + at, I_BLOCK_SIZE);
  if (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_EXTENTS) {
    new ExtentWalk(volume, inode, visitor).node(iBlock, -1, -1);
  } else {
    walkIndirect(volume, inode.number, iBlock, visitor);
  }
}

class ExtentWalk {
  readonly #volume: Volume;
  readonly #number: number;
  readonly #seed: number;
  readonly #visitor: MapVisitor;
  /** First file block that the next entry may begin at. */
  #next = 0;

  constructor(volume: Volume, inode: TableInode, visitor: MapVisitor) {
    this.#volume = volume;
    this.#number = inode.number;
    this.#seed = volume.seedOf(inode);
    this.#visitor = visitor;
  }

  node(view: DataView, where: number, expectedDepth: number): void {
    const { blockSize, checksums } = this.#volume.geometry;
    const magic = view.getUint16(0, true);
    if (magic !== EXTENT_MAGIC)
      throw this.#corrupt(where, `eh_magic is 0x${magic.toString(16)}, expected 0xf30a`);
    const entries = view.getUint16(2, true);
    const most = view.getUint16(4, true);
    const depth = view.getUint16(6, true);
    const room = where < 0 ? ROOT_ENTRIES : Math.floor((blockSize - HEADER) / ENTRY);
    if (depth > EXTENT_MAX_DEPTH || (expectedDepth >= 0 && depth !== expectedDepth)) {
      throw this.#corrupt(
        where,
        `eh_depth is ${depth}, expected ${expectedDepth < 0 ? 'at most 5' : expectedDepth}`,
      );
    }
    if (entries > most || most > room || (entries === 0 && depth > 0)) {
      throw this.#corrupt(where, `eh_entries is ${entries} and eh_max ${most}, there is room for ${room}`);
    }
    if (where >= 0 && checksums) this.#checksum(view, where, HEADER + most * ENTRY);
    for (let i = 0; i < entries; i++) this.#entry(view, HEADER + i * ENTRY, where, depth);
  }

  #entry(view: DataView, at: number, where: number, depth: number): void {
    const logical = view.getUint32(at, true);
    if (logical < this.#next) {
      throw this.#corrupt(where, `an entry begins at file block ${logical}, expected ${this.#next} or more`);
    }
    if (depth > 0) {
      const child = view.getUint32(at + 4, true) + view.getUint16(at + 8, true) * 0x100000000;
      this.#volume.checkBlock(child, 1, 'ext4_extent_idx', `inode ${this.#number}`);
      if (this.#visitor.node(child) === false) return;
      const first = this.#next;
      this.#next = Math.max(first, logical);
      this.node(this.#volume.blocks.read(child).view, child, depth - 1);
      return;
    }
    let length = view.getUint16(at + 4, true);
    const unwritten = length > EXTENT_INIT_MAX_LEN;
    if (unwritten) length -= EXTENT_INIT_MAX_LEN;
    const block = view.getUint32(at + 8, true) + view.getUint16(at + 6, true) * 0x100000000;
    if (length === 0 || logical + length > 0x100000000) {
      throw this.#corrupt(where, `an extent at file block ${logical} has ${length} blocks`);
    }
    this.#volume.checkBlock(block, length, 'ext4_extent', `inode ${this.#number}`);
    this.#next = logical + length;
    this.#visitor.run(logical, block, length, unwritten);
  }

  #checksum(view: DataView, where: number, at: number): void {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const stored = at + 4 <= bytes.length ? view.getUint32(at, true) : -1;
    const computed = crc32cRaw(this.#seed, bytes, 0, Math.min(at, bytes.length));
    if (stored === computed) return;
    if (this.#visitor.badChecksum !== undefined) this.#visitor.badChecksum(where);
    else
      throw this.#corrupt(
        where,
        `eb_checksum is 0x${stored.toString(16)}, the contents have 0x${computed.toString(16)}`,
      );
  }

  #corrupt(where: number, message: string): CorruptError {
    const place = where < 0 ? 'in the inode' : `in block ${where}`;
    return new CorruptError(
      'ext4_extent_header',
      `extent tree of inode ${this.#number}, ${place}: ${message}`,
    );
  }
}

function walkIndirect(volume: Volume, number: number, iBlock: DataView, visitor: MapVisitor): void {
  const { blockSize } = volume.geometry;
  const pointers = blockSize / 4;
  const owner = `inode ${number}`;
  const array = (view: DataView, from: number, count: number, logical: number): void => {
    for (let i = 0; i < count;) {
      const first = view.getUint32((from + i) * 4, true);
      let length = 1;
      if (first !== 0) {
        while (i + length < count && view.getUint32((from + i + length) * 4, true) === first + length)
          length++;
        volume.checkBlock(first, length, 'indirect block', owner);
        visitor.run(logical + i, first, length, false);
      }
      i += length;
    }
  };
  const tree = (block: number, level: number, logical: number): void => {
    if (block === 0) return;
    volume.checkBlock(block, 1, 'indirect block', owner);
    if (visitor.node(block) === false) return;
    const { view } = volume.blocks.read(block);
    if (level === 1) {
      array(view, 0, pointers, logical);
      return;
    }
    const span = pointers ** (level - 1);
    for (let i = 0; i < pointers; i++) tree(view.getUint32(i * 4, true), level - 1, logical + i * span);
  };
  array(iBlock, 0, 12, 0);
  let logical = 12;
  for (let level = 1; level <= 3; level++) {
    tree(iBlock.getUint32((11 + level) * 4, true), level, logical);
    logical += pointers ** level;
  }
}

/** Runs and map blocks of an inode. */
export function readMap(volume: Volume, inode: TableInode): { runs: FileRun[]; nodes: number[] } {
  const runs: FileRun[] = [];
  const nodes: number[] = [];
  walkMap(volume, inode, {
    node: (block) => void nodes.push(block),
    run: (logical, block, length, unwritten) => void runs.push({ logical, block, length, unwritten }),
  });
  return { runs, nodes };
}

/** Neighbours that continue each other become one, as far as an extent reaches. */
export function mergeRuns(runs: readonly FileRun[]): FileRun[] {
  const merged: FileRun[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    const most = run.unwritten ? EXTENT_INIT_MAX_LEN - 1 : EXTENT_INIT_MAX_LEN;
    if (
      last !== undefined &&
      last.unwritten === run.unwritten &&
      last.logical + last.length === run.logical &&
      last.block + last.length === run.block &&
      last.length + run.length <= most
    ) {
      last.length += run.length;
    } else {
      merged.push({ ...run });
    }
  }
  return merged;
}

/** Put the checksum of an extent node right. */
export function sealExtentNode(volume: Volume, seed: number, block: number): void {
  if (!volume.geometry.checksums) return;
  const { bytes, view } = volume.blocks.change(block);
  const at = HEADER + view.getUint16(4, true) * ENTRY;
  if (at + 4 <= bytes.length) view.setUint32(at, crc32cRaw(seed, bytes, 0, at), true);
}

/** Blocks that the extent tree of so many runs has outside of the inode. */
export function extentNodesOf(blockSize: number, runs: number): number {
  const perNode = Math.floor((blockSize - HEADER) / ENTRY);
  let nodes = 0;
  for (let count = runs; count > ROOT_ENTRIES;) {
    count = Math.ceil(count / perNode);
    nodes += count;
  }
  return nodes;
}

/**
 * Write the extent tree of an inode anew. `take` gives blocks for its nodes. The inode was opened for change; its
 * checksum and i_blocks are the caller's.
 */
export function writeExtentTree(
  volume: Volume,
  inode: TableInode,
  runs: readonly FileRun[],
  take: () => number,
): void {
  const { blockSize } = volume.geometry;
  const perNode = Math.floor((blockSize - HEADER) / ENTRY);
  const seed = volume.seedOf(inode);
  const at = inode.base + Inode.i_block;
  const root = new DataView(inode.bytes.buffer, inode.bytes.byteOffset + at, I_BLOCK_SIZE);
  type Item = { logical: number; write: (view: DataView, at: number) => void };
  let items: Item[] = runs.map((run) => ({
    logical: run.logical,
    write(view, place) {
      view.setUint32(place, run.logical, true);
      view.setUint16(place + 4, run.length + (run.unwritten ? EXTENT_INIT_MAX_LEN : 0), true);
      view.setUint16(place + 6, Math.floor(run.block / 0x100000000), true);
      view.setUint32(place + 8, run.block % 0x100000000, true);
    },
  }));
  let depth = 0;
  const fill = (view: DataView, part: readonly Item[], most: number): void => {
    view.setUint16(0, EXTENT_MAGIC, true);
    view.setUint16(2, part.length, true);
    view.setUint16(4, most, true);
    view.setUint16(6, depth, true);
    view.setUint32(8, 0, true);
    part.forEach((item, i) => item.write(view, HEADER + i * ENTRY));
  };
  while (items.length > ROOT_ENTRIES) {
    const above: Item[] = [];
    for (let from = 0; from < items.length; from += perNode) {
      const part = items.slice(from, from + perNode);
      const block = take();
      fill(volume.blocks.create(block).view, part, perNode);
      sealExtentNode(volume, seed, block);
      const { logical } = part[0]!;
      above.push({
        logical,
        write(view, place) {
          view.setUint32(place, logical, true);
          view.setUint32(place + 4, block % 0x100000000, true);
          view.setUint16(place + 8, Math.floor(block / 0x100000000), true);
          view.setUint16(place + 10, 0, true);
        },
      });
    }
    items = above;
    depth++;
  }
  inode.bytes.fill(0, at, at + I_BLOCK_SIZE);
  fill(root, items, ROOT_ENTRIES);
}

/** Cut an indirect map so that file blocks from `from` on are gone; `free` gets what is given back. */
export function cutIndirect(
  volume: Volume,
  inode: TableInode,
  from: number,
  free: (block: number) => void,
): void {
  const pointers = volume.geometry.blockSize / 4;
  const at = inode.base + Inode.i_block;
  /** True if nothing is left below. */
  const tree = (block: number, level: number, logical: number): boolean => {
    const span = pointers ** (level - 1);
    let left = false;
    for (let i = 0; i < pointers; i++) {
      const pointer = volume.blocks.read(block).view.getUint32(i * 4, true);
      if (pointer === 0) continue;
      const first = logical + i * span;
      let gone = first >= from;
      if (level > 1) gone = first + span <= from ? false : tree(pointer, level - 1, first);
      if (!gone) {
        left = true;
        continue;
      }
      free(pointer);
      volume.blocks.change(block).view.setUint32(i * 4, 0, true);
    }
    return !left;
  };
  let logical = 12;
  for (let i = 0; i < 12; i++) {
    const pointer = inode.view.getUint32(at + i * 4, true);
    if (i < from || pointer === 0) continue;
    free(pointer);
    inode.view.setUint32(at + i * 4, 0, true);
  }
  for (let level = 1; level <= 3; level++) {
    const place = at + (11 + level) * 4;
    const pointer = inode.view.getUint32(place, true);
    if (pointer !== 0 && logical + pointers ** level > from && tree(pointer, level, logical)) {
      free(pointer);
      inode.view.setUint32(place, 0, true);
    }
    logical += pointers ** level;
  }
}
