import { crc32cRaw } from '../../bytes/crc32c.ts';
import { CorruptError } from '../../errors/index.ts';
import type { BlockCache } from './block-cache.ts';
import { crcOfU32, inodeSeed } from './checksum.ts';
import { COMPAT_ORPHAN_FILE, RO_COMPAT_ORPHAN_PRESENT } from './features.ts';
import type { InodeTable } from './inodes.ts';
import { Inode, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from './layout.ts';
import { fillMapSource, newMapSource, type BlockMapper, type Run } from './mapping.ts';
import { inodeSectors, inodeSize } from './stat.ts';
import type { Geometry } from './superblock.ts';

/** `ob_magic` of an orphan file's block tail. */
const ORPHAN_BLOCK_MAGIC = 0x0b10ca04;
const TAIL = 8;
/** Bit of `s_state`: errors were found; Linux leaves the orphans alone then. */
const STATE_ERRORS = 0x2;

/** What cleaning up orphans gives back. */
export interface Orphans {
  freedClusters: number;
  freedInodes: number;
  /** Files whose blocks past their end go: inode to sectors that are no longer counted. */
  readonly truncated: Map<number, number>;
}

/**
 * Orphans are files that were deleted while open, or whose truncation was not finished, when the guest stopped. Linux
 * finishes the job when it mounts. Nobody can see a deleted orphan, so what changes for a reader is the free space and
 * the size on disk of the truncated ones: this works both out, without writing.
 */
export function findOrphans(
  geometry: Geometry,
  inodes: InodeTable,
  blocks: BlockCache,
  mapper: BlockMapper,
  warn: (message: string) => void,
): Orphans {
  const orphans: Orphans = { freedClusters: 0, freedInodes: 0, truncated: new Map() };
  if (geometry.superBlock.s_state & STATE_ERRORS) return orphans;
  const numbers = new Set<number>();
  try {
    listed(geometry, inodes, numbers);
    if (geometry.compat & COMPAT_ORPHAN_FILE && geometry.roCompat & RO_COMPAT_ORPHAN_PRESENT) {
      inFile(geometry, inodes, blocks, mapper, numbers);
    }
    for (const number of numbers) settle(geometry, inodes, blocks, mapper, number, orphans);
  } catch (error) {
    // Linux reports a bad orphan and mounts all the same.
    if (!(error instanceof CorruptError)) throw error;
    warn(`the list of orphan files is damaged: ${error.message}`);
  }
  return orphans;
}

/** The list that begins in the superblock and goes on in `i_dtime`. */
function listed(geometry: Geometry, inodes: InodeTable, numbers: Set<number>): void {
  let number = geometry.superBlock.s_last_orphan;
  while (number !== 0) {
    if (number < geometry.firstInode || numbers.has(number)) {
      throw new CorruptError('ext4_inode', `the orphan list goes on with inode ${number}, which cannot be`);
    }
    const inode = inodes.aim(number);
    numbers.add(number);
    number = inode.view.getUint32(inode.base + Inode.i_dtime, true);
  }
}

/** The entries of the orphan file. */
function inFile(
  geometry: Geometry,
  inodes: InodeTable,
  blocks: BlockCache,
  mapper: BlockMapper,
  numbers: Set<number>,
): void {
  const file = inodes.aim(geometry.superBlock.s_orphan_file_inum);
  const generation = file.view.getUint32(file.base + Inode.i_generation, true);
  const seed = inodeSeed(geometry.checksumSeed, file.number, generation);
  const count = Math.min(inodeSize(file, geometry) / geometry.blockSize, geometry.blocksCount);
  const source = fillMapSource(newMapSource(), file, geometry);
  const run: Run = { block: 0, length: 0, kind: 'hole' };
  const entriesEnd = geometry.blockSize - TAIL;
  for (let logical = 0; logical < count; logical++) {
    mapper.map(source, logical, run);
    if (run.kind !== 'data') throw new CorruptError('orphan file', `block ${logical} is a hole`);
    const { bytes, view } = blocks.get(run.block, 'orphan file', `inode ${source.number}`);
    const magic = view.getUint32(entriesEnd, true);
    if (magic !== ORPHAN_BLOCK_MAGIC) {
      throw new CorruptError(
        'orphan file',
        `ob_magic of block ${logical} is 0x${magic.toString(16)}, expected 0xb10ca04`,
      );
    }
    if (geometry.checksums) {
      const place = crcOfU32(crcOfU32(seed, run.block % 0x100000000), Math.floor(run.block / 0x100000000));
      if (crc32cRaw(place, bytes, 0, entriesEnd) !== view.getUint32(entriesEnd + 4, true)) {
        throw new CorruptError('orphan file', `ob_checksum of block ${logical} is wrong`, { checksum: true });
      }
    }
    for (let at = 0; at < entriesEnd; at += 4) {
      const number = view.getUint32(at, true);
      if (number !== 0) numbers.add(number);
    }
  }
}

function settle(
  geometry: Geometry,
  inodes: InodeTable,
  blocks: BlockCache,
  mapper: BlockMapper,
  number: number,
  orphans: Orphans,
): void {
  if (number < geometry.firstInode)
    throw new CorruptError('ext4_inode', `reserved inode ${number} is an orphan`);
  const inode = inodes.aim(number);
  const sectorsPerCluster = (geometry.blockSize * geometry.clusterRatio) / 512;
  if (inode.view.getUint16(inode.base + Inode.i_links_count, true) === 0) {
    let clusters = Math.floor(inodeSectors(inode, geometry) / sectorsPerCluster);
    const acl = inode.view.getUint32(inode.base + Inode.i_file_acl_lo, true);
    // An attribute block that others use stays.
    if (acl !== 0 && blocks.get(acl, 'ext4_xattr_header', `inode ${number}`).view.getUint32(4, true) > 1)
      clusters--;
    orphans.freedClusters += Math.max(0, clusters);
    orphans.freedInodes++;
    return;
  }
  const type = inode.view.getUint16(inode.base + Inode.i_mode, true) & S_IFMT;
  if (type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK) return;
  const sectors = inodeSectors(inode, geometry);
  const size = inodeSize(inode, geometry);
  if (sectors === 0) return;
  const source = fillMapSource(newMapSource(), inode, geometry);
  const freed = Math.min(countFrom(geometry, mapper, source, size), sectors / sectorsPerCluster);
  if (freed > 0) {
    orphans.freedClusters += freed;
    orphans.truncated.set(number, freed * sectorsPerCluster);
  }
}

/** Clusters mapped past the end of a file of `size` bytes; not those of the map itself, which Linux also frees. */
function countFrom(
  geometry: Geometry,
  mapper: BlockMapper,
  source: ReturnType<typeof newMapSource>,
  size: number,
): number {
  const run: Run = { block: 0, length: 0, kind: 'hole' };
  const limit = mapper.maxBlocks(source.usesExtents);
  let blocks = 0;
  // As many runs as a map that is not a lie can have.
  let left = geometry.blocksCount;
  const first =
    Math.ceil(Math.ceil(size / geometry.blockSize) / geometry.clusterRatio) * geometry.clusterRatio;
  for (let logical = first; logical < limit && left > 0; left--) {
    mapper.map(source, logical, run);
    if (run.kind !== 'hole') blocks += run.length;
    logical += run.length;
  }
  return Math.ceil(blocks / geometry.clusterRatio);
}
