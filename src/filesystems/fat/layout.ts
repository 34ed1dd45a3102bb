import { layout, u16, u32, u8 } from '../../bytes/layout.ts';

/**
 * Structures of FAT12, FAT16 and FAT32. Source: Microsoft, FAT: General Overview of On-Disk Format 1.03 (names are
 * its), and for long names Microsoft, Long Filename Specification 0.5.
 */

/** The boot sector with its BIOS parameter block. */
export const BootSector = layout('FAT boot sector', 512, 'le', {
  BPB_BytsPerSec: u16(11),
  BPB_SecPerClus: u8(13),
  BPB_RsvdSecCnt: u16(14),
  BPB_NumFATs: u8(16),
  BPB_RootEntCnt: u16(17),
  BPB_TotSec16: u16(19),
  BPB_Media: u8(21),
  BPB_FATSz16: u16(22),
  BPB_TotSec32: u32(32),
  /** FAT12 and FAT16: bit 0 is set while mounted for writing. */
  BS_Reserved1: u8(37),
  BS_VolID: u32(39),
  BPB_FATSz32: u32(36),
  BPB_ExtFlags: u16(40),
  BPB_FSVer: u16(42),
  BPB_RootClus: u32(44),
  BPB_FSInfo: u16(48),
  /** FAT32: as BS_Reserved1. */
  BS_Reserved1_32: u8(65),
  BS_VolID_32: u32(67),
});

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
export const LongEntry = { LDIR_Ord: 0, LDIR_Chksum: 13 } as const;

/** Where the 13 characters of a long entry are. */
export const LONG_CHARACTERS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;

/** Set in LDIR_Ord of the part that is stored first, which is the end of the name. */
export const LAST_LONG_ENTRY = 0x40;
/** Parts that a name of 255 characters has. */
export const MAX_LONG_ENTRIES = 20;

export const ATTR_READ_ONLY = 0x01;
export const ATTR_VOLUME_ID = 0x08;
export const ATTR_DIRECTORY = 0x10;
/** All four low bits: this is a part of a long name. */
export const ATTR_LONG_NAME = 0x0f;

/** First byte of a deleted entry. */
export const DELETED = 0xe5;
/** Stands for 0xe5 where a name begins with that character. */
export const KANJI_E5 = 0x05;

/** DIR_NTRes: base name, or extension, is shown in lower case. */
export const LOWER_BASE = 0x08;
export const LOWER_EXTENSION = 0x10;
