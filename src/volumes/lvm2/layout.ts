import { layout, raw, u32, u64 } from '../../bytes/layout.ts';

/**
 * On-disk structures of an LVM2 physical volume; all little-endian. Source: the LVM2 on-disk format as libyal's
 * "Logical Volume Manager (LVM) format" (Joachim Metz) describes it, checked against what pvcreate(8) writes. Sectors
 * here are 512 bytes whatever the device has.
 */
export const SECTOR = 512;

/** In one of the first four sectors. `crc_xl` covers the sector from `offset_xl`'s own field to its end. */
export const LabelHeader = layout('LVM2 label_header', 32, 'le', {
  id: raw(0, 8),
  sector_xl: u64(8),
  crc_xl: u32(16),
  offset_xl: u32(20),
  type: raw(24, 8),
});

/** Follows the label; then the lists of data and metadata areas, and since 2.02.99 an extension. */
export const PvHeader = layout('LVM2 pv_header', 40, 'le', {
  pv_uuid: raw(0, 32),
  device_size_xl: u64(32),
});

/** Place and size of an area in bytes; offset 0 ends a list. A size of 0 reaches to the end of the device. */
export const DiskLocation = layout('LVM2 disk_locn', 16, 'le', { offset: u64(0), size: u64(8) });

/** Follows the lists of areas. */
export const PvHeaderExtension = layout('LVM2 pv_header_extension', 8, 'le', {
  version: u32(0),
  flags: u32(4),
});

/** First sector of a metadata area. `checksum_xl` covers the sector behind itself. */
export const MetadataHeader = layout('LVM2 mda_header', 40, 'le', {
  checksum_xl: u32(0),
  magic: raw(4, 16),
  version: u32(20),
  start: u64(24),
  size: u64(32),
});

/** Where in a metadata area a text lies; the first one is the committed text. Offset 0 ends the list. */
export const RawLocation = layout('LVM2 raw_locn', 24, 'le', {
  offset: u64(0),
  size: u64(8),
  checksum: u32(16),
  flags: u32(20),
});

export const LABEL_ID = 'LABELONE';
export const LABEL_TYPE = 'LVM2 001';
/** Start value of LVM's CRC-32, which is not inverted at the end. */
export const CRC_START = 0xf597a6cf;
export const METADATA_MAGIC = ' LVM2 x[5A%r0N*>';
export const METADATA_HEADER_SIZE = 512;
/** Flag of a raw_locn: the area is not in use (`pvchange --metadataignore y`). */
export const RAW_LOCATION_IGNORED = 1;
/** Flag of the extension: the PV is in use by a volume group. */
export const PV_EXTENSION_USED = 1;
