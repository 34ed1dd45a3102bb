import { layout, u16, u32, u64 } from '../../../../bytes/layout.ts';

/**
 * Quota files of the format vfsv1 (version 2, revision 1), which the feature `quota` uses: blocks of 1 KiB, in which a
 * tree of four levels leads from an identifier, eight bits at a time, to the block with its entry. Little-endian.
 *
 * Source: the Linux kernel's include of the quota format (structure and field names), quotactl(2).
 */
export const QUOTA_BLOCK_SIZE = 1024;

/** `dqh_magic` by kind of quota: of users, groups, projects. */
export const QUOTA_MAGICS = [0xd9c01f11, 0xd9c01927, 0xd9c03f14] as const;
/** `dqh_version` of revision 1. */
export const QUOTA_VERSION = 1;

/** `struct v2_disk_dqheader` and the `struct v2_disk_dqinfo` that follows it: block 0. */
export const QuotaHeader = layout('v2_disk_dqheader', 32, 'le', {
  dqh_magic: u32(0x0),
  dqh_version: u32(0x4),
  dqi_bgrace: u32(0x8),
  dqi_igrace: u32(0xc),
  dqi_flags: u32(0x10),
  dqi_blocks: u32(0x14),
  dqi_free_blk: u32(0x18),
  dqi_free_entry: u32(0x1c),
});

/** The root of the tree. */
export const QUOTA_ROOT = 1;
/** Levels of the tree above the blocks with entries. */
export const QUOTA_DEPTH = 4;

/** `struct qt_disk_dqdbheader`, which begins a block with entries, or one that is free. */
export const QuotaBlock = layout('qt_disk_dqdbheader', 16, 'le', {
  dqdh_next_free: u32(0x0),
  dqdh_prev_free: u32(0x4),
  dqdh_entries: u16(0x8),
});

/** `struct v2r1_disk_dqblk`: an entry. One that is all zeroes is not in use. */
export const QuotaEntry = layout('v2r1_disk_dqblk', 72, 'le', {
  dqb_id: u32(0x0),
  dqb_ihardlimit: u64(0x8),
  dqb_isoftlimit: u64(0x10),
  dqb_curinodes: u64(0x18),
  dqb_bhardlimit: u64(0x20),
  dqb_bsoftlimit: u64(0x28),
  dqb_curspace: u64(0x30),
  dqb_btime: u64(0x38),
  dqb_itime: u64(0x40),
});

/** Entries that a block has room for. */
export const QUOTA_ENTRIES = Math.floor((QUOTA_BLOCK_SIZE - QuotaBlock.size) / QuotaEntry.size);
