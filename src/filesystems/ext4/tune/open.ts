import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { replayOntoDevice } from '../check/replay.ts';
import { INCOMPAT_JOURNAL_DEV, INCOMPAT_RECOVER } from '../features.ts';
import { SUPERBLOCK_OFFSET, type SuperBlockView } from '../layout.ts';
import { readGeometry, readSuperBlock, type Geometry } from '../superblock.ts';

/**
 * The superblock and geometry of a filesystem that is about to be changed, its journal replayed. Throws EUCLEAN where
 * there is none, EINVAL for an external journal.
 */
export function openForTuning(device: BlockDevice): { view: SuperBlockView; geometry: Geometry } {
  const view = readSuperBlock(device);
  if (view === null) {
    throw new GuestfsError(
      'EUCLEAN',
      `there is no ext2, ext3 or ext4 superblock at byte ${SUPERBLOCK_OFFSET} of the device`,
      { offset: SUPERBLOCK_OFFSET },
    );
  }
  if (view.s_feature_incompat & INCOMPAT_JOURNAL_DEV) {
    throw new GuestfsError('EINVAL', 'this is an external journal, it has no parameters of a filesystem');
  }
  const geometry = readGeometry(view, device);
  if ((geometry.incompat & INCOMPAT_RECOVER) === 0) return { view, geometry };
  // The log may hold an older superblock, which would undo the change when it is played.
  const replayed = replayOntoDevice(device, geometry).geometry;
  return { view: replayed.superBlock, geometry: replayed };
}
