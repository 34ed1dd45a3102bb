import { bits64, layout, u16, u32, u64, u8, type ViewOf } from '../../bytes/layout.ts';

/** Largest L1 table in bytes, as QEMU sets it. */
export const MAX_L1_BYTES = 32 * 1024 * 1024;

/*
 * On-disk structures of qcow2, all big-endian.
 * Source: QEMU, docs/interop/qcow2.txt (the format's specification).
 */

/** "QFI\xfb". */
export const QCOW_MAGIC = 0x514649fb;

/** Header of a version 2 image, and the first 72 bytes of every later one. */
export const QcowHeader = layout('qcow2 header', 72, 'be', {
  magic: u32(0),
  version: u32(4),
  backing_file_offset: u64(8),
  backing_file_size: u32(16),
  cluster_bits: u32(20),
  size: u64(24),
  crypt_method: u32(32),
  l1_size: u32(36),
  l1_table_offset: u64(40),
  refcount_table_offset: u64(48),
  refcount_table_clusters: u32(56),
  nb_snapshots: u32(60),
  snapshots_offset: u64(64),
});

/** What version 3 adds; offsets count from the start of the file. */
export const QcowHeaderV3 = layout('qcow2 header', 104, 'be', {
  incompatible_features: bits64(72),
  compatible_features: bits64(80),
  autoclear_features: bits64(88),
  refcount_order: u32(96),
  header_length: u32(100),
});

/** Additional fields, present where `header_length` covers them. */
export const COMPRESSION_TYPE_OFFSET = 104;

/** Header of a header extension; the data follow, padded to 8 bytes. */
export const HeaderExtension = layout('qcow2 header extension', 8, 'be', {
  type: u32(0),
  length: u32(4),
});

/** Types of header extensions. */
export const EXTENSION = {
  END: 0,
  BACKING_FORMAT: 0xe2792aca,
  FEATURE_NAMES: 0x6803f857,
  BITMAPS: 0x23852875,
  FULL_DISK_ENCRYPTION: 0x0537be77,
  DATA_FILE: 0x44415441,
} as const;

/** One entry of the feature name table: type, bit, 46 bytes of name. */
export const FeatureName = layout('qcow2 feature name', 48, 'be', { type: u8(0), bit: u8(1) });

/** Bits of `incompatible_features`. */
export const INCOMPATIBLE = {
  DIRTY: 1n << 0n,
  CORRUPT: 1n << 1n,
  DATA_FILE: 1n << 2n,
  COMPRESSION_TYPE: 1n << 3n,
  EXTENDED_L2: 1n << 4n,
} as const;

/** Bits of `compatible_features`. */
export const COMPATIBLE = { LAZY_REFCOUNTS: 1n << 0n } as const;

/** Bits of `autoclear_features`. */
export const AUTOCLEAR = { BITMAPS: 1n << 0n, RAW_DATA_FILE: 1n << 1n } as const;

/** Fixed part of an entry of the snapshot table; extra data, id and name follow, padded to 8 bytes. */
export const SnapshotHeader = layout('qcow2 snapshot', 40, 'be', {
  l1_table_offset: u64(0),
  l1_size: u32(8),
  id_str_size: u16(12),
  name_size: u16(14),
  date_sec: u32(16),
  date_nsec: u32(20),
  vm_clock_nsec: bits64(24),
  vm_state_size: u32(32),
  extra_data_size: u32(36),
});

/** Extra data of a snapshot, as far as the image has them. */
export const SnapshotExtra = layout('qcow2 snapshot extra data', 16, 'be', {
  vm_state_size_large: u64(0),
  disk_size: u64(8),
});

/** Bit 63 of an L1 or L2 entry, in its upper word: the refcount is exactly one. */
export const COPIED_HIGH = 0x80000000;
/** Bit 62 of an L2 entry, in its upper word. */
export const COMPRESSED_HIGH = 0x40000000;
/** Bits 32 to 55 of an L1 or L2 entry, in its upper word. */
export const OFFSET_HIGH = 0x00ffffff;
/** Bits 9 to 31 of an L1 or L2 entry, in its lower word. */
export const OFFSET_LOW = 0xfffffe00;
/** Bit 0 of a standard L2 entry: reads as zeroes. */
export const ZERO_LOW = 1;

/** View type of the header. */
export type QcowHeaderView = ViewOf<typeof QcowHeader>;
