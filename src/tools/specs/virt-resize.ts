import { generalOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

function partitionOption(name: string, placeholder: string, help: string, manual?: string): OptionSpec {
  return {
    name,
    long: [name],
    value: 'required',
    placeholder,
    help,
    ...(manual === undefined ? {} : { manual }),
  };
}

/** virt-resize's command line. */
export const virtResizeSpec: ToolSpec = {
  name: 'virt-resize',
  summary: 'copy a disk onto a larger or smaller one and resize its partitions',
  usage: ['[OPTION...] DISK NEW-DISK'],
  options: sortedOptions(generalOptions, [
    partitionOption(
      'allow-backing',
      'none|folder|any',
      'which backing files DISK may open (default none if its format is detected, else folder)',
    ),
    partitionOption(
      'align-first',
      'auto|never|always',
      'whether the first partition may be moved to be aligned (default auto: no)',
    ),
    partitionOption('alignment', 'SECTORS', 'alignment of partitions (default 128 sectors)'),
    partitionOption('delete', 'PARTITION', 'leave a partition out (repeatable)'),
    { name: 'dry-run', short: 'n', long: ['dry-run'], help: 'tell what would be done, and do nothing' },
    partitionOption(
      'expand',
      'PARTITION',
      'give a partition all the room that is left over',
      'Give a partition all the room that is left over, and let what is in it grow: ext2, ext3 and ext4, LVM physical volumes, swap.',
    ),
    partitionOption('format', 'raw|qcow2', 'image format of DISK'),
    partitionOption('ignore', 'PARTITION', 'make a partition but leave it empty (repeatable)'),
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
    partitionOption('output-format', 'raw|qcow2', 'image format of NEW-DISK'),
    { name: 'quiet', short: 'q', long: ['quiet'], help: 'do not print the summary' },
    partitionOption(
      'resize',
      'PARTITION=SIZE',
      'give a partition another size (10G, +1G, -200M, 90%, +10%)',
      'Give a partition another size: `10G`, or against its old one `+1G`, `-200M`, `90%`, `+10%`. What is in it grows or shrinks along; an error if it cannot. The old disk stays as it is in any case.',
    ),
    partitionOption(
      'resize-force',
      'PARTITION=SIZE',
      'as --resize, and cut off what does not fit',
      'As `--resize`, but a smaller partition just ends earlier: what was behind its new end is lost.',
    ),
    partitionOption('shrink', 'PARTITION', 'take what is missing from a partition'),
    partitionOption(
      'size',
      'SIZE',
      'make NEW-DISK, of this size',
      'Make NEW-DISK, with the format of `--output-format` (default raw). Without it NEW-DISK must be there.',
    ),
    partitionOption(
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
