import { layout, raw, u16, u32, u8 } from '../../bytes/layout.ts';

/**
 * Structures of FAT12, FAT16 and FAT32. Source: Microsoft, FAT: General Overview of On-Disk Format 1.03 (names are
 * its), and for long names Microsoft, Long Filename Specification 0.5.
 */

/** The boot sector with its BIOS parameter block. */
export const BootSector = layout('FAT boot sector', 512, 'le', {
  BS_jmpBoot: raw(0, 3),
  BS_OEMName: raw(3, 8),
  BPB_BytsPerSec: u16(11),
  BPB_SecPerClus: u8(13),
  BPB_RsvdSecCnt: u16(14),
  BPB_NumFATs: u8(16),
  BPB_RootEntCnt: u16(17),
  BPB_TotSec16: u16(19),
  BPB_Media: u8(21),
  BPB_FATSz16: u16(22),
  BPB_SecPerTrk: u16(24),
  BPB_NumHeads: u16(26),
  BPB_HiddSec: u32(28),
  BPB_TotSec32: u32(32),
  BS_DrvNum: u8(36),
  /** FAT12 and FAT16: bit 0 is set while mounted for writing. */
  BS_Reserved1: u8(37),
  BS_BootSig: u8(38),
  BS_VolID: u32(39),
  BS_VolLab: raw(43, 11),
  BS_FilSysType: raw(54, 8),
  BPB_FATSz32: u32(36),
  BPB_ExtFlags: u16(40),
  BPB_FSVer: u16(42),
  BPB_RootClus: u32(44),
  BPB_FSInfo: u16(48),
  BPB_BkBootSec: u16(50),
  BS_DrvNum_32: u8(64),
  /** FAT32: as BS_Reserved1. */
  BS_Reserved1_32: u8(65),
  BS_BootSig_32: u8(66),
  BS_VolID_32: u32(67),
  BS_VolLab_32: raw(71, 11),
  BS_FilSysType_32: raw(82, 8),
  Signature_word: u16(510),
});

/** Signature_word of a boot sector and, as its upper half, FSI_TrailSig. */
export const BOOT_SIGNATURE = 0xaa55;

/** FAT32: what is known of free clusters. */
export const InformationSector = layout('FAT information sector', 512, 'le', {
  FSI_LeadSig: u32(0),
  FSI_StrucSig: u32(484),
  /** Free clusters, or 0xffffffff. */
  FSI_Free_Count: u32(488),
  /** Cluster that was allocated last, where the search for free ones goes on, or 0xffffffff. */
  FSI_Nxt_Free: u32(492),
  FSI_TrailSig: u32(508),
});

export const FSI_LEAD_SIGNATURE = 0x41615252;
export const FSI_STRUCTURE_SIGNATURE = 0x61417272;
export const FSI_TRAIL_SIGNATURE = 0xaa550000;

/** Bytes in a directory entry, short or long. */
export const ENTRY = 32;

/** Offsets in a short directory entry, for code that reads many. */
export const Entry = {
  DIR_Attr: 11,
  DIR_NTRes: 12,
  DIR_CrtTimeTenth: 13,
  DIR_CrtTime: 14,
  DIR_CrtDate: 16,
  DIR_LstAccDate: 18,
  DIR_FstClusHI: 20,
  DIR_WrtTime: 22,
  DIR_WrtDate: 24,
  DIR_FstClusLO: 26,
  DIR_FileSize: 28,
} as const;

/** Offsets in an entry that holds 13 characters of a long name. */
export const LongEntry = { LDIR_Ord: 0, LDIR_Attr: 11, LDIR_Chksum: 13 } as const;

/** Where the 13 characters of a long entry are. */
export const LONG_CHARACTERS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;

/** Set in LDIR_Ord of the part that is stored first, which is the end of the name. */
export const LAST_LONG_ENTRY = 0x40;
/** Parts that a name of 255 characters has. */
export const MAX_LONG_ENTRIES = 20;

export const ATTR_READ_ONLY = 0x01;
export const ATTR_HIDDEN = 0x02;
export const ATTR_SYSTEM = 0x04;
export const ATTR_VOLUME_ID = 0x08;
export const ATTR_DIRECTORY = 0x10;
/** Written since the last backup. */
export const ATTR_ARCHIVE = 0x20;
/** All four low bits: this is a part of a long name. */
export const ATTR_LONG_NAME = 0x0f;

/** First byte of a deleted entry. */
export const DELETED = 0xe5;
/** Stands for 0xe5 where a name begins with that character. */
export const KANJI_E5 = 0x05;

/** DIR_NTRes: base name, or extension, is shown in lower case. */
export const LOWER_BASE = 0x08;
export const LOWER_EXTENSION = 0x10;
