/** Commands whose answers on the engine and in the appliance differ, and why: docs/backends.md says the same in words. */
export const backendDifferences: Readonly<Record<string, string>> = {
  'resize2fs /dev/sdc': 'the kernel makes a filesystem larger while it is mounted',
  'resize2fs-size /dev/sdc 1': 'so that the size is what is wrong',
  'blockdev-getbsz /dev/sdc':
    'the kernel sets the block size of a device to that of the filesystem that it mounts',
  'tune2fs-l /dev/sdc': 'the kernel notes in the superblock that it has mounted',
  'resize2fs /dev/sdb': 'the kernel makes a filesystem larger while it is mounted',
  'ls /fat': 'the kernel does not change the case of a name on FAT',
  'pvs-full': 'the text that LVM keeps tells who wrote it, so that another number of bytes is free beside it',
  'vgs-full': 'the same',
  'lvs-full': 'the kernel gives out the major number of volumes in the order in which drivers come',
  'vgmeta group': 'it is that text',
  'available-all-groups': 'the groups of the engine are those that it implements',
  'debug help ""': 'the engine has no shell to offer, and its worker is not kept',
  utsname: 'the engine runs on the kernel of the host',
  'mount-loop /etc/hostname /boot': 'the kernel cannot read a superblock out of so few bytes',
};
