import {
  driveOptions,
  generalOptions,
  keyOptions,
  liveOption,
  mountOption,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

/** Options that old scripts give because the stock tools hand them on to guestfish. */
const fishOptions: readonly OptionSpec[] = [
  { name: 'inspector', short: 'i', long: ['inspector'], help: 'accepted, does nothing', hidden: true },
  { name: 'ro', short: 'r', long: ['ro'], help: 'accepted, does nothing', hidden: true },
];

const progress: OptionSpec = {
  name: 'progress-bars',
  long: ['progress-bars'],
  help: 'show a progress bar even if standard error is no terminal',
};
const noProgress: OptionSpec = {
  name: 'no-progress-bars',
  long: ['no-progress-bars'],
  help: 'show no progress bar',
};

/** virt-tar-out's command line. */
export const virtTarOutSpec: ToolSpec = {
  name: 'virt-tar-out',
  summary: 'pack a directory of a virtual machine into a tar archive',
  usage: ['[OPTION...] -a DISK [-a DISK...] DIRECTORY ARCHIVE'],
  options: sortedOptions(
    driveOptions,
    keyOptions,
    [liveOption, mountOption, progress, noProgress],
    generalOptions,
    fishOptions,
    [
      {
        name: 'acls',
        long: ['acls'],
        help: 'keep POSIX access control lists',
      },
      {
        name: 'compress',
        long: ['compress'],
        value: 'required',
        placeholder: 'TYPE',
        help: 'compress the archive: gzip, bzip2, xz, zstd, lzop or compress',
        manual:
          'Compress the archive: `gzip`, `bzip2`, `xz`, `zstd`, `lzop` or `compress`, as far as the backend can.',
      },
      {
        name: 'exclude',
        long: ['exclude'],
        value: 'required',
        placeholder: 'PATTERN',
        help: 'leave out names that match (repeatable)',
      },
      {
        name: 'numeric-owner',
        long: ['numeric-owner'],
        help: 'numbers instead of names of users and groups',
      },
      { name: 'xattrs', long: ['xattrs'], help: 'keep extended attributes' },
    ],
  ),
  examples: [
    ['virt-tar-out -a guest.qcow2 /home home.tar', 'an archive'],
    ['virt-tar-out -a guest.qcow2 /home - | gzip --best > home.tar.gz', 'to standard output'],
  ],
};

/** virt-copy-out's command line. */
export const virtCopyOutSpec: ToolSpec = {
  name: 'virt-copy-out',
  summary: 'copy files and directories out of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...] FILE|DIRECTORY... LOCAL-DIRECTORY'],
  options: sortedOptions(
    driveOptions,
    keyOptions,
    [liveOption, mountOption, progress, noProgress],
    generalOptions,
    fishOptions,
  ),
  examples: [['virt-copy-out -a guest.qcow2 /home /etc .', 'two directories into the current one']],
};

/** The old virt-tar's command line. */
export const virtTarSpec: ToolSpec = {
  name: 'virt-tar',
  summary: 'pack a directory of a virtual machine into a tar archive (old name of virt-tar-out)',
  usage: ['-x [OPTION...] DISK... DIRECTORY ARCHIVE', '-u [OPTION...] DISK... DIRECTORY ARCHIVE'],
  options: sortedOptions(driveOptions, keyOptions, generalOptions, [
    {
      name: 'extract',
      short: 'x',
      long: ['extract', 'download', 'unpack'],
      help: 'pack the directory of the guest into the archive',
    },
    { name: 'gzip', short: 'z', long: ['gzip'], help: 'the archive is compressed with gzip' },
    {
      name: 'upload',
      short: 'u',
      long: ['upload'],
      help: 'unpack the archive into the guest',
    },
  ]).filter(({ name }) => name !== 'trace'),
  examples: [['virt-tar -zx guest.qcow2 /home home.tar.gz', 'a compressed archive']],
};

/** The old virt-list-filesystems' command line. */
export const virtListFilesystemsSpec: ToolSpec = {
  name: 'virt-list-filesystems',
  summary: 'list filesystems of a virtual machine (old; virt-filesystems tells more)',
  usage: ['[OPTION...] DISK...'],
  options: sortedOptions(
    driveOptions.filter(({ name }) => name !== 'add'),
    keyOptions,
    generalOptions,
    [
      {
        name: 'json',
        long: ['json'],
        help: 'write JSON',
      },
      { name: 'long', short: 'l', long: ['long'], help: 'show the types too' },
      { name: 'all', short: 'a', long: ['all'], help: 'show swap and unknown content too' },
    ],
  ),
  examples: [['virt-list-filesystems -al guest.qcow2', 'everything, with types']],
};

/** The old virt-list-partitions' command line. */
export const virtListPartitionsSpec: ToolSpec = {
  name: 'virt-list-partitions',
  summary: 'list partitions of a virtual machine (old; virt-filesystems tells more)',
  usage: ['[OPTION...] DISK...'],
  options: sortedOptions(driveOptions, keyOptions, generalOptions, [
    { name: 'human-readable', short: 'h', long: ['human-readable'], help: 'with -l: sizes like 1.5G' },
    { name: 'json', long: ['json'], help: 'write JSON' },
    { name: 'long', short: 'l', long: ['long'], help: 'show types and sizes too' },
    { name: 'total', short: 't', long: ['total'], help: 'with -l: a line with the size of each disk too' },
  ]),
  examples: [['virt-list-partitions -lht guest.qcow2', 'types, sizes and totals']],
};

/** libguestfs-test-tool's command line. */
export const testToolSpec: ToolSpec = {
  name: 'libguestfs-test-tool',
  summary: 'check that guestfs works on this machine',
  usage: ['[OPTION...]'],
  options: sortedOptions(
    generalOptions.filter(({ name }) => name === 'help' || name === 'version'),
    [
      {
        name: 'timeout',
        short: 't',
        long: ['timeout'],
        value: 'required',
        placeholder: 'SECONDS',
        help: 'give up after this time (default 600)',
      },
    ],
  ),
  examples: [['libguestfs-test-tool', 'the last line says OK']],
};
