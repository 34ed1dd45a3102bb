import { bits64, layout, raw, u16, u32, u8 } from '../../../bytes/layout.ts';

/**
 * On-disk structures of jbd2, with the names of the Linux kernel's "ext4 Data Structures and Algorithms", section
 * "Journal (jbd2)". All big-endian.
 */

/** `h_magic` of every block that is not data. */
export const JBD2_MAGIC = 0xc03b3998;

export const BLOCK_DESCRIPTOR = 1;
export const BLOCK_COMMIT = 2;
export const BLOCK_SUPER_V1 = 3;
export const BLOCK_SUPER_V2 = 4;
export const BLOCK_REVOKE = 5;

/** `struct journal_header_s`, which begins every block that is not data. */
export const JournalHeader = layout('journal_header_s', 12, 'be', {
  h_magic: u32(0x0),
  h_blocktype: u32(0x4),
  h_sequence: u32(0x8),
});

/** `struct journal_superblock_s`. */
export const JournalSuperBlock = layout('journal_superblock_s', 1024, 'be', {
  ...JournalHeader.fields,
  s_blocksize: u32(0xc),
  s_maxlen: u32(0x10),
  s_first: u32(0x14),
  s_sequence: u32(0x18),
  s_start: u32(0x1c),
  s_errno: u32(0x20),
  s_feature_compat: u32(0x24),
  s_feature_incompat: u32(0x28),
  s_feature_ro_compat: u32(0x2c),
  s_uuid: raw(0x30, 16),
  s_nr_users: u32(0x40),
  s_dynsuper: u32(0x44),
  s_max_transaction: u32(0x48),
  s_max_trans_data: u32(0x4c),
  s_checksum_type: u8(0x50),
  s_num_fc_blks: u32(0x54),
  s_head: u32(0x58),
  s_checksum: u32(0xfc),
});

export const COMPAT_CHECKSUM = 0x1;

export const INCOMPAT_REVOKE = 0x1;
export const INCOMPAT_64BIT = 0x2;
export const INCOMPAT_ASYNC_COMMIT = 0x4;
export const INCOMPAT_CSUM_V2 = 0x8;
export const INCOMPAT_CSUM_V3 = 0x10;
export const INCOMPAT_FAST_COMMIT = 0x20;
export const INCOMPAT_KNOWN = 0x3f;

/** Blocks of the fast commit area where `s_num_fc_blks` is 0. */
export const DEFAULT_FC_BLOCKS = 256;

/** `struct commit_header`. */
export const CommitHeader = layout('commit_header', 0x3c, 'be', {
  ...JournalHeader.fields,
  h_chksum_type: u8(0xc),
  h_chksum_size: u8(0xd),
  h_chksum: u32(0x10),
  h_commit_sec: bits64(0x30),
  h_commit_nsec: u32(0x38),
});

/** `struct jbd2_journal_revoke_header_s`. */
export const RevokeHeader = layout('jbd2_journal_revoke_header_s', 16, 'be', {
  ...JournalHeader.fields,
  r_count: u32(0xc),
});

/** `struct journal_block_tag3_s`: tags of journals with checksums v3. */
export const Tag3 = layout('journal_block_tag3_s', 16, 'be', {
  t_blocknr: u32(0x0),
  t_flags: u32(0x4),
  t_blocknr_high: u32(0x8),
  t_checksum: u32(0xc),
});

/** `struct journal_block_tag_s`: all other tags. The last field is there only with 64-bit block numbers. */
export const Tag = layout('journal_block_tag_s', 8, 'be', {
  t_blocknr: u32(0x0),
  t_checksum: u16(0x4),
  t_flags: u16(0x6),
});
export const TAG_BLOCKNR_HIGH = 0x8;

export const TAG_ESCAPE = 0x1;
export const TAG_SAME_UUID = 0x2;
export const TAG_LAST = 0x8;

/** Bytes of the checksum that ends descriptor and revoke blocks. */
export const TAIL_SIZE = 4;
