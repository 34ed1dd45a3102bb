import { generalOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { ToolSpec } from '../common/spec.ts';

/** virt-make-fs's command line. */
export const virtMakeFsSpec: ToolSpec = {
  name: 'virt-make-fs',
  summary: 'make a filesystem out of a folder or a tar archive',
  usage: ['[OPTION...] FOLDER|ARCHIVE IMAGE'],
  options: sortedOptions(generalOptions, [
    {
      name: 'blocksize',
      long: ['blocksize'],
      value: 'required',
      placeholder: '512|4096',
      help: 'sector size of the disk',
    },
    {
      name: 'floppy',
      long: ['floppy'],
      help: 'make a floppy disk: --size=1440K --partition=mbr --type=vfat',
    },
    {
      name: 'format',
      short: 'F',
      long: ['format'],
      value: 'required',
      placeholder: 'raw|qcow2',
      help: 'image format (default raw)',
    },
    {
      name: 'label',
      long: ['label'],
      value: 'required',
      placeholder: 'LABEL',
      help: 'label of the filesystem',
    },
    {
      name: 'partition',
      long: ['partition'],
      value: 'optional',
      placeholder: 'mbr|gpt',
      help: 'put the filesystem into a partition (default mbr)',
    },
    {
      name: 'size',
      short: 's',
      long: ['size'],
      value: 'required',
      placeholder: 'SIZE|+SIZE',
      help: 'size of the disk, or how much room to leave',
      manual:
        'The size of the disk, such as `10G`, or with a plus sign about how much room to leave for more files. Without it the disk is about as large as the files need.',
    },
    {
      name: 'type',
      short: 't',
      long: ['type'],
      value: 'required',
      placeholder: 'TYPE',
      help: 'filesystem type (default ext2)',
    },
  ]),
  examples: [
    ['virt-make-fs --type=ext4 folder disk.img', 'a filesystem as large as it needs to be'],
    [
      'virt-make-fs --format=qcow2 --size=+200M --partition=gpt rootfs.tar.xz disk.qcow2',
      'with room to grow',
    ],
  ],
};
