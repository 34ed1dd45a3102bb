/**
 * Grows and shrinks ext2, ext3 and ext4 that are not mounted, as resize2fs(8) does.
 */
import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { INCOMPAT_MMP, INCOMPAT_RECOVER, RO_COMPAT_ORPHAN_PRESENT } from '../features.ts';
import { groupFirstBlock } from '../groups.ts';
import { readGeometry, readSuperBlock, type Geometry } from '../superblock.ts';
import { Committer, STATE_CLEAN } from '../check/commit.ts';
import { noSuperBlock } from '../check/index.ts';
import { leadBlocks } from '../check/places.ts';
import { assertSoundBitmaps, assertSoundDescriptors } from '../check/sound.ts';
import { ClusterSpace } from '../check/space.ts';
import { Volume } from '../check/volume.ts';
import { allowedBlocks, geometryAt } from './layout.ts';
import { minimumBlocks } from './minimum.ts';
import { Relocator } from './relocate.ts';
import { Renumberer, usedInodes } from './renumber.ts';
import { stageGrowth, stageShrink } from './switch.ts';

const STATE_ERRORS = 0x2;
/** Sizes that follow the device are whole pages, as resize2fs takes them. */
const PAGE = 4096;

/** How a filesystem is resized. */
export interface ResizeOptions {
  /** How far it has come, of a total of its own. */
  progress?: (done: number, total: number) => void;
}

/** What a resize has done. */
export interface ResizeReport {
  blockSize: number;
  oldBlocks: number;
  newBlocks: number;
}

/** Why a filesystem must be checked before it is resized, undefined where it need not be. */
function whyUnchecked(
  view: NonNullable<ReturnType<typeof readSuperBlock>>,
  geometry: Geometry,
): string | undefined {
  if (geometry.incompat & INCOMPAT_RECOVER) return 'the journal has not been replayed';
  if (view.s_state & STATE_ERRORS) return 'errors were found in the filesystem';
  if (!(view.s_state & STATE_CLEAN)) return 'the filesystem was not unmounted cleanly';
  if (view.s_last_orphan !== 0 || geometry.roCompat & RO_COMPAT_ORPHAN_PRESENT) return 'there are orphans';
  const checked = view.s_lastcheck + view.s_lastcheck_hi * 0x100000000;
  const mounted = view.s_mtime + view.s_mtime_hi * 0x100000000;
  return checked < mounted ? 'the filesystem was mounted since its last check' : undefined;
}

/** Whether {@link resizeExt} would refuse a filesystem until it was checked; false where there is none. */
export function wantsCheck(device: BlockDevice): boolean {
  const view = readSuperBlock(device);
  return view !== null && whyUnchecked(view, readGeometry(view, device)) !== undefined;
}

function openChecked(device: BlockDevice): Geometry {
  const view = readSuperBlock(device);
  if (view === null) {
    throw noSuperBlock();
  }
  const geometry = readGeometry(view, device);
  const reason = whyUnchecked(view, geometry);
  if (reason !== undefined) {
    throw new GuestfsError(
      'EINVAL',
      `${reason}: the filesystem must be checked first, with e2fsck and forceall (e2fsck -f)`,
    );
  }
  return geometry;
}

/**
 * Bytes to which {@link resizeExt} shrinks a filesystem at most, as its superblock and descriptors have it: what a
 * journal that was not replayed holds does not count. Throws CorruptError where they are damaged.
 */
export function minimumSizeOf(device: BlockDevice): number {
  const view = readSuperBlock(device);
  if (view === null) {
    throw noSuperBlock();
  }
  const geometry = readGeometry(view, device);
  const volume = new Volume(device, geometry);
  assertSoundDescriptors(volume);
  return minimumBlocks(volume) * geometry.blockSize;
}

/**
 * Resize ext2, ext3 or ext4 to a number of bytes, to the size of its device, or to the smallest size that holds what
 * is in it. The device itself is not touched, and neither is what lies behind the end of a filesystem that was shrunk.
 *
 * With a journal every step is a transaction of it: blocks are copied to free places and made durable, then the maps
 * that point to them change, then, in a last transaction, the size. A cut leaves the old or the new size, and between
 * the steps a filesystem of the old size that is in order. Without a journal the steps are ordered writes, and the
 * filesystem is marked as not clean from the first to the last: after a cut e2fsck finds blocks that were leaked, a
 * resize inode that it makes anew, and two inodes of one file of which one has no name, where inodes get other numbers.
 *
 * Where descriptors of more groups than there is room reserved for are needed, meta_bg is switched on, as Linux does
 * when it grows a mounted filesystem.
 *
 * Throws EINVAL where the filesystem was not checked since its last mount or is not clean, and for sizes that cannot
 * be; ENOSPC where it does not fit; CorruptError for damage, before anything is written; EROFS; UnsupportedError for what cannot be moved.
 */
