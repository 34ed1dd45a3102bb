import { generalOptions, writingDriveOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { ToolSpec } from '../common/spec.ts';

/** virt-format's command line. */
export const virtFormatSpec: ToolSpec = {
  name: 'virt-format',
  summary: 'erase disks and make empty partitions, volumes and filesystems on them',
  usage: ['[OPTION...] -a DISK [-a DISK...]'],
  options: sortedOptions(
    writingDriveOptions.filter(({ name }) => name !== 'domain' && name !== 'connect'),
    generalOptions,
    [
      {
        name: 'filesystem',
        long: ['filesystem'],
        value: 'required',
        placeholder: 'TYPE|none',
        help: 'make an empty filesystem (default none)',
        manual: 'Make an empty filesystem of this type. `none`, the default, makes none.',
      },
      {
        name: 'label',
        long: ['label'],
        value: 'required',
        placeholder: 'LABEL',
        help: 'label of the filesystem',
      },
      {
        name: 'lvm',
        long: ['lvm'],
        value: 'optional',
        placeholder: '/dev/VG/LV|none',
        help: 'make a logical volume (default none)',
        manual:
          'Make a logical volume over the whole disk or partition, under the name that is given or else `/dev/VG/LV`. `none`, the default, makes none.',
      },
      {
        name: 'partition',
        long: ['partition'],
        value: 'optional',
        placeholder: 'gpt|mbr|none',
        help: 'make a partition over the whole disk',
        manual:
          'The partition table to make, with one partition over the whole disk: `gpt`, `mbr`, or `none`. Without it, or without a value, an MBR, or a GPT where the disk is too large for one (2 TiB).',
      },
      {
        name: 'wipe',
        long: ['wipe'],
        help: 'overwrite the whole disk with zeroes first',
        manual:
          'Overwrite the whole disk with zeroes first, which takes its time. Without it what was there is no longer found by its signatures, but much of it can still be read from the disk.',
      },
    ],
  ),
  examples: [
    ['virt-format -a disk.img', 'one empty partition'],
    ['virt-format -a disk.qcow2 --filesystem=ext4 --lvm=/dev/data/home', 'a filesystem on a logical volume'],
  ],
};
