import { csvOption, driveOptions, generalOptions, jsonOption, keyOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

const ownOptions: readonly OptionSpec[] = [
  { name: 'all', long: ['all'], help: 'show everything' },
  { name: 'block-devices', long: ['blkdevs', 'block-devices'], help: 'show disks' },
  {
    name: 'extra',
    long: ['extra'],
    help: 'show filesystems that cannot be mounted too (swap, unknown)',
  },
  { name: 'filesystems', long: ['filesystems'], help: 'show mountable filesystems (the default)' },
  {
    name: 'human-readable',
    short: 'h',
    long: ['human-readable'],
    help: 'with -l: sizes like 1.5G',
  },
  { name: 'long', short: 'l', long: ['long'], help: 'show type, size and more' },
  { name: 'logical-volumes', long: ['lvs', 'logvols', 'logical-volumes'], help: 'show logical volumes' },
  { name: 'no-title', long: ['no-title'], help: 'with -l: leave the title row out' },
  { name: 'partitions', long: ['parts', 'partitions'], help: 'show partitions' },
  {
    name: 'physical-volumes',
    long: ['pvs', 'physvols', 'physical-volumes'],
    help: 'show LVM physical volumes',
  },
  { name: 'uuid', long: ['uuid', 'uuids'], help: 'with -l: show UUIDs' },
  { name: 'volume-groups', long: ['vgs', 'volgroups', 'volume-groups'], help: 'show LVM volume groups' },
];

/** virt-filesystems's command line. */
export const virtFilesystemsSpec: ToolSpec = {
  name: 'virt-filesystems',
  summary: 'list filesystems, partitions, disks and volumes of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...]', '[OPTION...] DISK...'],
  options: sortedOptions(driveOptions, keyOptions, [csvOption, jsonOption], generalOptions, ownOptions),
  examples: [
    ['virt-filesystems -a guest.qcow2', 'the names'],
    ['virt-filesystems --all --long --uuid -h -a guest.qcow2', 'everything there is to know'],
  ],
};
