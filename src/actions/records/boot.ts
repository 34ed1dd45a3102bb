import type { ActionRecord } from '../record.ts';

export const bootActions = [
  {
    name: 'grub_install',
    since: '1.0.17',
    proc: 86,
    where: 'daemon',
    args: [
      { type: 'Pathname', name: 'root' },
      { type: 'Device', name: 'device' },
    ],
    optargs: [],
    ret: { type: 'void' },
    group: 'grub',
    summary: 'install GRUB 1',
    description:
      'Installs the old GRUB boot loader of the guest on `device`, with the directory `root` of the guest as its root.',
  },
  {
    name: 'syslinux',
    since: '1.21.27',
    proc: 399,
    where: 'daemon',
    args: [{ type: 'Device', name: 'device' }],
    optargs: [{ type: 'String', name: 'directory' }],
    ret: { type: 'void' },
    group: 'syslinux',
    summary: 'install SYSLINUX',
    description:
      'Installs the SYSLINUX boot loader on a FAT filesystem that is not mounted. `directory` is where in it the loader goes. Kernel and configuration have to be put there besides, and the partition made bootable.',
  },
  {
    name: 'extlinux',
    since: '1.21.27',
    proc: 400,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'directory' }],
    optargs: [],
    ret: { type: 'void' },
    group: 'extlinux',
    summary: 'install EXTLINUX',
    description:
      'Installs the EXTLINUX boot loader in a directory of a mounted ext filesystem, usually `/boot/extlinux`. The master boot record and the configuration have to be written besides.',
  },
] as const satisfies readonly ActionRecord[];
