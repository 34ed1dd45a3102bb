import { COMPAT_DIR_INDEX } from '../../features.ts';
import { INODE_CASEFOLD, INODE_ENCRYPT, INODE_INDEX } from '../../layout.ts';
import { DX_ROOT_COUNT } from '../../htree.ts';
import {
  copyNames,
  emptyRun,
  entryLength,
  fillGap,
  findGap,
  getU32,
  NAME_AT,
  NAME_LEN,
  neededBytes,
  placeOfParent,
  setLength,
  usedBytes,
} from './entries.ts';
import type { Folder, Folders } from './folder.ts';
import { beginRoot, openNode } from './index-node.ts';
import { hasherOf, type Hasher } from './names.ts';
import { splitAndPut } from './tree.ts';

/** Directories whose free places are remembered at once. */
const HINTS = 256;

/**
 * Where in linear directories the last free place was found, so that not every insertion has to start from the
 * beginning. Only hints: a wrong one costs a longer search or a block more, never more than that.
 */
export class FreePlaces {
  readonly #first = new Map<number, number>();

  /** Block of a directory to begin the search in. */
  get(folder: Folder): number {
    const first = this.#first.get(folder.number) ?? 0;
    return first < folder.blocks ? first : 0;
  }

  /** Blocks before this one are full. */
  set(folder: Folder, logical: number): void {
    if (this.#first.size >= HINTS && !this.#first.has(folder.number)) this.#first.clear();
    this.#first.set(folder.number, logical);
  }

  /** A block has got room. */
  freed(folder: Folder, logical: number): void {
    const first = this.#first.get(folder.number);
    if (first !== undefined && first > logical) this.#first.set(folder.number, logical);
  }
}

/** Put a name into a directory without a hash tree; it gets one when its first block is full. */
export function insertLinear(
  folders: Folders,
  places: FreePlaces,
  folder: Folder,
  name: Uint8Array,
  inode: number,
  type: number,
): void {
  const { geometry } = folders.parts.store;
  const needed = neededBytes(name.length);
  for (let logical = places.get(folder); logical < folder.blocks; logical++) {
    const gap = findGap(folders.leaf(folder, folders.read(folder, logical)), needed);
    if (gap < 0) continue;
    const block = folders.change(folder, logical);
    const run = folders.leaf(folder, block);
    const end = gap + usedBytes(block.bytes, gap) + needed;
    folders.patchLeaf(block, gap, end, () => fillGap(run, gap, inode, name, type));
    places.set(folder, logical);
    return;
  }
  if (folder.blocks === 1 && geometry.compat & COMPAT_DIR_INDEX && !folders.torn) {
    if (indexAndPut(folders, folder, name, inode, type)) return;
  }
  appendAndPut(folders, places, folder, name, inode, type);
}

/** Put a name into a block of its own at the end of a directory. */
export function appendAndPut(
  folders: Folders,
  places: FreePlaces,
  folder: Folder,
  name: Uint8Array,
  inode: number,
  type: number,
): void {
  const { logical, block } = folders.append(folder);
  const run = folders.leaf(folder, block);
  emptyRun(run);
  fillGap(run, run.start, inode, name, type);
  folders.sealLeaf(folder, block);
  places.set(folder, logical);
}

/**
 * Turn a directory of one full block into a hash tree and put the name into it; false, and nothing changed, where the
 * hash of a name is not known for sure, so that it has to stay linear.
 */
function indexAndPut(
  folders: Folders,
  folder: Folder,
  name: Uint8Array,
  inode: number,
  type: number,
): boolean {
  const { geometry } = folders.parts.store;
  if (folder.flags & INODE_ENCRYPT) return false;
  const version = geometry.superBlock.s_def_hash_version;
  const hasher = hasherOf(geometry, folder.flags, version);
  const hash = hasher(name);
  if (hash === undefined) return false;
  if (folder.flags & INODE_CASEFOLD && !knowsAll(folders, folder, hasher)) return false;

  const root = folders.change(folder, 0);
  const { logical, block: leaf } = folders.append(folder);
  const from = folders.leaf(folder, root);
  const to = folders.leaf(folder, leaf);
  emptyRun(to);
  copyNames(from, to);
  const parentAt = placeOfParent(from);
  // The dots move together: "." is 12 bytes long in a root whatever it was before.
  root.bytes.copyWithin(12, parentAt, parentAt + 12);
  setLength(root.bytes, 0, 12, geometry.blockSize);
  setLength(root.bytes, 12, geometry.blockSize - 12, geometry.blockSize);
  beginRoot(geometry, root, version, 0, logical);
  folders.sealIndex(folder, root, DX_ROOT_COUNT);
  folders.setFlags(folder, INODE_INDEX, 0);
  const frame = openNode(geometry, folder.number, root, 0);
  splitAndPut(folders, folder, frame, leaf, hasher, { name, hash, inode, type });
  return true;
}

/** True if the hash of every name in the first block is known. */
function knowsAll(folders: Folders, folder: Folder, hasher: Hasher): boolean {
  const run = folders.leaf(folder, folders.read(folder, 0));
  for (let at = run.start; at < run.end;) {
    const length = entryLength(run, at);
    const from = at + NAME_AT;
    const known =
      getU32(run.bytes, at) === 0 ||
      hasher(run.bytes.subarray(from, from + run.bytes[at + NAME_LEN]!)) !== undefined;
    if (!known) return false;
    at += length;
  }
  return true;
}
