/** How the engine stands to an action: the classes of {@link planned}. */
export type PlanClass = keyof typeof lists;

const lists = {
  /** Answered by the engine: everything that only reads, and what the handle does by itself. */
  read: `
    acl_get_file add_domain add_drive add_drive_ro available available_all_groups base64_out blkdiscardzeroes
    blkid blockdev_flushbufs blockdev_getbsz blockdev_getro blockdev_getsize64 blockdev_getss
    blockdev_getsz blockdev_rereadpt blockdev_setra blockdev_setro blockdev_setrw c_pointer
    canonical_device_name cap_get_file case_sensitive_path cat checksum checksum_device
    checksums_out clear_backend_setting compress_device_out compress_out config copy_out cpio_out
    device_index device_name df df_h disk_format disk_has_backing_file disk_virtual_size download
    download_offset drop_caches du echo_daemon equal exists feature_available file file_architecture
    filesize filesystem_available find find0 findfs_label findfs_partlabel findfs_partuuid
    findfs_uuid get_append get_autosync get_backend get_backend_setting get_backend_settings
    get_cachedir get_e2attrs get_e2generation get_hv get_identifier get_memsize get_network get_path
    get_pgroup get_pid get_program get_recovery_proc get_selinux get_smp get_sockdir get_state
    get_tmpdir get_trace get_umask get_verbose getxattr getxattrs glob_expand grep head head_n
    hexdump initrd_cat initrd_list inspect_get_arch inspect_get_build_id inspect_get_distro
    inspect_get_filesystems inspect_get_hostname inspect_get_icon inspect_get_major_version
    inspect_get_minor_version inspect_get_mountpoints inspect_get_osinfo inspect_get_package_format
    inspect_get_package_management inspect_get_product_name inspect_get_product_variant
    inspect_get_roots inspect_get_type inspect_list_applications2 inspect_os is_blockdev is_busy
    is_chardev is_config is_dir is_fifo is_file is_launching is_lv is_ready is_socket is_symlink
    is_whole_device is_zero is_zero_device isoinfo isoinfo_device launch lgetxattr lgetxattrs
    list_devices list_disk_labels list_dm_devices list_filesystems list_md_devices list_partitions
    ll ls ls0 lstatns lstatnslist lvm_canonical_lv_name lvm_clear_filter lvm_scan lvm_set_filter lvs
    lvs_full lvuuid lxattrlist max_disks mkmountpoint mount mount_loop mount_options mount_ro
    mount_vfs mountable_device mountable_subvolume mountpoints mounts nr_devices parse_environment
    parse_environment_list part_get_bootable part_get_disk_guid part_get_gpt_attributes
    part_get_gpt_guid part_get_gpt_type part_get_mbr_id part_get_mbr_part_type part_get_name
    part_get_parttype part_list part_to_dev part_to_partnum ping_daemon pread pread_device pvs
    pvs_full pvuuid read_file read_lines readdir readlink readlinklist realpath remount rmmountpoint
    set_append set_autosync set_backend set_backend_setting set_backend_settings set_cachedir set_hv
    set_identifier set_memsize set_network set_path set_pgroup set_program set_recovery_proc
    set_selinux set_smp set_tmpdir set_trace set_verbose sfdisk_disk_geometry sfdisk_kernel_geometry
    shutdown sleep statns statvfs strings strings_e sync tail tail_n tar_out tune2fs_l umask umount
    umount_all user_cancel utsname version vfs_label vfs_minimum_size vfs_type vfs_uuid vg_activate
    vg_activate_all vglvuuids vgmeta vgpvuuids vgs vgs_full vguuid wait_ready wc_c wc_l wc_w
    walk_out
  `,
  /** Changes an image; the engine will answer these, today only the appliance backend does. */
  write: `
    acl_delete_def_file acl_set_file add_drive_scratch base64_in blkdiscard cap_set_file chmod chown
    copy_attributes copy_device_to_device copy_device_to_file copy_file_to_device copy_file_to_file
    copy_in cp cp_a cp_r disk_create e2fsck fallocate64 fill fill_dir fill_pattern fsck fstrim
    lchown ln ln_f ln_s ln_sf lremovexattr lsetxattr lvcreate lvcreate_free lvm_remove_all lvremove
    lvrename lvresize lvresize_free mkdir mkdir_mode mkdir_p mkdtemp mke2fs mkfifo mkfs
    mklost_and_found mknod mknod_b mknod_c mkswap mkswap_file mktemp mv part_add part_del part_disk
    part_expand_gpt part_init part_resize part_set_bootable part_set_disk_guid
    part_set_disk_guid_random part_set_gpt_attributes part_set_gpt_guid part_set_gpt_type
    part_set_mbr_id part_set_name pvchange_uuid pvchange_uuid_all pvcreate pvremove pvresize
    pvresize_size pwrite pwrite_device removexattr rename resize2fs resize2fs_M resize2fs_size rm
    rm_f rm_rf rmdir scrub_device scrub_file scrub_freespace set_e2attrs set_e2generation set_label
    set_uuid set_uuid_random setxattr tar_in touch truncate truncate_size tune2fs upload
    upload_offset utimens vgchange_uuid vgchange_uuid_all vgcreate vgremove vgrename wipefs write
    write_append zero zero_device zero_free_space zerofree
  `,
  /** Reading and writing that the engine does not know yet. */
  later: `
    add_libvirt_dom aug_clear aug_close aug_defnode aug_defvar aug_get aug_init
    aug_insert aug_label aug_load aug_ls aug_match aug_mv aug_rm aug_save aug_set aug_setm
    aug_transform btrfs_filesystem_show btrfs_filesystem_sync btrfs_image btrfs_qgroup_show
    btrfs_scrub_full btrfs_scrub_start btrfs_scrub_status btrfs_set_seeding
    btrfs_subvolume_get_default btrfs_subvolume_list btrfs_subvolume_show
    btrfstune_enable_extended_inode_refs btrfstune_enable_skinny_metadata_extent_refs
    btrfstune_seeding cryptsetup_close cryptsetup_open download_blocks download_inode
    filesystem_walk find_inode get_libvirt_requested_credential_challenge
    get_libvirt_requested_credential_defresult get_libvirt_requested_credential_prompt
    get_libvirt_requested_credentials hivex_close hivex_commit hivex_node_add_child
    hivex_node_children hivex_node_delete_child hivex_node_get_child hivex_node_get_value
    hivex_node_name hivex_node_parent hivex_node_set_value hivex_node_values hivex_open hivex_root
    hivex_value_key hivex_value_string hivex_value_type hivex_value_value inspect_get_drive_mappings
    inspect_get_windows_current_control_set inspect_get_windows_group_policy
    inspect_get_windows_software_hive inspect_get_windows_system_hive inspect_get_windows_systemroot
    journal_close journal_get journal_get_data_threshold journal_get_realtime_usec journal_next
    journal_open journal_set_data_threshold journal_skip ldmtool_create_all ldmtool_diskgroup_disks
    ldmtool_diskgroup_name ldmtool_diskgroup_volumes ldmtool_remove_all ldmtool_scan
    ldmtool_scan_devices ldmtool_volume_hint ldmtool_volume_partitions ldmtool_volume_type
    list_ldm_partitions list_ldm_volumes luks_add_key luks_format luks_format_cipher luks_kill_slot
    luks_uuid md_create md_detail md_stat mkfs_btrfs mksquashfs mount_local mount_local_run
    ntfs_3g_probe ntfs_chmod ntfscat_i ntfsclone_in ntfsclone_out ntfsfix
    set_libvirt_requested_credential set_libvirt_supported_credentials setfiles umount_local
    xfs_admin xfs_info2 yara_destroy yara_load yara_scan
  `,
  /** Needs a Linux kernel or programs of the guest: for the appliance backend only. */
  appliance: `
    btrfs_balance_cancel btrfs_balance_pause btrfs_balance_resume btrfs_balance_status
    btrfs_device_add btrfs_device_delete btrfs_filesystem_balance btrfs_filesystem_defragment
    btrfs_filesystem_resize btrfs_qgroup_assign btrfs_qgroup_create btrfs_qgroup_destroy
    btrfs_qgroup_limit btrfs_qgroup_remove btrfs_quota_enable btrfs_quota_rescan btrfs_replace
    btrfs_rescue_chunk_recover btrfs_rescue_super_recover btrfs_scrub_cancel btrfs_scrub_resume
    btrfs_subvolume_create btrfs_subvolume_delete btrfs_subvolume_set_default
    btrfs_subvolume_snapshot clevis_luks_unlock command command_lines command_out dmesg extlinux
    f2fs_expand getcon grub_install inotify_add_watch inotify_close inotify_files inotify_init
    inotify_read inotify_rm_watch md_stop modprobe ntfsresize rsync rsync_in rsync_out setcon sh
    sh_lines sh_out swapoff_device swapoff_file swapoff_label swapoff_uuid swapon_device swapon_file
    swapon_label swapon_uuid syslinux xfs_growfs xfs_repair
  `,
  /** Deprecated names; each works where its replacement does. */
  alias: `
    add_cdrom add_drive_ro_with_if add_drive_with_if blockdev_setbsz btrfs_fsck copy_size dd
    e2fsck_f egrep egrepi fallocate fgrep fgrepi get_attach_method get_direct get_e2label get_e2uuid
    get_qemu grepi hivex_value_utf8 inspect_get_format inspect_is_live inspect_is_multipart
    inspect_is_netinst inspect_list_applications kill_subprocess list_9p llz lstat lstatlist
    luks_close luks_open luks_open_ro mke2fs_J mke2fs_JL mke2fs_JU mke2journal mke2journal_L
    mke2journal_U mkfs_b mkswap_L mkswap_U mount_9p ntfsresize_size remove_drive selinux_relabel
    set_attach_method set_direct set_e2label set_e2uuid set_qemu sfdisk sfdiskM sfdisk_N sfdisk_l
    stat tgz_in tgz_out txz_in txz_out vgscan write_file xfs_info zegrep zegrepi zfgrep zfgrepi
    zfile zgrep zgrepi
  `,
  /** For the parts of this package and of libguestfs among themselves, and for debugging. */
  internal: `
    debug debug_drives debug_upload internal_autosync internal_exit internal_feature_available
    internal_filesystem_walk internal_find_inode internal_journal_get internal_list_rpm_applications
    internal_lstatnslist internal_lxattrlist internal_parse_mountable internal_readdir
    internal_readlinklist internal_rhbz914931 internal_upload internal_write internal_write_append
    internal_yara_scan
  `,
} as const;

let classes: Map<string, PlanClass> | undefined;

/** The class of an action; undefined for a name that is none. */
export function planned(action: string): PlanClass | undefined {
  if (classes === undefined) {
    classes = new Map();
    for (const [name, list] of Object.entries(lists)) {
      for (const item of list.trim().split(/\s+/)) classes.set(item, name as PlanClass);
    }
  }
  return classes.get(action);
}
