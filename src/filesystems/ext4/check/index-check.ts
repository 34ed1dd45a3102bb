import { indexCountOffset } from '../directory.ts';
import { INCOMPAT_LARGEDIR } from '../features.ts';
import { hashVersion, nameHash } from '../hash.ts';
import { DX_ROOT_COUNT, DX_ROOT_VERSION } from '../htree.ts';
import { DIRENT_TAIL_SIZE, INODE_CASEFOLD, INODE_ENCRYPT, INODE_INDEX, Inode } from '../layout.ts';
import {
  directoryParts,
  eachEntry,
  NAME_AT,
  putTail,
  sealDirectoryBlock,
  setRecordLength,
  type DirectoryPart,
} from './directory-blocks.ts';
import type { Volume } from './volume.ts';

const DX_ENTRY = 8;
const BLOCK_MASK = 0x0fffffff;
/** One above every hash. */
const END = 0x100000000;

/** Check the hash tree of a directory. Returns what is wrong, or undefined. */
export function checkIndex(volume: Volume, directory: number): string | undefined {
  const { geometry } = volume;
  const inode = volume.readInode(directory);
  const flags = inode.view.getUint32(inode.base + Inode.i_flags, true);
  const parts = new Map<number, DirectoryPart>();
  for (const part of directoryParts(volume, inode)) parts.set(part.logical, part);
  const root = parts.get(0);
  if (
    root === undefined ||
    indexCountOffset(volume.blocks.read(root.block).bytes, 0, geometry.blockSize) !== DX_ROOT_COUNT
  ) {
    return `directory ${directory} is marked as indexed, its first block is no root of an index`;
  }
  const { bytes } = volume.blocks.read(root.block);
  const levels = bytes[0x1e]!;
  const most = geometry.incompat & INCOMPAT_LARGEDIR ? 3 : 2;
  if (levels >= most)
    return `the index of directory ${directory} has ${levels} levels, expected below ${most}`;
  const version = hashVersion(bytes[DX_ROOT_VERSION]!, geometry.superBlock.s_flags);
  const hashed = (flags & (INODE_CASEFOLD | INODE_ENCRYPT)) === 0;
  const seen = new Set([0]);

  const leaf = (part: DirectoryPart, low: number, high: number): string | undefined => {
    if (!hashed) return undefined;
    let problem: string | undefined;
    const current = { ...part, ...volume.blocks.read(part.block) };
    eachEntry(volume, directory, current, (at, _length, target, nameLength) => {
      if (target === 0 || problem !== undefined) return;
      const name = current.bytes.subarray(at + NAME_AT, at + NAME_AT + nameLength);
      const hash = nameHash(version, name, geometry.superBlock.s_hash_seed)?.major;
      if (hash === undefined) return;
      // Names of one hash may run over into the next leaf, which the lowest bit of its bound tells.
      if (hash < (low & ~1) >>> 0 || hash >= high) {
        problem = `a name in block ${part.logical} of directory ${directory} has hash 0x${hash.toString(16)}, its index says 0x${low.toString(16)} to 0x${high.toString(16)}`;
      }
    });
    return problem;
  };
  const node = (logical: number, level: number, low: number, high: number): string | undefined => {
    const part = parts.get(logical)!;
    const block = volume.blocks.read(part.block);
    const countAt = logical === 0 ? DX_ROOT_COUNT : 8;
    if (indexCountOffset(block.bytes, 0, geometry.blockSize) !== countAt) {
      return `block ${logical} of directory ${directory} is no node of its index`;
    }
    const limit = block.view.getUint16(countAt, true);
    const count = block.view.getUint16(countAt + 2, true);
    const room = Math.floor((geometry.blockSize - countAt) / DX_ENTRY) - (geometry.checksums ? 1 : 0);
    if (limit !== room || count < 1 || count > limit) {
      return `index block ${logical} of directory ${directory} has limit ${limit} and count ${count}, there is room for ${room}`;
    }
    for (let i = 0; i < count; i++) {
      const at = countAt + i * DX_ENTRY;
      const from = i === 0 ? low : block.view.getUint32(at, true);
      const to = i + 1 < count ? block.view.getUint32(at + DX_ENTRY, true) : high;
      const child = block.view.getUint32(at + 4, true) & BLOCK_MASK;
      const target = parts.get(child);
      if (target === undefined || seen.has(child)) {
        return `entry ${i} of index block ${logical} of directory ${directory} leads to block ${child}`;
      }
      if (from < low || to < from || to > high) {
        return `entry ${i} of index block ${logical} of directory ${directory} is out of order`;
      }
      seen.add(child);
      const problem = level < levels ? node(child, level + 1, from, to) : leaf(target, from, to);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  const problem = node(0, 0, 0, END);
  if (problem !== undefined) return problem;
  if (seen.size !== parts.size) {
    return `the index of directory ${directory} leads to ${seen.size} of its ${parts.size} blocks`;
  }
  return undefined;
}

/** Make a directory one without index: its root and nodes become blocks without names. */
export function dropIndex(volume: Volume, directory: number): void {
  const { blockSize, checksums } = volume.geometry;
  const end = blockSize - (checksums ? DIRENT_TAIL_SIZE : 0);
  const parts = [...directoryParts(volume, volume.readInode(directory))];
  const inode = volume.changeInode(directory);
  const flags = inode.view.getUint32(inode.base + Inode.i_flags, true);
  inode.view.setUint32(inode.base + Inode.i_flags, (flags & ~INODE_INDEX) >>> 0, true);
  volume.sealInode(inode);
  const seed = volume.seedOf(inode);
  for (const { logical, block } of parts) {
    const countAt = indexCountOffset(volume.blocks.read(block).bytes, 0, blockSize);
    const isNode = logical === 0 ? countAt === DX_ROOT_COUNT : countAt === 8;
    if (!isNode) continue;
    const { bytes, view } = volume.blocks.change(block);
    // "." and ".." stay in the root.
    const from = logical === 0 ? 24 : 12;
    const last = logical === 0 ? 12 : 0;
    bytes.fill(0, from);
    setRecordLength(view, last, end - last);
    if (checksums) putTail(view, blockSize);
    sealDirectoryBlock(volume, block, seed, false);
  }
}
