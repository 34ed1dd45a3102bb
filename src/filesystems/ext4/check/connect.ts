import { clockMilliseconds } from '../../../bytes/clock.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { INCOMPAT_EXTENTS, INCOMPAT_FILETYPE } from '../features.ts';
import {
  DIRENT_TAIL_SIZE,
  EXTENT_MAGIC,
  INODE_EXTENTS,
  INODE_INDEX,
  INODE_INLINE_DATA,
  Inode,
  ROOT_INODE,
  S_IFDIR,
} from '../layout.ts';
import { inodeSize } from '../stat.ts';
import { mergeRuns, readMap, writeExtentTree } from './block-map.ts';
import {
  changePart,
  directoryParts,
  eachEntry,
  NAME_AT,
  putTail,
  sealDirectoryBlock,
  setRecordLength,
  type DirectoryPart,
} from './directory-blocks.ts';
import { setDotDot, typeCode } from './directory-pass.ts';
import { dropIndex } from './index-check.ts';
import { setSectors, setSize } from './inode-pass.ts';
import { countClusters } from './orphans.ts';
import type { CheckState } from './state.ts';

const LOST = 'lost+found';

/** See that every directory hangs together with the root, and that its `..` says where it is. */
export function checkConnections(state: CheckState): void {
  if (state.broken.has(ROOT_INODE)) return;
  state.parents.set(ROOT_INODE, ROOT_INODE);
  const attached = new Set<number>([ROOT_INODE]);
  for (const directory of state.directories.slice()) {
    const path: number[] = [];
    let at = directory;
    while (!attached.has(at) && !path.includes(at)) {
      path.push(at);
      const parent = state.parents.get(at);
      if (parent === undefined) break;
      at = parent;
    }
    if (!attached.has(at)) {
      if (state.parents.has(at)) {
        state.found(
          'directory-loop',
          `directory ${at} is its own descendant and hangs together with nothing else`,
        );
      } else {
        state.found('unattached-directory', `directory ${at} is in no directory`, () => reconnect(state, at));
      }
    }
    for (const one of path) attached.add(one);
  }
  for (const directory of state.directories) {
    const stored = state.dotDots.get(directory);
    const parent = state.parents.get(directory);
    if (stored === undefined) continue;
    if (parent === undefined) {
      state.addName(stored);
      continue;
    }
    if (stored !== parent) {
      const text = `".." of directory ${directory} is inode ${stored}, it is in directory ${parent}`;
      state.found('dot-dot', text, () => setDotDot(state, directory, parent));
    }
    state.addName(parent);
  }
}

/** Compare link counts with the names that there are; what has none goes to lost+found. */
export function checkLinks(state: CheckState): void {
  // First of all, because a lost+found that is made counts in the root.
  for (const number of countedInodes(state)) {
    if (state.names[number] !== 0 || state.isDirectory.has(number)) continue;
    state.found('unattached-inode', `inode ${number} has ${state.links[number]} links and no name`, () =>
      reconnect(state, number),
    );
  }
  const { volume } = state;
  for (const number of countedInodes(state)) {
    const links = state.links[number]!;
    const names = state.names[number]!;
    if (names === 0 && !state.isDirectory.has(number)) continue;
    // Directories with very many others in them count 1.
    const right = state.isDirectory.has(number) && names >= 65000 ? 1 : names;
    if (links === right) continue;
    state.found('link-count', `inode ${number} counts ${links} links, there are ${right}`, () => {
      const inode = volume.changeInode(number);
      inode.view.setUint16(inode.base + Inode.i_links_count, right, true);
      volume.sealInode(inode);
    });
  }
}

/** Inodes in use whose names are counted. */
function* countedInodes(state: CheckState): Generator<number> {
  const { inodesCount, firstInode } = state.volume.geometry;
  for (let number = ROOT_INODE; number <= inodesCount; number++) {
    if (number > ROOT_INODE && number < firstInode) continue;
    if (state.links[number] === 0 || state.system.has(number) || state.attributeInodes.has(number)) continue;
    yield number;
  }
}

