import { layout, raw, u16, u32, u8 } from '../../bytes/layout.ts';

/** "SQLite format 3" and a NUL, the first 16 bytes of a database. */
export const MAGIC = 'SQLite format 3\0';

/** Database header, file format section 1.3. */
export const DatabaseHeader = layout('sqlite database header', 100, 'be', {
  magic: raw(0, 16),
  /** 1 stands for 65536. */
  pageSize: u16(16),
  writeVersion: u8(18),
  /** 1 rollback journal, 2 WAL. */
  readVersion: u8(19),
  reservedSpace: u8(20),
  fileChangeCounter: u32(24),
  databasePages: u32(28),
  textEncoding: u32(56),
  versionValidFor: u32(92),
});

/** Write-ahead log header, file format section 4.1. */
export const WalHeader = layout('sqlite WAL header', 32, 'be', {
  magic: u32(0),
  version: u32(4),
  pageSize: u32(8),
  checkpoint: u32(12),
  salt1: u32(16),
  salt2: u32(20),
  checksum1: u32(24),
  checksum2: u32(28),
});

/** Header of a frame in the write-ahead log. */
export const WalFrame = layout('sqlite WAL frame', 24, 'be', {
  page: u32(0),
  /** Pages of the database after the commit, or 0 where this frame commits nothing. */
  commitPages: u32(4),
  salt1: u32(8),
  salt2: u32(12),
  checksum1: u32(16),
  checksum2: u32(20),
});

/** Last two bits of the WAL magic: the byte order of the words that are summed. */
export const WAL_MAGIC_LITTLE = 0x377f0682;
export const WAL_MAGIC_BIG = 0x377f0683;
export const WAL_VERSION = 3007000;

/** Kinds of b-tree pages, file format section 1.6. */
export const PAGE_INTERIOR_TABLE = 0x05;
export const PAGE_LEAF_TABLE = 0x0d;
