import {
  csvOption,
  driveOptions,
  generalOptions,
  jsonOption,
  keyOptions,
  liveOption,
  mountOption,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

const ownOptions: readonly OptionSpec[] = [
  {
    name: 'checksum',
    long: ['checksum'],
    value: 'optional',
    placeholder: 'TYPE',
    help: 'with -lR: checksum of regular files (default md5)',
    manual:
      'With `-lR`: the checksum of each regular file: `crc`, `md5` (the default), `sha1`, `sha224`, `sha256`, `sha384` or `sha512`. All files are read.',
  },
  {
    name: 'extra-stats',
    long: ['extra-stats'],
    help: 'with -lR: device, inode, links, rdev and blocks',
    manual:
      'With `-lR`: the device (major:minor), inode number, number of links, device that a special file stands for, and blocks of 512 bytes.',
  },
  {
    name: 'human-readable',
    short: 'h',
    long: ['human-readable'],
    help: 'with -lR: sizes like 2.9K and 5.0M',
  },
  {
    name: 'long',
    short: 'l',
    long: ['long'],
    help: 'long listing, like ls -l',
    manual: 'Long listing, like `ls -la`; with `-R` the recursive long listing described below.',
  },
  { name: 'recursive', short: 'R', long: ['recursive'], help: 'list all that is below the directory' },
  { name: 'times', long: ['times'], help: 'with -lR: times of access, modification and status change' },
  { name: 'time-days', long: ['time-days'], help: 'as --times, in days before now' },
  { name: 'time-relative', long: ['time-relative'], help: 'as --times, in seconds before now' },
  { name: 'time-t', long: ['time-t'], help: 'as --times, in seconds since 1970' },
  { name: 'uids', long: ['uids'], help: 'with -lR: user and group numbers' },
];

/** virt-ls's command line. */
export const virtLsSpec: ToolSpec = {
  name: 'virt-ls',
  summary: 'list files of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...] DIRECTORY...', '[OPTION...] DISK... DIRECTORY'],
  options: sortedOptions(
    driveOptions,
    keyOptions,
    [liveOption, mountOption, csvOption, jsonOption],
    generalOptions,
    ownOptions,
  ),
  examples: [
    ['virt-ls -a guest.qcow2 /home', 'names'],
    ['virt-ls -lR -a guest.qcow2 --csv --uids /etc', 'everything below /etc, for a program'],
    ["virt-ls -lR -a guest.qcow2 / | grep '^- [42]'", 'setuid and setgid programs'],
  ],
};
