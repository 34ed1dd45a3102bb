import {
  generalOptions,
  keyOptions,
  liveOption,
  mountOption,
  writingDriveOptions,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

/** Options that old scripts give because the stock tools hand them on to guestfish. */
const fishOptions: readonly OptionSpec[] = [
  { name: 'inspector', short: 'i', long: ['inspector'], help: 'accepted, does nothing', hidden: true },
  { name: 'rw', short: 'w', long: ['rw'], help: 'accepted, does nothing', hidden: true },
];

const progress: readonly OptionSpec[] = [
  {
    name: 'progress-bars',
    long: ['progress-bars'],
    help: 'show a progress bar even if standard error is no terminal',
  },
  { name: 'no-progress-bars', long: ['no-progress-bars'], help: 'show no progress bar' },
];

/** virt-copy-in's command line. */
export const virtCopyInSpec: ToolSpec = {
  name: 'virt-copy-in',
  summary: 'copy files and directories into a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...] LOCAL... DIRECTORY'],
  options: sortedOptions(
    writingDriveOptions,
    keyOptions,
    [liveOption, mountOption],
    progress,
    generalOptions,
    fishOptions,
  ),
  examples: [['virt-copy-in -a guest.qcow2 motd issue /etc', 'two files into a directory of the guest']],
};

/** virt-tar-in's command line. */
export const virtTarInSpec: ToolSpec = {
  name: 'virt-tar-in',
  summary: 'unpack a tar archive into a directory of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...] ARCHIVE DIRECTORY'],
  options: sortedOptions(
    writingDriveOptions,
    keyOptions,
    [liveOption, mountOption],
    progress,
    generalOptions,
    fishOptions,
    [
      { name: 'acls', long: ['acls'], help: 'restore POSIX access control lists' },
      {
        name: 'compress',
        long: ['compress'],
        value: 'required',
        placeholder: 'TYPE',
        help: 'the archive is compressed: gzip, bzip2, xz, lzma, zstd, lzop or compress',
      },
      { name: 'selinux', long: ['selinux'], help: 'restore labels of SELinux' },
      { name: 'xattrs', long: ['xattrs'], help: 'restore extended attributes' },
    ],
  ),
  examples: [
    ['virt-tar-in -a guest.qcow2 home.tar /home', 'an archive'],
    ['zcat data.tar.gz | virt-tar-in -a guest.qcow2 - /srv', 'from standard input'],
  ],
};
