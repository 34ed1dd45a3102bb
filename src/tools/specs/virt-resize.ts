import { generalOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { ToolSpec } from '../common/spec.ts';
import { valuedOption } from '../common/valued-option.ts';

/** virt-resize's command line. */
export const virtResizeSpec: ToolSpec = {
  name: 'virt-resize',
  summary: 'copy a disk onto a larger or smaller one and resize its partitions',
  usage: ['[OPTION...] DISK NEW-DISK'],
  options: sortedOptions(generalOptions, [
    valuedOption(
      'allow-backing',
      'none|folder|any',
      'which backing files DISK may open (default none if its format is detected, else folder)',
    ),
    valuedOption(
      'align-first',
      'auto|never|always',
      'whether the first partition may be moved to be aligned (default auto: no)',
    ),
    valuedOption('alignment', 'SECTORS', 'alignment of partitions (default 128 sectors)'),
    valuedOption('delete', 'PARTITION', 'leave a partition out (repeatable)'),
    { name: 'dry-run', short: 'n', long: ['dry-run'], help: 'tell what would be done, and do nothing' },
    valuedOption('expand', 'PARTITION', 'give a partition all the room that is left over', {
      manual:
        'Give a partition all the room that is left over, and let what is in it grow: ext2, ext3 and ext4, LVM physical volumes, swap.',
    }),
    valuedOption('format', 'raw|qcow2', 'image format of DISK'),
    valuedOption('ignore', 'PARTITION', 'make a partition but leave it empty (repeatable)'),
    {
      name: 'lv-expand',
      long: ['LV-expand', 'lv-expand', 'lvexpand'],
      value: 'required',
      placeholder: '/dev/VG/LV',
      help: 'let a logical volume grow into all the room of its group',
    },
    {
      name: 'no-copy-boot-loader',
      long: ['no-copy-boot-loader'],
      help: 'do not copy what lies before the first partition',
    },
    {
      name: 'no-expand-content',
      long: ['no-expand-content'],
      help: 'do not resize what is in the partitions',
    },
    {
      name: 'no-extra-partition',
      long: ['no-extra-partition'],
      help: 'make no partition of what is left over',
    },
    {
      name: 'no-sparse',
      long: ['no-sparse'],
      help: 'copy zeroes too, even onto a disk that is blank',
      manual:
        'Write the zeroes of DISK too, so that NEW-DISK has no holes. Without it they are left out, but only where NEW-DISK is blank.',
    },
    valuedOption('output-format', 'raw|qcow2', 'image format of NEW-DISK'),
    { name: 'quiet', short: 'q', long: ['quiet'], help: 'do not print the summary' },
    valuedOption('resize', 'PARTITION=SIZE', 'give a partition another size (10G, +1G, -200M, 90%, +10%)', {
      manual:
        'Give a partition another size: `10G`, or against its old one `+1G`, `-200M`, `90%`, `+10%`. What is in it grows or shrinks along; an error if it cannot. The old disk stays as it is in any case.',
    }),
    valuedOption('resize-force', 'PARTITION=SIZE', 'as --resize, and cut off what does not fit', {
      manual:
        'As `--resize`, but a smaller partition just ends earlier: what was behind its new end is lost.',
    }),
    valuedOption('shrink', 'PARTITION', 'take what is missing from a partition'),
    valuedOption('size', 'SIZE', 'make NEW-DISK, of this size', {
      manual:
        'Make NEW-DISK, with the format of `--output-format` (default raw). Without it NEW-DISK must be there.',
    }),
    valuedOption(
      'unknown-filesystems',
      'ignore|warn|error',
      'what to do about filesystems that cannot be expanded (default warn)',
    ),
  ]),
  examples: [
    [
      'virt-resize --size 20G --output-format qcow2 --expand /dev/sda2 old.img new.qcow2',
      'everything to one partition',
    ],
    ['virt-resize --expand /dev/sda2 --LV-expand /dev/vg/root old.img new.img', 'and on to a logical volume'],
  ],
};
