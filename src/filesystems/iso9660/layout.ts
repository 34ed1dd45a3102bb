import { layout, raw, u16, u32, u8 } from '../../bytes/layout.ts';

/**
 * Structures of ISO 9660. Source: ECMA-119 4th edition; Joliet Specification 1995; IEEE P1281 (SUSP 1.12) and P1282
 * (RRIP 1.12). Names follow Linux, which shortens the standard's. Numbers are stored in both byte orders; the
 * little-endian half is read, as Linux does.
 */

/** Bytes in a logical sector: volume descriptors have one each, wherever logical blocks are smaller. */
export const SECTOR = 2048;
/** Sector of the first volume descriptor. */
export const FIRST_DESCRIPTOR = 16;
/** Sectors that are searched for descriptors. */
export const DESCRIPTORS = 84;

export const TYPE_PRIMARY = 1;
export const TYPE_SUPPLEMENTARY = 2;
export const TYPE_END = 255;

/** A primary or supplementary volume descriptor (8.4, 8.5). */
export const VolumeDescriptor = layout('iso9660 volume descriptor', SECTOR, 'le', {
  type: u8(0),
  id: raw(1, 5),
  version: u8(6),
  flags: u8(7),
  system_id: raw(8, 32),
  volume_id: raw(40, 32),
  volume_space_size: u32(80),
  escape_sequences: raw(88, 32),
  volume_set_size: u16(120),
  volume_sequence_number: u16(124),
  logical_block_size: u16(128),
  root_directory_record: raw(156, 34),
  volume_set_id: raw(190, 128),
  publisher_id: raw(318, 128),
  preparer_id: raw(446, 128),
  application_id: raw(574, 128),
  copyright_file_id: raw(702, 37),
  abstract_file_id: raw(739, 37),
  bibliographic_file_id: raw(776, 37),
  creation_date: raw(813, 17),
  modification_date: raw(830, 17),
  expiration_date: raw(847, 17),
  effective_date: raw(864, 17),
});

/** Offsets in a directory record (9.1), for code that reads many. */
export const Record = {
  length: 0,
  ext_attr_length: 1,
  extent: 2,
  size: 10,
  date: 18,
  flags: 25,
  file_unit_size: 26,
  interleave: 27,
  name_len: 32,
  name: 33,
} as const;

/** Bytes of a directory record before its name. */
export const RECORD_HEADER = 33;

/** File flags (9.1.6). */
export const FLAG_HIDDEN = 0x01;
export const FLAG_DIRECTORY = 0x02;
export const FLAG_ASSOCIATED = 0x04;
/** Another record of the same file follows. */
export const FLAG_MULTI_EXTENT = 0x80;
