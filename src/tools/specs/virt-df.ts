import {
  csvOption,
  driveOptions,
  generalOptions,
  jsonOption,
  keyOptions,
  liveOption,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

const ownOptions: readonly OptionSpec[] = [
  {
    name: 'human-readable',
    short: 'h',
    long: ['human-readable'],
    help: 'sizes like 1.5G',
    manual: 'Sizes as people read them, like 1.5G. Not together with `--csv`.',
  },
  { name: 'inodes', short: 'i', long: ['inodes'], help: 'show inodes instead of blocks' },
  {
    name: 'one-per-guest',
    long: ['one-per-guest'],
    help: 'accepted for old scripts, does nothing',
  },
  {
    name: 'threads',
    short: 'P',
    value: 'required',
    placeholder: 'NUMBER',
    help: 'accepted for old scripts, does nothing',
  },
  {
    name: 'uuid',
    long: ['uuid'],
    help: 'names of libvirt guests as UUIDs; disk images keep their names',
  },
];

/** virt-df's command line. */
export const virtDfSpec: ToolSpec = {
  name: 'virt-df',
  summary: 'show free space on the filesystems of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...]', '[OPTION...] DISK...'],
  options: sortedOptions(
    driveOptions,
    keyOptions,
    [csvOption, jsonOption, liveOption],
    generalOptions,
    ownOptions,
  ),
  examples: [
    ['virt-df -h guest.qcow2', 'sizes that people read'],
    ['virt-df --csv -a sda.img -a sdb.img', 'two disks of one guest, for a program'],
  ],
};
