import { driveOptions, generalOptions, keyOptions, mountOption } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

const ownOptions: readonly OptionSpec[] = [
  {
    name: 'append',
    long: ['append'],
    value: 'required',
    placeholder: 'WORDS',
    help: "more words for the kernel's command line",
  },
  {
    name: 'escape',
    short: 'e',
    value: 'required',
    placeholder: '^KEY|none',
    help: 'the escape key (default ^])',
    manual: 'The escape key: `^x` is the Control key and x, `none` is no escape key. Default: `^]`.',
  },
  {
    name: 'inspector',
    short: 'i',
    long: ['inspector'],
    help: 'find the operating system and mount it on /sysroot',
    manual:
      'Find the operating system on the disks and mount its filesystems below `/sysroot`, where it would mount them below `/`. Fails if there is none, or more than one.',
  },
  {
    name: 'memsize',
    long: ['memsize'],
    value: 'required',
    placeholder: 'MIB',
    help: 'memory of the machine',
    manual: 'Memory of the machine, in MiB.',
  },
  {
    name: 'network',
    long: ['network'],
    help: 'give the machine a network',
    manual:
      "Give the machine a network: qemu's own, through which it can make connections to the outside, and nobody can connect to it. ping does not work there.",
  },
  {
    name: 'ro',
    short: 'r',
    long: ['ro'],
    help: 'open the disks read-only (the default)',
    manual: 'Open the disks read-only: what is written to them is dropped in the end. This is the default.',
  },
  {
    name: 'rw',
    short: 'w',
    long: ['rw'],
    help: 'write to the disks',
    manual: 'Write to the disks. A virtual machine that uses them must not be running.',
  },
  {
    name: 'scratch',
    long: ['scratch'],
    value: 'optional',
    placeholder: 'N',
    help: 'add a large blank disk, or N',
    manual:
      'Add a blank disk of 10 GiB, or N of them, in the order of the command line. They are gone when virt-rescue ends.',
  },
  { name: 'selinux', long: ['selinux'], help: 'accepted, does nothing', hidden: true },
  {
    name: 'smp',
    long: ['smp'],
    value: 'required',
    placeholder: 'N',
    help: 'processors of the machine',
  },
  {
    name: 'suggest',
    long: ['suggest'],
    help: 'print commands that mount what is on the disks, and end',
    manual:
      'Print the commands that mount what is on the disks, for the prompt of virt-rescue, and end. The disks are opened read-only.',
  },
];

/** virt-rescue's command line. */
export const virtRescueSpec: ToolSpec = {
  name: 'virt-rescue',
  summary: "a shell on a small Linux machine with a virtual machine's disks",
  usage: ['[OPTION...] -a DISK [-a DISK...] [-i | -m DEV...]', '[OPTION...] DISK...'],
  options: sortedOptions(driveOptions, keyOptions, [mountOption], ownOptions, generalOptions),
  examples: [
    ['virt-rescue -a guest.qcow2 -i', 'look around in a guest'],
    ['virt-rescue --rw -a guest.qcow2 -i', 'and repair it; chroot /sysroot goes into it'],
    ['virt-rescue --suggest -a guest.qcow2', 'how to mount what is on the disk'],
  ],
};
