import type { BlockDevice } from '../../../block/device.ts';
import { bits64, layout, u32 } from '../../../bytes/layout.ts';

/**
 * What the kernel keeps in each rmeta volume. Source: Documentation/admin-guide/device-mapper/dm-raid.rst for the
 * meaning; the places were found in volumes that the kernel wrote.
 */
const RaidSuperBlock = layout('dm_raid_superblock', 64, 'le', {
  magic: u32(0),
  compat_features: u32(4),
  num_devices: u32(8),
  array_position: u32(12),
  events: bits64(16),
  failed_devices: bits64(24),
  disk_recovery_offset: bits64(32),
  array_resync_offset: bits64(40),
  level: u32(48),
  layout: u32(52),
  stripe_sectors: u32(56),
  flags: u32(60),
});

const MAGIC = 0x64526d44;
const RESHAPE_ACTIVE = 1;
/** In place of an offset: done. */
const COMPLETE = 0xffff_ffff_ffff_ffffn;

/** State of one image of a RAID volume. */
export interface ImageState {
  /** Counts up with every change of state of the array. */
  events: bigint;
  /** Bit i: image i has failed. */
  failed: bigint;
  position: number;
  /** True where the whole image holds what it should. */
  recovered: boolean;
  /** True where the whole array was once made equal. */
  synced: boolean;
  reshaping: boolean;
}

/** The state in an rmeta volume; undefined where the kernel never wrote one. */
export function readImageState(metadata: BlockDevice): ImageState | undefined {
  if (metadata.size < 512) return undefined;
  const bytes = new Uint8Array(512);
  metadata.readAt(0, bytes);
  const block = RaidSuperBlock.view(bytes);
  if (block.magic !== MAGIC) return undefined;
  return {
    events: block.events,
    failed: block.failed_devices,
    position: block.array_position,
    recovered: block.disk_recovery_offset === COMPLETE,
    synced: block.array_resync_offset === COMPLETE,
    reshaping: (block.flags & RESHAPE_ACTIVE) !== 0,
  };
}
