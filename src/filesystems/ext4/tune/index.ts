/**
 * Changing parameters of ext2, ext3 and ext4 that are not mounted, as tune2fs(8) does. A superblock is two sectors, and
 * a write may tear between them. What is changed here lies in the first one, but for the seed of the checksums; and
 * where the superblock has a checksum, which lies in the second one, `writeSuperBlock` keeps it right beside either.
 * So a crash leaves the old or the new parameters, and nothing for e2fsck to repair.
 */
import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { writeSuperBlock } from '../check/superblock-write.ts';
import { SuperBlock, type SuperBlockView } from '../layout.ts';
import { fieldBytes } from '../mkfs/superblock.ts';
import { openForTuning } from './open.ts';

export { setExtUuid } from './uuid.ts';

/** What changes; what is absent stays. */
export interface TuneExtOptions {
  /** At most 16 bytes; '' takes the label away. */
  label?: string;
  /** Mounts after which a check is due; -1 or 0 for never. */
  maxMountCount?: number;
  /** Mounts since the last check. */
  mountCount?: number;
  /** What Linux does where it finds damage. */
  errorBehavior?: 'continue' | 'remount-ro' | 'panic';
  /** Ids of the user and the group that may use what is reserved. */
  user?: number;
  group?: number;
  /** Seconds after which a check is due; 0 for never. */
  checkInterval?: number;
  /** How much is reserved: in percent, 0 to 50, or in blocks. */
  reservedPercentage?: number;
  reservedBlocks?: number;
  /** At most 63 bytes. */
  lastMounted?: string;
}

const ERRORS: Readonly<Record<NonNullable<TuneExtOptions['errorBehavior']>, number>> = {
  continue: 1,
  'remount-ro': 2,
  panic: 3,
};
/** Mount counts are 16 bits, signed; tune2fs(8) stops here. */
const MOUNTS_MOST = 16000;

function within(value: number, least: number, most: number, what: string): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new GuestfsError('EINVAL', `the ${what} is ${value}, expected ${least} to ${most}`);
  }
  return value;
}

function apply(view: SuperBlockView, blocksCount: number, options: TuneExtOptions): void {
  if (options.label !== undefined) view.s_volume_name = fieldBytes(options.label, 16, 'label');
  if (options.lastMounted !== undefined) {
    view.s_last_mounted = fieldBytes(options.lastMounted, 63, 'directory');
  }
  if (options.maxMountCount !== undefined) {
    view.s_max_mnt_count = within(options.maxMountCount, -1, MOUNTS_MOST, 'largest mount count') & 0xffff;
  }
  if (options.mountCount !== undefined) {
    view.s_mnt_count = within(options.mountCount, 0, MOUNTS_MOST, 'mount count');
  }
  if (options.errorBehavior !== undefined) view.s_errors = ERRORS[options.errorBehavior];
  if (options.user !== undefined) view.s_def_resuid = within(options.user, 0, 0xffff, 'user id');
  if (options.group !== undefined) view.s_def_resgid = within(options.group, 0, 0xffff, 'group id');
  if (options.checkInterval !== undefined) {
    view.s_checkinterval = within(options.checkInterval, 0, 0xffffffff, 'number of seconds between checks');
  }
  let reserved = options.reservedBlocks;
  if (options.reservedPercentage !== undefined) {
    const percentage = within(options.reservedPercentage, 0, 50, 'reserved percentage');
    reserved = Math.floor((blocksCount * percentage) / 100);
  }
  if (reserved !== undefined) {
    within(reserved, 0, Math.floor(blocksCount / 2), 'number of reserved blocks');
    view.s_r_blocks_count_lo = reserved % 0x100000000;
    view.s_r_blocks_count_hi = Math.floor(reserved / 0x100000000);
  }
}

/**
 * Change parameters of a filesystem that is not mounted; its journal is replayed first if it must be. The copies of
 * the superblock stay as they are, as with tune2fs(8). Durable when it returns.
 *
 * Throws EINVAL for a value that cannot be, EUCLEAN or EBADMSG for a damaged superblock, ENOTSUP for features that are
 * not known.
 */
export function tuneExt(device: BlockDevice, options: TuneExtOptions): void {
  const { view, geometry } = openForTuning(device);
  const old = view.bytes.slice(view.base, view.base + SuperBlock.size);
  apply(view, geometry.blocksCount, options);
  const next = view.bytes.slice(view.base, view.base + SuperBlock.size);
  if (next.every((byte, i) => byte === old[i])) return;
  writeSuperBlock(device, old, next);
  device.flush();
}

/** Set the label of a filesystem that is not mounted. Throws as {@link tuneExt}. */
export function setExtLabel(device: BlockDevice, label: string): void {
  tuneExt(device, { label });
}
