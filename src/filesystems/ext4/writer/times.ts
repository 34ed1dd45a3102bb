import type { Timestamp } from '../../writer.ts';
import type { InodeView } from '../inodes.ts';
import { GOOD_OLD_INODE_SIZE, Inode } from '../layout.ts';
import type { Geometry } from '../superblock.ts';

const FIELDS = {
  atime: [Inode.i_atime, Inode.i_atime_extra],
  ctime: [Inode.i_ctime, Inode.i_ctime_extra],
  mtime: [Inode.i_mtime, Inode.i_mtime_extra],
  crtime: [Inode.i_crtime, Inode.i_crtime_extra],
} as const;

/** First and last second that 32 signed bits and two more above them hold. */
const MINIMUM = -0x80000000;
const MAXIMUM = 0x37fffffff;
const MAXIMUM_32 = 0x7fffffff;

/**
 * Set a time of an inode. Nanoseconds and years after 2038 are kept where the inode has the extra field; a time that
 * does not fit becomes the nearest that does, as in Linux. A birth time is dropped where there is no field for it.
 */
export function writeTime(
  { view, base }: InodeView,
  field: keyof typeof FIELDS,
  time: Timestamp,
  geometry: Geometry,
): void {
  const [low, extra] = FIELDS[field];
  const end =
    geometry.inodeSize > GOOD_OLD_INODE_SIZE
      ? GOOD_OLD_INODE_SIZE + view.getUint16(base + Inode.i_extra_isize, true)
      : GOOD_OLD_INODE_SIZE;
  if (extra + 4 <= end) {
    const seconds = Math.min(MAXIMUM, Math.max(MINIMUM, time.seconds));
    view.setInt32(base + low, seconds | 0, true);
    // The two low bits of the extra word say how many times 2^32 is to be added to the signed 32.
    const epoch = ((seconds - (seconds | 0)) / 0x100000000) & 3;
    view.setUint32(base + extra, (time.nanoseconds * 4 + epoch) >>> 0, true);
  } else if (low + 4 <= end) {
    view.setInt32(base + low, Math.min(MAXIMUM_32, Math.max(MINIMUM, time.seconds)), true);
  }
}
