import { layout, raw, u16, u32, u8 } from '../../bytes/layout.ts';

/** One of the four entries of an MBR or EBR. CHS fields are written and not read: every tool of this century goes by LBA. */
export const MbrEntry = layout('MBR partition entry', 16, 'le', {
  boot_indicator: u8(0),
  starting_chs: raw(1, 3),
  os_type: u8(4),
  ending_chs: raw(5, 3),
  starting_lba: u32(8),
  size_in_lba: u32(12),
});

/** Master boot record. Source: UEFI specification 2.10, table 5.1. */
export const Mbr = layout('MBR', 512, 'le', {
  boot_code: raw(0, 440),
  unique_mbr_disk_signature: u32(440),
  partition_record: raw(446, 64),
  signature: u16(510),
});

export const MBR_SIGNATURE = 0xaa55;
/** Entry that covers a disk with a GPT. */
export const TYPE_GPT_PROTECTIVE = 0xee;

/** What a new partition is. */
export const TYPE_LINUX = 0x83;
/** What a new extended partition is. */
export const TYPE_EXTENDED_LBA = 0x0f;
/** What the link of an EBR is. */
export const TYPE_EXTENDED = 0x05;

const EXTENDED_TYPES: readonly number[] = [0x05, 0x0f, 0x85];

/** True for the id bytes that mean a chain of logical partitions: DOS, LBA and Linux extended. */
export function isExtendedType(type: number): boolean {
  return EXTENDED_TYPES.includes(type);
}

/** An entry, decoded; start and size in sectors. */
export interface MbrRecord {
  bootIndicator: number;
  type: number;
  start: number;
  size: number;
}

/** The four entries of a 512-byte MBR or EBR. */
export function mbrRecords(sector: Uint8Array): MbrRecord[] {
  const records: MbrRecord[] = [];
  const view = MbrEntry.view(sector, 446);
  for (let slot = 0; slot < 4; slot++) {
    MbrEntry.aim(view, 446 + slot * 16);
    records.push({
      bootIndicator: view.boot_indicator,
      type: view.os_type,
      start: view.starting_lba,
      size: view.size_in_lba,
    });
  }
  return records;
}
