import { layout, raw, u32, u64 } from '../../../bytes/layout.ts';

/**
 * Metadata of dm-thin, little-endian, in blocks of 4096 bytes. Source: Documentation/admin-guide/device-mapper/
 * thin-provisioning.rst and persistent-data.rst for the meaning; the places as the thin-provisioning-tools' formats
 * show them in metadata that the kernel wrote. Each checksum is a CRC-32C of the block behind its own field, XORed
 * with a number that tells the kinds of block apart.
 */
export const BLOCK_SIZE = 4096;

/** Block 0. */
export const ThinSuperBlock = layout('thin_disk_superblock', 384, 'le', {
  csum: u32(0),
  flags: u32(4),
  blocknr: u64(8),
  uuid: raw(16, 16),
  magic: u64(32),
  version: u32(40),
  time: u32(44),
  trans_id: u64(48),
  held_root: u64(56),
  data_space_map_root: raw(64, 128),
  metadata_space_map_root: raw(192, 128),
  /** Two levels: device id, then block of the volume to block of the pool. */
  data_mapping_root: u64(320),
  /** Device id to {@link ThinDeviceDetails}. */
  device_details_root: u64(328),
  /** In sectors of 512 bytes. */
  data_block_size: u32(336),
  metadata_block_size: u32(340),
  metadata_nr_blocks: u64(344),
  compat_flags: u32(352),
  compat_ro_flags: u32(356),
  incompat_flags: u32(360),
});

/** Start of a space map's root. */
export const SpaceMapRoot = layout('disk_sm_root', 32, 'le', {
  nr_blocks: u64(0),
  nr_allocated: u64(8),
  bitmap_root: u64(16),
  ref_count_root: u64(24),
});

/** Start of a block of a B-tree; `max_entries` keys follow, then as many values. */
export const BtreeNode = layout('btree node_header', 32, 'le', {
  csum: u32(0),
  flags: u32(4),
  blocknr: u64(8),
  nr_entries: u32(16),
  max_entries: u32(20),
  value_size: u32(24),
});

/** What the details tree says of a thin device. */
export const ThinDeviceDetails = layout('disk_device_details', 24, 'le', {
  mapped_blocks: u64(0),
  transaction_id: u64(8),
  creation_time: u32(16),
  snapshotted_time: u32(20),
});

export const THIN_MAGIC = 27022010;
export const SUPERBLOCK_XOR = 160774;
export const BTREE_XOR = 121107;
export const NODE_INTERNAL = 1;
export const NODE_LEAF = 2;
/** Flag of the superblock: the kernel met an error and wants thin_check(8) to run. */
export const THIN_NEEDS_CHECK = 1;
/** Low bits of a mapping's value: the time it was made; the block is above them. */
export const MAPPING_TIME_BITS = 24;