/** Give an inode without a name one in lost+found. */
function reconnect(state: CheckState, number: number): void {
  try {
    const lost = lostAndFound(state);
    addEntry(state, lost, `#${number}`, number);
    state.addName(number);
    if (state.isDirectory.has(number)) state.parents.set(number, lost);
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    state.uncorrected++;
    const last = state.problems.at(-1);
    if (last !== undefined) last.fixed = false;
    state.problems.push({ code: 'reconnect', text: `inode ${number}: ${error.message}`, fixed: false });
  }
}

/** Inode of /lost+found, made where it is not there. */
function lostAndFound(state: CheckState): number {
  const { volume } = state;
  let found = 0;
  for (const part of directoryParts(volume, volume.readInode(ROOT_INODE))) {
    eachEntry(volume, ROOT_INODE, part, (at, _length, target, nameLength) => {
      const name = String.fromCharCode(...part.bytes.subarray(at + NAME_AT, at + NAME_AT + nameLength));
      if (target !== 0 && name === LOST) found = target;
    });
  }
  if (found !== 0) {
    if (state.isDirectory.has(found)) return found;
    throw new GuestfsError('ENOTDIR', `/lost+found (inode ${found}) is no directory`);
  }
  return makeLostAndFound(state);
}

function makeLostAndFound(state: CheckState): number {
  const { volume } = state;
  const { geometry } = volume;
  const number = freeInodeNumber(state);
  const block = freeBlock(state);
  const seconds = Math.floor(clockMilliseconds() / 1000) % 0x100000000;
  const inode = volume.changeInode(number);
  const { base, view, bytes } = inode;
  bytes.fill(0, base, base + geometry.inodeSize);
  view.setUint16(base + Inode.i_mode, S_IFDIR | 0o700, true);
  view.setUint16(base + Inode.i_links_count, 2, true);
  for (const at of [Inode.i_atime, Inode.i_ctime, Inode.i_mtime]) view.setUint32(base + at, seconds, true);
  if (geometry.inodeSize > 128) {
    view.setUint16(base + Inode.i_extra_isize, 32, true);
    view.setUint32(base + Inode.i_crtime, seconds, true);
  }
  setSize(inode, geometry.blockSize);
  if (geometry.incompat & INCOMPAT_EXTENTS) {
    view.setUint32(base + Inode.i_flags, INODE_EXTENTS, true);
    view.setUint16(base + Inode.i_block, EXTENT_MAGIC, true);
    writeExtentTree(volume, inode, [{ logical: 0, block, length: 1, unwritten: false }], () => 0);
  } else {
    view.setUint32(base + Inode.i_block, block, true);
  }
  setSectors(volume, inode, (geometry.blockSize * geometry.clusterRatio) / 512);
  const content = volume.blocks.create(block);
  const type = geometry.incompat & INCOMPAT_FILETYPE ? 2 : 0;
  const end = geometry.blockSize - (geometry.checksums ? DIRENT_TAIL_SIZE : 0);
  putEntry(content.view, content.bytes, 0, 12, number, '.', type);
  putEntry(content.view, content.bytes, 12, end - 12, ROOT_INODE, '..', type);
  if (geometry.checksums) putTail(content.view, geometry.blockSize);
  volume.sealInode(inode);
  sealDirectoryBlock(volume, block, volume.seedOf(inode), false);
  state.links[number] = 2;
  state.names[number] = 1;
  state.isDirectory.add(number);
  state.directories.push(number);
  state.dotDots.set(number, ROOT_INODE);
  addEntry(state, ROOT_INODE, LOST, number);
  state.addName(number);
  // Its `..` is a name of the root.
  state.addName(ROOT_INODE);
  state.parents.set(number, ROOT_INODE);
  return number;
}

function putEntry(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  length: number,
  inode: number,
  name: string,
  type: number,
): void {
  view.setUint32(at, inode, true);
  setRecordLength(view, at, length);
  view.setUint8(at + 6, name.length);
  view.setUint8(at + 7, type);
  for (let i = 0; i < name.length; i++) bytes[at + NAME_AT + i] = name.charCodeAt(i);
}

function freeInodeNumber(state: CheckState): number {
  const { inodesCount, firstInode } = state.volume.geometry;
  for (let number = firstInode; number <= inodesCount; number++) {
    if (!state.inodes.has(number)) {
      state.inodes.add(number);
      return number;
    }
  }
  throw new GuestfsError('ENOSPC', 'the filesystem has no free inode');
}

