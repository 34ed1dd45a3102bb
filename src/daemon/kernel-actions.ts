/** The actions that a daemon has only over a Linux kernel: known without loading what implements them. */
const NAMES = `
  btrfs_balance_cancel btrfs_balance_pause btrfs_balance_resume btrfs_balance_status btrfs_device_add
  btrfs_device_delete btrfs_filesystem_balance btrfs_filesystem_defragment btrfs_filesystem_resize
  btrfs_filesystem_show btrfs_filesystem_sync btrfs_fsck btrfs_image btrfs_qgroup_assign
  btrfs_qgroup_create btrfs_qgroup_destroy btrfs_qgroup_limit btrfs_qgroup_remove btrfs_qgroup_show
  btrfs_quota_enable btrfs_quota_rescan btrfs_replace btrfs_rescue_chunk_recover
  btrfs_rescue_super_recover btrfs_scrub_cancel btrfs_scrub_full btrfs_scrub_resume btrfs_scrub_start
  btrfs_scrub_status btrfs_set_seeding btrfs_subvolume_create btrfs_subvolume_delete
  btrfs_subvolume_get_default btrfs_subvolume_list btrfs_subvolume_set_default btrfs_subvolume_show
  btrfs_subvolume_snapshot btrfstune_enable_extended_inode_refs
  btrfstune_enable_skinny_metadata_extent_refs btrfstune_seeding clevis_luks_unlock command
  command_lines command_out cryptsetup_close cryptsetup_open debug_upload dmesg extlinux f2fs_expand
  getcon grub_install inotify_add_watch inotify_close inotify_files inotify_init inotify_read
  inotify_rm_watch internal_exit internal_rhbz914931 internal_upload luks_add_key luks_close
  luks_format luks_format_cipher luks_kill_slot luks_open luks_open_ro luks_uuid md_create md_detail
  md_stat md_stop mkfs_btrfs mksquashfs modprobe mount_9p ntfs_3g_probe ntfs_chmod ntfscat_i
  ntfsclone_in ntfsclone_out ntfsfix ntfsresize ntfsresize_size rsync rsync_in rsync_out
  selinux_relabel setcon setfiles sh sh_lines sh_out swapoff_device swapoff_file swapoff_label
  swapoff_uuid swapon_device swapon_file swapon_label swapon_uuid syslinux xfs_admin xfs_growfs
  xfs_info xfs_info2 xfs_repair
`;

let names: ReadonlySet<string> | undefined;

/** True for an action that the daemon of the appliance has and the engine's has not. */
export function needsKernel(action: string): boolean {
  names ??= new Set(NAMES.trim().split(/\s+/));
  return names.has(action);
}
