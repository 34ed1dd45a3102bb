import { bits64, layout, raw, u32, u64 } from '../../bytes/layout.ts';

/** Source: UEFI specification 2.10, table 5.5. */
export const GptHeader = layout('GPT header', 92, 'le', {
  signature: raw(0, 8),
  revision: u32(8),
  header_size: u32(12),
  header_crc32: u32(16),
  my_lba: u64(24),
  alternate_lba: u64(32),
  first_usable_lba: u64(40),
  last_usable_lba: u64(48),
  disk_guid: raw(56, 16),
  partition_entry_lba: u64(72),
  number_of_partition_entries: u32(80),
  size_of_partition_entry: u32(84),
  partition_entry_array_crc32: u32(88),
});

/** Source: UEFI specification 2.10, table 5.6. */
export const GptEntry = layout('GPT partition entry', 128, 'le', {
  partition_type_guid: raw(0, 16),
  unique_partition_guid: raw(16, 16),
  starting_lba: bits64(32),
  ending_lba: bits64(40),
  attributes: bits64(48),
  partition_name: raw(56, 72),
});

/** `EFI PART` */
export const GPT_SIGNATURE = Uint8Array.of(0x45, 0x46, 0x49, 0x20, 0x50, 0x41, 0x52, 0x54);

/** UTF-16 units of a partition's name. */
export const NAME_UNITS = 36;
/** Type of an EFI system partition. */
export const ESP_TYPE = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
/** Type of a partition with a Linux filesystem, which parted(8) gives to new ones. */
export const LINUX_TYPE = '0fc63daf-8483-4772-8e79-3d69d8477de4';