function freeBlock(state: CheckState): number {
  const { firstDataBlock, blocksCount, clusterRatio } = state.volume.geometry;
  const clusters = Math.floor((blocksCount - firstDataBlock) / clusterRatio);
  for (let cluster = 0; cluster < clusters; cluster++) {
    if (state.clusters.add(cluster)) return cluster * clusterRatio + firstDataBlock;
  }
  throw new GuestfsError('ENOSPC', 'the filesystem has no free block');
}

/** Add a name to a directory, an index of which is dropped; a block is appended where there is no room. */
function addEntry(state: CheckState, directory: number, name: string, target: number): void {
  const { volume } = state;
  const flags = (): number => {
    const inode = volume.readInode(directory);
    return inode.view.getUint32(inode.base + Inode.i_flags, true);
  };
  if (flags() & INODE_INDEX) dropIndex(volume, directory);
  const inode = volume.readInode(target);
  const typed = (volume.geometry.incompat & INCOMPAT_FILETYPE) !== 0;
  const type = typed ? typeCode(inode.view.getUint16(inode.base + Inode.i_mode, true)) : 0;
  for (const part of directoryParts(volume, volume.readInode(directory))) {
    if (tryEntry(state, directory, part, name, target, type)) return;
  }
  if (flags() & INODE_INLINE_DATA) {
    throw new GuestfsError('ENOSPC', `directory ${directory} lies in its inode and has no room for ${name}`);
  }
  appendBlock(state, directory);
  for (const part of directoryParts(volume, volume.readInode(directory))) {
    if (tryEntry(state, directory, part, name, target, type)) return;
  }
}

function tryEntry(
  state: CheckState,
  directory: number,
  part: DirectoryPart,
  name: string,
  target: number,
  type: number,
): boolean {
  const { volume } = state;
  const needed = NAME_AT + ((name.length + 3) & ~3);
  let place: { at: number; own: number; length: number } | undefined;
  eachEntry(volume, directory, part, (at, length, inode, nameLength) => {
    const own = inode === 0 ? 0 : NAME_AT + ((nameLength + 3) & ~3);
    const isTail = part.view.getUint8(at + 7) === 0xde && inode === 0;
    if (place === undefined && !isTail && length - own >= Math.max(12, needed)) place = { at, own, length };
  });
  if (place === undefined) return false;
  const { at, own, length } = place;
  changePart(volume, directory, part, (view, bytes) => {
    if (own > 0) setRecordLength(view, at, own);
    putEntry(view, bytes, at + own, length - own, target, name, type);
  });
  return true;
}

function appendBlock(state: CheckState, directory: number): void {
  const { volume } = state;
  const { geometry } = volume;
  const inode = volume.changeInode(directory);
  const logical = inodeSize(inode, geometry) / geometry.blockSize;
  const { runs, nodes } = readMap(volume, inode);
  const last = runs.at(-1);
  const inCluster = logical % geometry.clusterRatio !== 0 && last !== undefined;
  const block = inCluster ? last.block + last.length : freeBlock(state);
  if (inode.view.getUint32(inode.base + Inode.i_flags, true) & INODE_EXTENTS) {
    const pool = [...nodes].reverse();
    const grown = mergeRuns([...runs, { logical, block, length: 1, unwritten: false }]);
    writeExtentTree(volume, inode, grown, () => pool.pop() ?? freeBlock(state));
  } else {
    if (logical >= 12) {
      throw new GuestfsError(
        'ENOSPC',
        `directory ${directory} has no room, and needs indirect blocks to grow`,
      );
    }
    inode.view.setUint32(inode.base + Inode.i_block + logical * 4, block, true);
  }
  setSize(inode, (logical + 1) * geometry.blockSize);
  setSectors(
    volume,
    inode,
    (countClusters(volume, inode) * geometry.clusterRatio * geometry.blockSize) / 512,
  );
  volume.sealInode(inode);
  const content = volume.blocks.create(block);
  setRecordLength(content.view, 0, geometry.blockSize - (geometry.checksums ? DIRENT_TAIL_SIZE : 0));
  if (geometry.checksums) putTail(content.view, geometry.blockSize);
  sealDirectoryBlock(volume, block, volume.seedOf(inode), false);
}
