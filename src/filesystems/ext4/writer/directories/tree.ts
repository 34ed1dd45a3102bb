import { CorruptError, GuestfsError, UnsupportedError } from '../../../../errors/index.ts';
import { indexCountOffset, type WantedName } from '../../directory.ts';
import { INCOMPAT_LARGEDIR } from '../../features.ts';
import { DX_ROOT_COUNT, DX_ROOT_VERSION, lookupIndexed } from '../../htree.ts';
import type { StoredBlock } from '../contract.ts';
import { fillGap, findGap, freeBytes, neededBytes, packRun, usedBytes } from './entries.ts';
import type { Folder, Folders } from './folder.ts';
import {
  beginNode,
  BLOCK_MASK,
  childOf,
  DX_ENTRY,
  DX_NODE_COUNT,
  hashAt,
  indirectLevels,
  insertAfter,
  lastNotAfter,
  openNode,
  roomOf,
  setIndirectLevels,
  type Frame,
} from './index-node.ts';
import { hasherOf, unsureName, type Hasher } from './names.ts';
import { splitLeaf } from './split.ts';

/** Bit of the root's flags that stands for a tree of another kind. */
const UNUSED_FLAGS_AT = 0x1f;

/** The root of a directory's tree, checked. Throws CorruptError or ENOTSUP where it cannot be followed. */
export function openRoot(folders: Folders, folder: Folder): StoredBlock {
  const { geometry } = folders.parts.store;
  const root = folders.read(folder, 0);
  const most = geometry.incompat & INCOMPAT_LARGEDIR ? 2 : 1;
  if (indexCountOffset(root.bytes, 0, geometry.blockSize) !== DX_ROOT_COUNT || indirectLevels(root) > most) {
    throw new CorruptError(
      'dx_root',
      `directory ${folder.number} has the index flag, but its first block is no root of a tree of up to ${most} levels`,
      { offset: root.number * geometry.blockSize },
    );
  }
  if (root.bytes[UNUSED_FLAGS_AT]! & 1) {
    throw new UnsupportedError(
      `changing the hash tree of directory ${folder.number}: its root has flags 0x${root.bytes[UNUSED_FLAGS_AT]!.toString(16)}, expected 0`,
      { structure: 'dx_root' },
    );
  }
  return root;
}

/** Leaf block that holds a wanted name, or undefined. Names whose hash is only guessed are looked for everywhere. */
export function findLeaf(
  folders: Folders,
  folder: Folder,
  wanted: WantedName,
  holds: (logical: number) => boolean,
): number | undefined {
  if (wanted.hashed.length > 0) {
    const { geometry } = folders.parts.store;
    // The reader's walk, with an answer of ours: it stops at the leaf for which the matcher said yes.
    let last = 0;
    const read = (logical: number): StoredBlock & { verifiedFor: number } => {
      last = logical;
      const { number, bytes, view } = folders.read(folder, logical);
      return { number, bytes, view, verifiedFor: -1 };
    };
    const found = lookupIndexed(geometry, folder.number, folder.blocks, read, wanted);
    if (found !== undefined && found !== 0) return last;
    if (found === 0 && !wanted.hashIsGuess) return undefined;
  }
  for (let logical = 0; logical < folder.blocks; logical++) if (holds(logical)) return logical;
  return undefined;
}

/**
 * Put a name that is not there into a directory's hash tree. Throws ENOSPC where the tree is full. False, and nothing
 * changed, where that cannot be done in one block though it has to.
 */
export function insertIndexed(
  folders: Folders,
  folder: Folder,
  name: Uint8Array,
  inode: number,
  type: number,
): boolean {
  const { geometry } = folders.parts.store;
  const root = openRoot(folders, folder);
  const hasher = hasherOf(geometry, folder.flags, root.bytes[DX_ROOT_VERSION]!);
  const hash = hasher(name);
  if (hash === undefined) throw unsureName(folder.number, name);
  const { frames, leaf } = descend(folders, folder, indirectLevels(root), hash);
  const block = folders.change(folder, leaf);
  const entry: NewEntry = { name, hash, inode, type };
  if (putInLeaf(folders, folder, block, entry, !folders.torn)) return true;
  if (folders.torn) return false;
  makeRoom(folders, folder, frames, frames.length - 1);
  splitAndPut(folders, folder, frames.at(-1)!, block, hasher, entry);
  return true;
}

/**
 * Put an entry into a leaf whose checksum is right; false where it does not fit. With `pack`, the entries are moved together where that makes
 * room: a block that a journal does not protect is only packed where there is no other way.
 */
export function putInLeaf(
  folders: Folders,
  folder: Folder,
  block: StoredBlock,
  entry: NewEntry,
  pack: boolean,
): boolean {
  const run = folders.leaf(folder, block);
  const needed = neededBytes(entry.name.length);
  const { inode, name, type } = entry;
  let gap = findGap(run, needed);
  if (gap >= 0) {
    const end = gap + usedBytes(block.bytes, gap) + needed;
    folders.patchLeaf(block, gap, end, () => fillGap(run, gap, inode, name, type));
    return true;
  }
  if (!pack || freeBytes(run) < needed) return false;
  packRun(run);
  gap = findGap(run, needed);
  fillGap(run, gap, inode, name, type);
  folders.sealLeaf(folder, block);
  return true;
}

