import { layout, raw, u16, u32, u64, u8, type Field, type ViewOf } from '../../bytes/layout.ts';

/**
 * On-disk structures of ext2, ext3 and ext4, with the names of the Linux kernel's "ext4 Data Structures and
 * Algorithms" (Documentation/filesystems/ext4). All little-endian.
 */

/** Byte offset of the primary superblock, whatever the block size. */
export const SUPERBLOCK_OFFSET = 1024;
/** Value of `s_magic`. */
export const EXT_MAGIC = 0xef53;

/** A run of equal fields. */
const u32s = (offset: number, count: number): Field<number[]> => ({
  offset,
  size: count * 4,
  get: (v, le) => Array.from({ length: count }, (_, i) => v.data.getUint32(v.base + offset + i * 4, le)),
  set: (v, value, le) => {
    for (let i = 0; i < count; i++) v.data.setUint32(v.base + offset + i * 4, value[i] ?? 0, le);
  },
});

/** `struct ext4_super_block`. */
export const SuperBlock = layout('ext4_super_block', 1024, 'le', {
  s_inodes_count: u32(0x0),
  s_blocks_count_lo: u32(0x4),
  s_r_blocks_count_lo: u32(0x8),
  s_free_blocks_count_lo: u32(0xc),
  s_free_inodes_count: u32(0x10),
  s_first_data_block: u32(0x14),
  s_log_block_size: u32(0x18),
  s_log_cluster_size: u32(0x1c),
  s_blocks_per_group: u32(0x20),
  s_clusters_per_group: u32(0x24),
  s_inodes_per_group: u32(0x28),
  s_mtime: u32(0x2c),
  s_wtime: u32(0x30),
  s_mnt_count: u16(0x34),
  s_max_mnt_count: u16(0x36),
  s_magic: u16(0x38),
  s_state: u16(0x3a),
  s_errors: u16(0x3c),
  s_minor_rev_level: u16(0x3e),
  s_lastcheck: u32(0x40),
  s_checkinterval: u32(0x44),
  s_creator_os: u32(0x48),
  s_rev_level: u32(0x4c),
  s_def_resuid: u16(0x50),
  s_def_resgid: u16(0x52),
  s_first_ino: u32(0x54),
  s_inode_size: u16(0x58),
  s_block_group_nr: u16(0x5a),
  s_feature_compat: u32(0x5c),
  s_feature_incompat: u32(0x60),
  s_feature_ro_compat: u32(0x64),
  s_uuid: raw(0x68, 16),
  s_volume_name: raw(0x78, 16),
  s_last_mounted: raw(0x88, 64),
  s_algorithm_usage_bitmap: u32(0xc8),
  s_prealloc_blocks: u8(0xcc),
  s_prealloc_dir_blocks: u8(0xcd),
  s_reserved_gdt_blocks: u16(0xce),
  s_journal_uuid: raw(0xd0, 16),
  s_journal_inum: u32(0xe0),
  s_journal_dev: u32(0xe4),
  s_last_orphan: u32(0xe8),
  s_hash_seed: u32s(0xec, 4),
  s_def_hash_version: u8(0xfc),
  s_jnl_backup_type: u8(0xfd),
  s_desc_size: u16(0xfe),
  s_default_mount_opts: u32(0x100),
  s_first_meta_bg: u32(0x104),
  s_mkfs_time: u32(0x108),
  s_jnl_blocks: u32s(0x10c, 17),
  s_blocks_count_hi: u32(0x150),
  s_r_blocks_count_hi: u32(0x154),
  s_free_blocks_count_hi: u32(0x158),
  s_min_extra_isize: u16(0x15c),
  s_want_extra_isize: u16(0x15e),
  s_flags: u32(0x160),
  s_raid_stride: u16(0x164),
  s_mmp_interval: u16(0x166),
  s_mmp_block: u64(0x168),
  s_raid_stripe_width: u32(0x170),
  s_log_groups_per_flex: u8(0x174),
  s_checksum_type: u8(0x175),
  s_encryption_level: u8(0x176),
  s_kbytes_written: u64(0x178),
  s_snapshot_inum: u32(0x180),
  s_snapshot_id: u32(0x184),
  s_snapshot_r_blocks_count: u64(0x188),
  s_snapshot_list: u32(0x190),
  s_error_count: u32(0x194),
  s_first_error_time: u32(0x198),
  s_first_error_ino: u32(0x19c),
  s_first_error_block: u64(0x1a0),
  s_first_error_func: raw(0x1a8, 32),
  s_first_error_line: u32(0x1c8),
  s_last_error_time: u32(0x1cc),
  s_last_error_ino: u32(0x1d0),
  s_last_error_line: u32(0x1d4),
  s_last_error_block: u64(0x1d8),
  s_last_error_func: raw(0x1e0, 32),
  s_mount_opts: raw(0x200, 64),
  s_usr_quota_inum: u32(0x240),
  s_grp_quota_inum: u32(0x244),
  s_overhead_blocks: u32(0x248),
  s_backup_bgs: u32s(0x24c, 2),
  s_encrypt_algos: raw(0x254, 4),
  s_encrypt_pw_salt: raw(0x258, 16),
  s_lpf_ino: u32(0x268),
  s_prj_quota_inum: u32(0x26c),
  s_checksum_seed: u32(0x270),
  s_wtime_hi: u8(0x274),
  s_mtime_hi: u8(0x275),
  s_mkfs_time_hi: u8(0x276),
  s_lastcheck_hi: u8(0x277),
  s_first_error_time_hi: u8(0x278),
  s_last_error_time_hi: u8(0x279),
  s_first_error_errcode: u8(0x27a),
  s_last_error_errcode: u8(0x27b),
  s_encoding: u16(0x27c),
  s_encoding_flags: u16(0x27e),
  s_orphan_file_inum: u32(0x280),
  s_checksum: u32(0x3fc),
});
/** A superblock in place. */
export type SuperBlockView = ViewOf<typeof SuperBlock>;

