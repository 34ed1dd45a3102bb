import {
  driveOptions,
  generalOptions,
  keyOptions,
  liveOption,
  mountOption,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { ToolSpec } from '../common/spec.ts';

/** virt-cat's command line. */
export const virtCatSpec: ToolSpec = {
  name: 'virt-cat',
  summary: 'print files of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...] FILE...', '[OPTION...] DISK... FILE'],
  options: sortedOptions(driveOptions, keyOptions, [liveOption, mountOption], generalOptions),
  examples: [
    ['virt-cat -a guest.qcow2 /etc/os-release', 'one file'],
    ['virt-cat -a disk.img -m /dev/sda1 /syslinux.cfg', 'a file of one filesystem, without inspection'],
  ],
};
