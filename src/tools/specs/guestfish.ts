import {
  driveOptions,
  generalOptions,
  keyOptions,
  liveOption,
  mountOption,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

const ownOptions: readonly OptionSpec[] = [
  {
    name: 'cmd-help',
    short: 'h',
    long: ['cmd-help'],
    help: 'list all commands, or tell about the commands named',
    manual: 'List all commands; with the name of a command, tell about it.',
  },
  { name: 'csh', long: ['csh'], help: 'with --listen: print the variable for csh' },
  {
    name: 'file',
    short: 'f',
    long: ['file'],
    value: 'required',
    placeholder: 'FILE',
    help: 'read commands from FILE',
    manual:
      'Read commands from FILE (`-` is standard input). The first line `#!/usr/bin/env -S guestfish -f` makes a script a program.',
  },
  {
    name: 'inspector',
    short: 'i',
    long: ['inspector'],
    help: 'find the operating system and mount its filesystems',
    manual:
      'Find the operating system on the disks and mount its filesystems where it would mount them. Fails if there is none, or more than one.',
  },
  {
    name: 'listen',
    long: ['listen'],
    help: 'go into the background and take commands from --remote',
    manual: 'Go into the background and take commands from `guestfish --remote`; see REMOTE CONTROL.',
  },
  { name: 'listening', long: ['listening-server'], help: '', hidden: true },
  {
    name: 'network',
    long: ['network'],
    help: 'give the appliance a network',
    manual: 'Give the appliance a network. The engine needs none and has none.',
  },
  {
    name: 'new',
    short: 'N',
    long: ['new'],
    value: 'required',
    placeholder: '[FILE=]TYPE',
    help: 'make a disk with partitions and filesystems and add it',
    manual:
      'Make a disk image, with a partition table and filesystems as TYPE says, and add it for writing: `disk`, `part`, `fs`, `lv`, `lvfs`, `bootroot` or `bootrootlv`, with parameters after colons, as in `-N fs:ext4:10G`. `-N help` tells about all of them. The file is `test1.img` (then `test2.img` and so on) in the current directory, or the FILE that is named; one of that name is overwritten. The disks are launched at once.',
  },
  {
    name: 'no-sync',
    short: 'n',
    long: ['no-sync'],
    help: 'do not sync when the handle is closed',
  },
  {
    name: 'no-dest-paths',
    short: 'D',
    long: ['no-dest-paths'],
    help: 'do not complete guest paths',
    manual: 'Do not complete guest paths at the prompt, which takes calls of its own.',
  },
  {
    name: 'pipe-error',
    long: ['pipe-error'],
    help: 'fail if a command after | stops reading',
    manual:
      'A host command behind `|` that ends before it has read everything is an error. Without it `| head` is no error.',
  },
  {
    name: 'progress-bars',
    long: ['progress-bars'],
    help: 'show progress bars even if not interactive',
  },
  { name: 'no-progress-bars', long: ['no-progress-bars'], help: 'never show progress bars' },
  {
    name: 'remote',
    long: ['remote'],
    value: 'optional',
    placeholder: 'PID',
    help: 'send the commands to a listening guestfish',
    manual:
      'Send the commands to the guestfish that listens under this process number, or under $GUESTFISH_PID; see REMOTE CONTROL.',
  },
  {
    name: 'ro',
    short: 'r',
    long: ['ro'],
    help: 'open the disks read-only (the default)',
    manual:
      'Disks of `-a` are opened, and filesystems of `-m` and `-i` mounted, read-only. This is the default here; libguestfs opens them for writing.',
  },
  {
    name: 'rw',
    short: 'w',
    long: ['rw'],
    help: 'open the disks for writing',
    manual:
      'Disks of `-a` are opened, and filesystems of `-m` and `-i` mounted, for writing. The guest must not run meanwhile.',
  },
  { name: 'selinux', long: ['selinux'], help: 'accepted for old scripts, does nothing', hidden: true },
];

/** Here the disks need not be read-only. */
function withMode(option: OptionSpec): OptionSpec {
  if (option.name !== 'add' || option.manual === undefined) return option;
  return {
    ...option,
    manual: option.manual.replace('is opened read-only.', 'is opened read-only, unless `--rw` is given.'),
  };
}

/** guestfish's command line. */
export const guestfishSpec: ToolSpec = {
  name: 'guestfish',
  summary: 'a shell for the filesystems of virtual machine disks',
  usage: [
    '[OPTION...] DISK...',
    '[OPTION...] -a DISK... [COMMAND [ARGUMENT...] [: COMMAND...]]',
    '[OPTION...] -f FILE',
  ],
  options: sortedOptions(
    driveOptions.map(withMode),
    keyOptions,
    [liveOption, mountOption],
    generalOptions,
    ownOptions,
  ),
  examples: [
    ['guestfish guest.qcow2', 'open a disk, mount what is in it, and look around'],
    ['guestfish -a guest.qcow2 -i cat /etc/os-release', 'one command'],
    ['guestfish -a disk.img run : list-filesystems', 'several commands'],
    ['guestfish --live -d guest run : command "uptime"', 'in a guest that is running'],
    ["guestfish -a disk.img -m /dev/sda1 <<< 'ls / | sort'", 'a script'],
  ],
};
