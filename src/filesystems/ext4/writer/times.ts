import type { Timestamp } from '../../writer.ts';
import type { InodeView } from '../inodes.ts';
import { GOOD_OLD_INODE_SIZE, Inode } from '../layout.ts';
import type { Geometry } from '../superblock.ts';

const FIELDS = {
  atime: { low: Inode.i_atime, extra: Inode.i_atime_extra },
  ctime: { low: Inode.i_ctime, extra: Inode.i_ctime_extra },
  mtime: { low: Inode.i_mtime, extra: Inode.i_mtime_extra },
  crtime: { low: Inode.i_crtime, extra: Inode.i_crtime_extra },
} as const;

/** First and last second that 32 signed bits and two more above them hold. */
const MINIMUM = -0x80000000;
const MAXIMUM = 0x37fffffff;
const MAXIMUM_32 = 0x7fffffff;

/** Where the fields of an inode end. */
function endOfFields(view: DataView, base: number, geometry: Geometry): number {
  return geometry.inodeSize > GOOD_OLD_INODE_SIZE
    ? GOOD_OLD_INODE_SIZE + view.getUint16(base + Inode.i_extra_isize, true)
    : GOOD_OLD_INODE_SIZE;
}

/** Nanoseconds, and in the two low bits how many times 2^32 is to be added to the signed 32 of the seconds. */
function extraWord(seconds: number, nanoseconds: number): number {
  const epoch = ((seconds - (seconds | 0)) / 0x100000000) & 3;
  return (nanoseconds * 4 + epoch) >>> 0;
}

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
  const { low, extra } = FIELDS[field];
  const end = endOfFields(view, base, geometry);
  if (extra + 4 <= end) {
    const seconds = Math.min(MAXIMUM, Math.max(MINIMUM, time.seconds));
    view.setInt32(base + low, seconds | 0, true);
    view.setUint32(base + extra, extraWord(seconds, time.nanoseconds), true);
  } else if (low + 4 <= end) {
    view.setInt32(base + low, Math.min(MAXIMUM_32, Math.max(MINIMUM, time.seconds)), true);
  }
}

/** Set all times of an inode that is being made, as {@link writeTime} does. */
export function writeBirth(inode: InodeView, time: Timestamp, geometry: Geometry): void {
  const { view, base } = inode;
  if (Inode.i_crtime_extra + 4 > endOfFields(view, base, geometry)) {
    for (const field of ['atime', 'ctime', 'mtime', 'crtime'] as const) {
      writeTime(inode, field, time, geometry);
    }
    return;
  }
  const seconds = Math.min(MAXIMUM, Math.max(MINIMUM, time.seconds));
  const low = seconds | 0;
  const extra = extraWord(seconds, time.nanoseconds);
  view.setInt32(base + Inode.i_atime, low, true);
  view.setInt32(base + Inode.i_ctime, low, true);
  view.setInt32(base + Inode.i_mtime, low, true);
  view.setInt32(base + Inode.i_crtime, low, true);
  view.setUint32(base + Inode.i_atime_extra, extra, true);
  view.setUint32(base + Inode.i_ctime_extra, extra, true);
  view.setUint32(base + Inode.i_mtime_extra, extra, true);
  view.setUint32(base + Inode.i_crtime_extra, extra, true);
}
