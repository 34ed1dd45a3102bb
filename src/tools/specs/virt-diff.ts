import {
  csvOption,
  driveOptions,
  generalOptions,
  jsonOption,
  keyOptions,
  mountOption,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

const ownOptions: readonly OptionSpec[] = [
  {
    name: 'add-second',
    short: 'A',
    value: 'required',
    placeholder: 'DISK',
    help: 'add a disk image of the second guest',
    manual: 'Add a disk image of the second guest, as `-a` adds one of the first.',
  },
  { name: 'all', long: ['all'], help: 'same as --extra-stats --times --uids --xattrs' },
  { name: 'atime', long: ['atime'], help: 'times of access are differences too' },
  {
    name: 'checksum',
    long: ['checksum'],
    value: 'optional',
    placeholder: 'TYPE',
    help: 'compare content by checksums (default md5), not size and times',
    manual:
      'Compare the content of all regular files by a checksum (`crc`, `md5`, the default, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`) and show it. Their times then do not count. Without it only files whose size or times differ are read.',
  },
  { name: 'dir-links', long: ['dir-links'], help: 'numbers of links of directories are differences too' },
  { name: 'dir-times', long: ['dir-times'], help: 'times of directories are differences too' },
  { name: 'extra-stats', long: ['extra-stats'], help: 'show device, inode, links, rdev and blocks' },
  { name: 'human-readable', short: 'h', long: ['human-readable'], help: 'sizes like 2.9K and 5.0M' },
  {
    name: 'mount-second',
    short: 'M',
    value: 'required',
    placeholder: 'DEV[:MNT[:OPTS[:FSTYPE]]]',
    help: 'mount in the second guest, as -m does in the first',
  },
  { name: 'times', long: ['times'], help: 'show times' },
  { name: 'time-days', long: ['time-days'], help: 'show times in days before now' },
  { name: 'time-relative', long: ['time-relative'], help: 'show times in seconds before now' },
  { name: 'time-t', long: ['time-t'], help: 'show times in seconds since 1970' },
  { name: 'uids', long: ['uids'], help: 'show user and group numbers' },
  { name: 'xattrs', long: ['xattrs'], help: 'show extended attributes' },
];

/** virt-diff's command line. */
export const virtDiffSpec: ToolSpec = {
  name: 'virt-diff',
  summary: 'list the differences between the files of two virtual machines',
  usage: ['[OPTION...] -a DISK [-a DISK...] -A DISK [-A DISK...]'],
  options: sortedOptions(
    driveOptions,
    keyOptions,
    [mountOption, csvOption, jsonOption],
    generalOptions,
    ownOptions,
  ),
  examples: [
    ['virt-diff -a yesterday.qcow2 -A today.qcow2', 'what changed, text files line by line'],
    ['virt-diff -a base.img -A changed.img --checksum=sha256 --json', 'by content, for a program'],
  ],
};