export function resizeExt(
  device: BlockDevice,
  size: number | 'minimum' | undefined,
  options: ResizeOptions = {},
): ResizeReport {
  if (!device.writable) {
    throw new GuestfsError('EROFS', 'the filesystem cannot be resized: its device is read-only');
  }
  const geometry = openChecked(device);
  const { blockSize } = geometry;
  const deviceBlocks = Math.floor(device.size / blockSize);
  const volume = new Volume(device, geometry);
  assertSoundDescriptors(volume);
  let wanted: number;
  if (size === 'minimum') wanted = Math.min(minimumBlocks(volume), geometry.blocksCount);
  else if (size === undefined) wanted = Math.floor((Math.floor(device.size / PAGE) * PAGE) / blockSize);
  else wanted = Math.floor(size / blockSize);
  if (wanted > deviceBlocks) {
    throw new GuestfsError(
      'EINVAL',
      `the filesystem cannot have ${wanted} blocks of ${blockSize} bytes, the device has ${deviceBlocks}`,
    );
  }
  if (wanted <= geometry.firstDataBlock) {
    throw new GuestfsError('EINVAL', `${size} bytes are too few for a filesystem of blocks of ${blockSize}`);
  }
  const blocks = allowedBlocks(volume.geometry, wanted);
  const report = { blockSize, oldBlocks: geometry.blocksCount, newBlocks: blocks };
  if (blocks === geometry.blocksCount) return report;
  assertSoundBitmaps(volume);
  if (blocks > geometry.blocksCount) grow(volume, blocks);
  else shrink(volume, blocks, options.progress ?? (() => {}));
  return report;
}

function grow(volume: Volume, blocks: number): void {
  const committer = new Committer(volume);
  stageGrowth(volume, geometryAt(volume.geometry, blocks));
  committer.commit({ superBlock: 'last' });
  finish(volume, committer);
}

/** The copies say what the superblock says before that says that all is well. */
function finish(volume: Volume, committer: Committer): void {
  volume.writeBackups();
  volume.device.flush();
  committer.finish();
}

function shrink(volume: Volume, blocks: number, progress: (done: number, total: number) => void): void {
  const { geometry } = volume;
  const smallest = minimumBlocks(volume);
  if (blocks < smallest) {
    throw new GuestfsError(
      'ENOSPC',
      `what the filesystem holds needs ${smallest} blocks of ${geometry.blockSize} bytes, it cannot have ${blocks}`,
    );
  }
  if (geometry.incompat & INCOMPAT_MMP && geometry.superBlock.s_mmp_block >= blocks) {
    throw new GuestfsError('ENOTSUP', `the block of multi-mount protection lies behind block ${blocks}`);
  }
  const future = geometryAt(geometry, blocks);
  const space = new ClusterSpace(volume);
  const committer = new Committer(volume);
  const keepOut: { first: number; count: number }[] = [];
  for (let group = 0; group < future.groupsCount; group++) {
    const before = leadBlocks(geometry, group);
    const after = leadBlocks(future, group);
    if (after <= before) continue;
    const first =
      space.clusterOf(groupFirstBlock(geometry, group)) + Math.ceil(before / geometry.clusterRatio);
    const end = space.clusterOf(groupFirstBlock(geometry, group)) + Math.ceil(after / geometry.clusterRatio);
    if (end > first) keepOut.push({ first, count: end - first });
  }
  const relocator = new Relocator(volume, space, committer, space.clusterOf(blocks), keepOut);
  relocator.groups(future.groupsCount);
  relocator.run(usedInodes(volume), (number) => progress(number, geometry.inodesCount));
  space.stage();
  committer.commit();
  new Renumberer(volume, committer, future.groupsCount).run();
  committer.commit();
  stageShrink(volume, geometryAt(volume.geometry, blocks));
  committer.commit({ superBlock: 'first' });
  finish(volume, committer);
  progress(geometry.inodesCount, geometry.inodesCount);
}
