import { layout, u32, bits64 } from '../../../bytes/layout.ts';
import type { QuotaType } from './options.ts';

/**
 * Quota files of format vfsv1 (revision 1), as Linux's quota tools and "quota" feature of ext4 keep them: a header, a
 * radix tree of four levels by id, and entries in a data block. Source: the kernel's
 * include/uapi/linux/quota.h and fs/quota documentation.
 */
const QUOTA_BLOCK = 1024;
const MAGIC: Readonly<Record<QuotaType, number>> = {
  user: 0xd9c01f11,
  group: 0xd9c01927,
  project: 0xd9c03f14,
};
const WEEK = 7 * 24 * 60 * 60;
const TREE_ROOT = 1;
const TREE_LEVELS = 4;
const DATA_HEADER = 16;

const Header = layout('v2_disk_dqheader', 32, 'le', {
  dqh_magic: u32(0),
  dqh_version: u32(4),
  dqi_bgrace: u32(8),
  dqi_igrace: u32(12),
  dqi_flags: u32(16),
  dqi_blocks: u32(20),
  dqi_free_blk: u32(24),
  dqi_free_entry: u32(28),
});

const Entry = layout('v2r1_disk_dqblk', 72, 'le', {
  dqb_id: u32(0),
  dqb_pad: u32(4),
  dqb_ihardlimit: bits64(8),
  dqb_isoftlimit: bits64(16),
  dqb_curinodes: bits64(24),
  dqb_bhardlimit: bits64(32),
  dqb_bsoftlimit: bits64(40),
  dqb_curspace: bits64(48),
  dqb_btime: bits64(56),
  dqb_itime: bits64(64),
});

/** Bytes of the file of {@link quotaFile}. */
export const QUOTA_FILE_SIZE = (TREE_ROOT + TREE_LEVELS + 1) * QUOTA_BLOCK;

/** A quota file in which only id 0 owns something: so many inodes, and so many bytes. */
export function quotaFile(type: QuotaType, inodes: number, space: number): Uint8Array {
  const bytes = new Uint8Array(QUOTA_FILE_SIZE);
  const header = Header.view(bytes);
  const data = TREE_ROOT + TREE_LEVELS;
  header.dqh_magic = MAGIC[type];
  header.dqh_version = 1;
  header.dqi_bgrace = WEEK;
  header.dqi_igrace = WEEK;
  header.dqi_blocks = data + 1;
  header.dqi_free_entry = data;
  // Id 0 goes through entry 0 of each level.
  const view = new DataView(bytes.buffer);
  for (let level = 0; level < TREE_LEVELS; level++) {
    view.setUint32((TREE_ROOT + level) * QUOTA_BLOCK, TREE_ROOT + level + 1, true);
  }
  view.setUint16(data * QUOTA_BLOCK + 8, 1, true);
  const entry = Entry.view(bytes, data * QUOTA_BLOCK + DATA_HEADER);
  entry.dqb_curinodes = BigInt(inodes);
  entry.dqb_curspace = BigInt(space);
  return bytes;
}