/** Offset of `s_checksum`, the end of what it covers. */
export const SUPERBLOCK_CHECKSUM_OFFSET = 0x3fc;

/** First 32 bytes of `struct ext4_group_desc`: all there is without 64bit. */
const GroupDesc = layout('ext4_group_desc', 32, 'le', {
  bg_block_bitmap_lo: u32(0x0),
  bg_inode_bitmap_lo: u32(0x4),
  bg_inode_table_lo: u32(0x8),
  bg_free_blocks_count_lo: u16(0xc),
  bg_free_inodes_count_lo: u16(0xe),
  bg_used_dirs_count_lo: u16(0x10),
  bg_flags: u16(0x12),
  bg_exclude_bitmap_lo: u32(0x14),
  bg_block_bitmap_csum_lo: u16(0x18),
  bg_inode_bitmap_csum_lo: u16(0x1a),
  bg_itable_unused_lo: u16(0x1c),
  bg_checksum: u16(0x1e),
});

/** The whole of `struct ext4_group_desc`, where 64bit is set. */
export const GroupDesc64 = layout('ext4_group_desc', 64, 'le', {
  ...GroupDesc.fields,
  bg_block_bitmap_hi: u32(0x20),
  bg_inode_bitmap_hi: u32(0x24),
  bg_inode_table_hi: u32(0x28),
  bg_free_blocks_count_hi: u16(0x2c),
  bg_free_inodes_count_hi: u16(0x2e),
  bg_used_dirs_count_hi: u16(0x30),
  bg_itable_unused_hi: u16(0x32),
  bg_exclude_bitmap_hi: u32(0x34),
  bg_block_bitmap_csum_hi: u16(0x38),
  bg_inode_bitmap_csum_hi: u16(0x3a),
});

/** Offsets in `struct ext4_inode`, which is read in place: a walk touches every one of them. */
export const Inode = {
  i_mode: 0x0,
  i_uid: 0x2,
  i_size_lo: 0x4,
  i_atime: 0x8,
  i_ctime: 0xc,
  i_mtime: 0x10,
  i_dtime: 0x14,
  i_gid: 0x18,
  i_links_count: 0x1a,
  i_blocks_lo: 0x1c,
  i_flags: 0x20,
  l_i_version: 0x24,
  i_block: 0x28,
  i_generation: 0x64,
  i_file_acl_lo: 0x68,
  i_size_high: 0x6c,
  l_i_blocks_high: 0x74,
  l_i_file_acl_high: 0x76,
  l_i_uid_high: 0x78,
  l_i_gid_high: 0x7a,
  l_i_checksum_lo: 0x7c,
  i_extra_isize: 0x80,
  i_checksum_hi: 0x82,
  i_ctime_extra: 0x84,
  i_mtime_extra: 0x88,
  i_atime_extra: 0x8c,
  i_crtime: 0x90,
  i_crtime_extra: 0x94,
  i_version_hi: 0x98,
  i_projid: 0x9c,
} as const;

/** Bytes of the inode of revision 0, and of the part that every inode has. */
export const GOOD_OLD_INODE_SIZE = 128;
/** Bytes of `i_block`. */
export const I_BLOCK_SIZE = 60;

/** Bits of `i_flags` that change how an inode is read. */
export const INODE_ENCRYPT = 0x800;
export const INODE_INDEX = 0x1000;
export const INODE_HUGE_FILE = 0x40000;
export const INODE_EXTENTS = 0x80000;
export const INODE_EA_INODE = 0x200000;
export const INODE_INLINE_DATA = 0x10000000;
export const INODE_CASEFOLD = 0x40000000;

// Type bits of `i_mode`.
export {
  fileTypeOf,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../mode.ts';

/** Number of the root directory. */
export const ROOT_INODE = 2;

/** `eh_magic` of an extent tree node. */
export const EXTENT_MAGIC = 0xf30a;
/** Deepest extent tree that the format can need; `eh_depth` may not exceed it. */
export const EXTENT_MAX_DEPTH = 5;
/** `ee_len` above this marks an unwritten extent of `ee_len - 32768` blocks. */
export const EXTENT_INIT_MAX_LEN = 32768;

/** `h_magic` of both kinds of extended attribute headers. */
export const XATTR_MAGIC = 0xea020000;
/** Bytes of `struct ext4_xattr_header`. */
export const XATTR_BLOCK_HEADER_SIZE = 32;
/** Bytes of `struct ext4_xattr_entry` before the name. */
export const XATTR_ENTRY_SIZE = 16;

/** `det_reserved_ft` of a directory block's checksum tail, and the bytes of that tail. */
export const DIRENT_TAIL_TYPE = 0xde;
export const DIRENT_TAIL_SIZE = 12;
