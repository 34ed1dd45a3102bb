import { layout, raw, u16, u32, u8 } from '../../bytes/layout.ts';

/** Page types and item types of Berkeley DB 4 and 5, dbinc/db_page.h's numbers. */
export const PAGE_HASH_UNSORTED = 2;
export const PAGE_OVERFLOW = 7;
export const PAGE_HASHMETA = 8;
export const PAGE_HASH = 13;

export const ITEM_KEYDATA = 1;
export const ITEM_OFFPAGE = 3;

export const HASH_MAGIC = 0x061561;

const hashMeta = {
  pgno: u32(8),
  magic: u32(12),
  version: u32(16),
  pagesize: u32(20),
  encrypt_alg: u8(24),
  type: u8(25),
  metaflags: u8(26),
  last_pgno: u32(32),
  max_bucket: u32(72),
  high_mask: u32(76),
  low_mask: u32(80),
  ffactor: u32(84),
  nelem: u32(88),
  /** 32 words: the first page of each doubling of the table, less its first bucket. */
  spares: raw(96, 128),
};

const page = {
  pgno: u32(8),
  prev_pgno: u32(12),
  next_pgno: u32(16),
  /** Items of a hash page; references to an overflow page. */
  entries: u16(20),
  /** First free byte before the items of a hash page; bytes of data in an overflow page. */
  hf_offset: u16(22),
  level: u8(24),
  type: u8(25),
};

const offPage = { type: u8(0), pgno: u32(4), tlen: u32(8) };

/** The structures in one byte order: a database is in that of the machine that made it. */
function structures(endian: 'le' | 'be') {
  return {
    endian,
    HashMeta: layout('db hash metadata page', 512, endian, hashMeta),
    Page: layout('db page', 26, endian, page),
    OffPage: layout('db off-page item', 12, endian, offPage),
  };
}

/** Little-endian databases, as x86 makes them. */
export const LITTLE = structures('le');
/** Big-endian databases. */
export const BIG = structures('be');
/** The structures of one byte order. */
export type Structures = typeof LITTLE;
