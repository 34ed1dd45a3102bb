import { CorruptError } from '../../../../errors/index.ts';
import { indexCountOffset } from '../../directory.ts';
import { DX_ROOT_COUNT, DX_ROOT_VERSION } from '../../htree.ts';
import type { Geometry } from '../../superblock.ts';
import type { StoredBlock } from '../contract.ts';
import { setLength } from './entries.ts';

/**
 * Nodes of a hash tree: `struct dx_root` and `struct dx_node`. Entries are a hash and a block number; entry 0 has
 * limit and count in the place of its hash. The lowest bit of a hash says that its block continues the one before.
 *
 * Source: Documentation/filesystems/ext4, "Hash Tree Directories".
 */

/** Bytes of an index entry. */
export const DX_ENTRY = 8;
/** Where limit and count are in a node that is not the root. */
export const DX_NODE_COUNT = 8;
const INFO_AT = 0x18;
const INFO_LENGTH_AT = 0x1d;
const LEVELS_AT = 0x1e;
const INFO_LENGTH = 8;
/** Bits of a block number in an index entry. */
export const BLOCK_MASK = 0x0fffffff;

/** Entries that a node has room for. */
export function roomOf(geometry: Geometry, countAt: number): number {
  return Math.floor((geometry.blockSize - countAt) / DX_ENTRY) - (geometry.checksums ? 1 : 0);
}

/** Levels of index nodes below the root, as the root says. */
export function indirectLevels(root: StoredBlock): number {
  return root.bytes[LEVELS_AT]!;
}

/** Set the levels below the root. */
export function setIndirectLevels(root: StoredBlock, levels: number): void {
  root.bytes[LEVELS_AT] = levels;
}

/**
 * Begin a tree behind the `.` and `..` of a first block: no index entry but the first. What lies behind that stays, so
 * that only the block's first sector changes where there are no checksums.
 */
export function beginRoot(
  geometry: Geometry,
  root: StoredBlock,
  hashVersion: number,
  levels: number,
  block: number,
): void {
  root.bytes.fill(0, INFO_AT, DX_ROOT_COUNT);
  root.bytes[DX_ROOT_VERSION] = hashVersion;
  root.bytes[INFO_LENGTH_AT] = INFO_LENGTH;
  root.bytes[LEVELS_AT] = levels;
  const { view } = root;
  view.setUint16(DX_ROOT_COUNT, roomOf(geometry, DX_ROOT_COUNT), true);
  view.setUint16(DX_ROOT_COUNT + 2, 1, true);
  view.setUint32(DX_ROOT_COUNT + 4, block, true);
}

/** Begin a node below the root, to which `count` entries are then copied. */
export function beginNode(geometry: Geometry, node: StoredBlock, count: number): void {
  node.bytes.fill(0);
  setLength(node.bytes, 0, geometry.blockSize, geometry.blockSize);
  node.view.setUint16(DX_NODE_COUNT, roomOf(geometry, DX_NODE_COUNT), true);
  node.view.setUint16(DX_NODE_COUNT + 2, count, true);
}

/** A step of the way from the root to a leaf. */
export interface Frame {
  /** Block of the directory that holds the node. */
  logical: number;
  /** Offset of limit and count, and of entry 0. */
  countAt: number;
  limit: number;
  count: number;
  /** Index of the entry taken. */
  at: number;
}

/** Check a node and make a frame of it, its entry not chosen yet. */
export function openNode(geometry: Geometry, directory: number, block: StoredBlock, logical: number): Frame {
  const countAt = logical === 0 ? DX_ROOT_COUNT : DX_NODE_COUNT;
  const limit = block.view.getUint16(countAt, true);
  const count = block.view.getUint16(countAt + 2, true);
  const room = roomOf(geometry, countAt);
  const kind = indexCountOffset(block.bytes, 0, geometry.blockSize);
  if (count < 1 || count > limit || limit !== room || kind !== countAt) {
    throw new CorruptError(
      'dx_countlimit',
      `index block ${logical} of directory ${directory} has limit ${limit} and count ${count}, there is room for ${room}`,
      { offset: block.number * geometry.blockSize + countAt },
    );
  }
  return { logical, countAt, limit, count, at: 0 };
}

/** Index of the last entry whose hash is not above `hash`; entry 0 stands for everything below entry 1. */
export function lastNotAfter(block: StoredBlock, frame: Frame, hash: number): number {
  let low = 1;
  let high = frame.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (hashAt(block, frame, middle) <= hash) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Hash of an entry, its lowest bit the mark of continuation; not of entry 0. */
export function hashAt(block: StoredBlock, frame: Frame, index: number): number {
  return block.view.getUint32(frame.countAt + index * DX_ENTRY, true);
}

/** Block that the frame's entry leads to. */
export function childOf(directory: number, blocks: number, block: StoredBlock, frame: Frame): number {
  const logical = block.view.getUint32(frame.countAt + frame.at * DX_ENTRY + 4, true) & BLOCK_MASK;
  if (logical === 0 || logical >= blocks) {
    throw new CorruptError(
      'dx_entry',
      `entry ${frame.at} of index block ${frame.logical} of directory ${directory} points to block ${logical}, expected 1 to ${blocks - 1}`,
    );
  }
  return logical;
}

/** Put an entry behind the frame's one; the node must have room. */
export function insertAfter(block: StoredBlock, frame: Frame, hash: number, child: number): void {
  const { countAt, at, count } = frame;
  const place = countAt + (at + 1) * DX_ENTRY;
  block.bytes.copyWithin(place + DX_ENTRY, place, countAt + count * DX_ENTRY);
  block.view.setUint32(place, hash, true);
  block.view.setUint32(place + 4, child, true);
  frame.count = count + 1;
  block.view.setUint16(countAt + 2, frame.count, true);
}
