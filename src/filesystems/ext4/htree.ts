import { CorruptError } from '../../errors/index.ts';
import type { CachedBlock } from './block-cache.ts';
import { indexCountOffset, searchEntries, type DirectoryPiece, type WantedName } from './directory.ts';
import { INCOMPAT_LARGEDIR } from './features.ts';
import { hashSeed, hashVersion, nameHash } from './hash.ts';
import type { Geometry } from './superblock.ts';

/** Offsets in `dx_root`: the limit and count, and the hash version. */
export const DX_ROOT_COUNT = 0x20;
export const DX_ROOT_VERSION = 0x1c;

const DX_ENTRY = 8;
/** Bits of a `dx_entry`'s block number that count. */
const BLOCK_MASK = 0x0fffffff;

/** A place in one level of the tree. */
interface Frame {
  /** Block of the directory that holds the index node. */
  logical: number;
  /** Offset of `limit` and `count` in it, which is also where entry 0 is. */
  countAt: number;
  count: number;
  at: number;
}

/**
 * Find a name through the hash tree: its inode, 0 if it is not there, or undefined where the tree is of a kind that
 * cannot be followed here and the directory has to be searched from one end to the other.
 */
export function lookupIndexed(
  geometry: Geometry,
  directory: number,
  blocks: number,
  read: (logical: number) => CachedBlock,
  wanted: WantedName,
): number | undefined {
  const root = read(0);
  if (indexCountOffset(root.bytes, 0, geometry.blockSize) !== DX_ROOT_COUNT) return undefined;
  const version = root.bytes[DX_ROOT_VERSION]!;
  const levels = root.bytes[0x1e]!;
  const unusedFlags = root.bytes[0x1f]!;
  if (unusedFlags & 1 || levels >= (geometry.incompat & INCOMPAT_LARGEDIR ? 3 : 2)) return undefined;
  const { superBlock } = geometry;
  const hash = nameHash(hashVersion(version, superBlock.s_flags), wanted.hashed, hashSeed(superBlock))?.major;
  if (hash === undefined) return undefined;

  const frames: Frame[] = [];
  let logical = 0;
  for (let level = 0; level <= levels; level++) {
    const frame = openNode(geometry, directory, read(logical), logical, level === 0 ? DX_ROOT_COUNT : 8);
    frames.push(frame);
    frame.at = lastNotAfter(read(logical).view, frame, hash);
    logical = childOf(directory, blocks, read(frame.logical), frame);
  }
  const piece: DirectoryPiece = { geometry, directory, offset: -1 };
  // Names that share a hash may run over into the leaves that follow; each leaf is visited once at most.
  for (let visited = 0; visited < blocks; visited++) {
    const leaf = read(logical);
    piece.offset = leaf.number * geometry.blockSize;
    const found = searchEntries(piece, leaf.bytes, 0, geometry.blockSize, wanted);
    if (found !== 0) return found;
    const next = nextLeaf(geometry, directory, blocks, read, frames, hash);
    if (next === undefined) return 0;
    logical = next;
  }
  return 0;
}

/** The leaf after the current one if it continues the same hash. */
function nextLeaf(
  geometry: Geometry,
  directory: number,
  blocks: number,
  read: (logical: number) => CachedBlock,
  frames: Frame[],
  hash: number,
): number | undefined {
  let level = frames.length - 1;
  while (level >= 0 && frames[level]!.at + 1 >= frames[level]!.count) level--;
  if (level < 0) return undefined;
  const turning = frames[level]!;
  turning.at++;
  const block = read(turning.logical);
  const nextHash = block.view.getUint32(turning.countAt + turning.at * DX_ENTRY, true);
  if ((nextHash & ~1) >>> 0 !== hash) return undefined;
  let logical = childOf(directory, blocks, block, turning);
  for (level++; level < frames.length; level++) {
    const frame = openNode(geometry, directory, read(logical), logical, 8);
    frames[level] = frame;
    logical = childOf(directory, blocks, read(frame.logical), frame);
  }
  return logical;
}

function openNode(
  geometry: Geometry,
  directory: number,
  block: CachedBlock,
  logical: number,
  countAt: number,
): Frame {
  const limit = block.view.getUint16(countAt, true);
  const count = block.view.getUint16(countAt + 2, true);
  const room = Math.floor((geometry.blockSize - countAt) / DX_ENTRY) - (geometry.checksums ? 1 : 0);
  if (
    count < 1 ||
    count > limit ||
    limit > room ||
    indexCountOffset(block.bytes, 0, geometry.blockSize) !== countAt
  ) {
    throw new CorruptError(
      'dx_countlimit',
      `index block ${logical} of directory ${directory} has limit ${limit} and count ${count}, there is room for ${room}`,
      { offset: block.number * geometry.blockSize + countAt },
    );
  }
  return { logical, countAt, count, at: 0 };
}

/** Index of the last entry whose hash is not above `hash`; entry 0 stands for everything below entry 1. */
function lastNotAfter(view: DataView, frame: Frame, hash: number): number {
  let low = 1;
  let high = frame.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (view.getUint32(frame.countAt + middle * DX_ENTRY, true) <= hash) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function childOf(directory: number, blocks: number, block: CachedBlock, frame: Frame): number {
  const logical = block.view.getUint32(frame.countAt + frame.at * DX_ENTRY + 4, true) & BLOCK_MASK;
  if (logical === 0 || logical >= blocks) {
    throw new CorruptError(
      'dx_entry',
      `entry ${frame.at} of index block ${frame.logical} of directory ${directory} points to block ${logical}, expected 1 to ${blocks - 1}`,
    );
  }
  return logical;
}