/** A name on its way into a leaf. */
export interface NewEntry {
  name: Uint8Array;
  hash: number;
  inode: number;
  type: number;
}

/** Split a full leaf, whose index node has room for one more, and put the entry into the half that is its. */
export function splitAndPut(
  folders: Folders,
  folder: Folder,
  frame: Frame,
  block: StoredBlock,
  hasher: Hasher,
  entry: NewEntry,
): void {
  const { logical, block: upper } = folders.append(folder);
  const { boundary, intoUpper } = splitLeaf(folders, folder, block, upper, hasher, entry);
  const node = folders.change(folder, frame.logical);
  insertAfter(node, frame, boundary, logical);
  folders.sealIndex(folder, node, frame.countAt);
  const half = intoUpper ? upper : block;
  folders.sealLeaf(folder, block);
  folders.sealLeaf(folder, upper);
  if (!putInLeaf(folders, folder, half, entry, true)) {
    throw new CorruptError(
      'ext4_dir_entry_2',
      `directory ${folder.number}: a name of ${entry.name.length} bytes does not fit half a block`,
    );
  }
}

/** The way from the root to the leaf of a hash. */
function descend(
  folders: Folders,
  folder: Folder,
  levels: number,
  hash: number,
): { frames: Frame[]; leaf: number } {
  const { geometry } = folders.parts.store;
  const frames: Frame[] = [];
  let logical = 0;
  for (let level = 0; level <= levels; level++) {
    const block = folders.read(folder, logical);
    const frame = openNode(geometry, folder.number, block, logical);
    frame.at = lastNotAfter(block, frame, hash);
    frames.push(frame);
    logical = childOf(folder.number, folder.blocks, block, frame);
    if (frames.some((other) => other.logical === logical)) {
      throw new CorruptError(
        'dx_entry',
        `the hash tree of directory ${folder.number} leads back to block ${logical}`,
      );
    }
  }
  return { frames, leaf: logical };
}

/** See that the node of `frames[level]` has room for one more entry. The frames stay on the way to the same leaf. */
function makeRoom(folders: Folders, folder: Folder, frames: Frame[], level: number): void {
  const { geometry } = folders.parts.store;
  const frame = frames[level]!;
  if (frame.count < frame.limit) return;
  if (level === 0) {
    deepen(folders, folder, frames);
    return;
  }
  const depth = frames.length;
  makeRoom(folders, folder, frames, level - 1);
  // Where the tree got deeper, this node is one further down.
  const parent = frames[level - 1 + (frames.length - depth)]!;
  const node = folders.change(folder, frame.logical);
  const { logical, block: upper } = folders.append(folder);
  const kept = frame.count >>> 1;
  const moved = frame.count - kept;
  const boundary = hashAt(node, frame, kept);
  const from = frame.countAt + kept * DX_ENTRY;
  beginNode(geometry, upper, moved);
  const first = DX_NODE_COUNT + 4;
  upper.bytes.set(node.bytes.subarray(from + 4, from + moved * DX_ENTRY), first);
  node.bytes.fill(0, from, frame.countAt + frame.count * DX_ENTRY);
  node.view.setUint16(frame.countAt + 2, kept, true);
  folders.sealIndex(folder, node, frame.countAt);
  folders.sealIndex(folder, upper, DX_NODE_COUNT);
  const parentNode = folders.change(folder, parent.logical);
  insertAfter(parentNode, parent, boundary, logical);
  folders.sealIndex(folder, parentNode, parent.countAt);
  frame.count = kept;
  if (frame.at >= kept) {
    frame.logical = logical;
    frame.at -= kept;
    frame.count = moved;
    parent.at++;
  }
}

/** Put a level between the full root and what it led to. */
function deepen(folders: Folders, folder: Folder, frames: Frame[]): void {
  const { geometry } = folders.parts.store;
  const most = geometry.incompat & INCOMPAT_LARGEDIR ? 2 : 1;
  const rootFrame = frames[0]!;
  if (frames.length > most) {
    throw new GuestfsError(
      'ENOSPC',
      `the hash tree of directory ${folder.number} is full: its root has ${rootFrame.count} entries above ${frames.length - 1} levels of nodes` +
        `${most === 1 ? '; the feature large_dir would allow one level more' : ''}`,
    );
  }
  const root = folders.change(folder, 0);
  const { logical, block: node } = folders.append(folder);
  const { count, countAt } = rootFrame;
  beginNode(geometry, node, count);
  const entries = root.bytes.subarray(countAt + 4, countAt + count * DX_ENTRY);
  node.bytes.set(entries, DX_NODE_COUNT + 4);
  root.bytes.fill(0, countAt + 4, countAt + count * DX_ENTRY);
  root.view.setUint16(countAt + 2, 1, true);
  root.view.setUint32(countAt + 4, logical & BLOCK_MASK, true);
  setIndirectLevels(root, frames.length);
  folders.sealIndex(folder, root, countAt);
  folders.sealIndex(folder, node, DX_NODE_COUNT);
  frames.splice(1, 0, {
    logical,
    countAt: DX_NODE_COUNT,
    limit: roomOf(geometry, DX_NODE_COUNT),
    count,
    at: rootFrame.at,
  });
  rootFrame.count = 1;
  rootFrame.at = 0;
}
