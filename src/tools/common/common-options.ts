import type { OptionSpec } from './spec.ts';

/** Options about which disks to look at; every tool has them. */
export const driveOptions: readonly OptionSpec[] = [
  {
    name: 'add',
    short: 'a',
    long: ['add'],
    value: 'required',
    placeholder: 'DISK',
    help: 'add a disk image (repeat for a guest with several disks)',
    manual:
      'Add a disk image or a host block device: a path or a `file:` address. A guest with several disks needs all of them, each with its own `-a`, in the order the guest has them. The disk is opened read-only.',
  },
  {
    name: 'allow-backing',
    long: ['allow-backing'],
    value: 'required',
    placeholder: 'none|folder|any',
    help: 'which backing files the images may open',
    manual:
      "Which files the images of the `-a` options that follow (of all, where none follows) may name as their backing: `none`, those in the image's own `folder`, or `any`. Without it: none if the format was detected, `folder` if `--format` states it. Backing names come from inside the image, and an image from a stranger can name any file of yours.",
  },
  {
    name: 'blocksize',
    long: ['blocksize'],
    value: 'optional',
    placeholder: '512|4096',
    help: 'sector size of the following -a disks',
    manual:
      'Sector size of the disks that follow: 512 or 4096 bytes. Without a value later disks have the usual 512.',
  },
  {
    name: 'connect',
    short: 'c',
    long: ['connect'],
    value: 'required',
    placeholder: 'URI',
    help: 'libvirt connection for -d',
    manual: 'The libvirt connection that `-d` uses, as in `qemu:///system`. Default: that of libvirt.',
  },
  {
    name: 'domain',
    short: 'd',
    long: ['domain'],
    value: 'required',
    placeholder: 'GUEST',
    help: 'add the disks of a libvirt guest',
    manual:
      'Add the disks of a guest that libvirt knows, by its name or UUID. libvirt is asked by its program virsh, and says which format each has. A guest that is running can be opened read-only, or attached to with `--live` by the tools that have it.',
  },
  {
    name: 'format',
    long: ['format'],
    value: 'optional',
    placeholder: 'raw|qcow2|...',
    help: 'image format of the following -a disks',
    manual:
      'Image format of the disks that follow. Without a value the format of later disks is detected again. State `raw` for a raw image that others could write to: what a guest writes into its first sectors can make it look like another format.',
  },
];

/** The same for a tool that writes. */
export const writingDriveOptions: readonly OptionSpec[] = driveOptions.map((option) =>
  option.name === 'add'
    ? {
        ...option,
        manual:
          'Add a disk image or a host block device: a path or a `file:` address. A guest with several disks needs all of them, each with its own `-a`, in the order the guest has them. The disk is written to: the guest must not be running.',
      }
    : option,
);

/** `--live`, for tools that look at files. */
export const liveOption: OptionSpec = {
  name: 'live',
  long: ['live'],
  help: 'with -d: attach to the guest, which is running',
  manual:
    'Attach to the daemon that runs in the guest of `-d` (`guestfsd -r`, through the virtio-serial channel `org.libguestfs.channel.0`) and see its files as the guest itself does. Nothing is mounted, and nothing is read-only: what is written is written in the running guest. The guest must be running.',
};

/** Options about keys of encrypted disks. */
export const keyOptions: readonly OptionSpec[] = [
  {
    name: 'echo-keys',
    long: ['echo-keys'],
    help: 'show passphrases while they are typed',
  },
  {
    name: 'key',
    long: ['key'],
    value: 'required',
    placeholder: 'ID:key:TEXT|ID:file:FILE|ID:clevis',
    help: 'key of an encrypted device (ID: device, UUID or all)',
    manual:
      'Key of an encrypted device: `ID:key:PASSPHRASE`, `ID:file:FILENAME` (its first line) or `ID:clevis` (asks the servers that the device names; the machine gets a network), where ID is a device, a UUID, or `all`. May be repeated. The device is opened as `/dev/mapper/luks-UUID`. A passphrase on a command line can be seen by other users of the host.',
  },
  {
    name: 'keys-from-stdin',
    long: ['keys-from-stdin'],
    help: 'read passphrases from standard input, one a line',
    manual:
      'Read the passphrases of encrypted devices from standard input, one a line. Without it, and without a fitting `--key`, they are asked for at the terminal where there is no operating system that can be read without.',
  },
];

/** `-m`. */
export const mountOption: OptionSpec = {
  name: 'mount',
  short: 'm',
  long: ['mount'],
  value: 'required',
  placeholder: 'DEV[:MNT[:OPTS[:FSTYPE]]]',
  help: 'mount DEV on MNT (default /) instead of inspecting',
  manual:
    'Mount the device on the mount point (default `/`), with mount options and a filesystem type if given. With any `-m` the disks are not inspected, so name every filesystem that is needed, `/` first.',
};

/** Options that every tool has. */
export const generalOptions: readonly OptionSpec[] = [
  { name: 'help', long: ['help'], help: 'show this help' },
  {
    name: 'verbose',
    short: 'v',
    long: ['verbose'],
    help: 'tell on standard error what is being done',
  },
  { name: 'version', short: 'V', long: ['version'], help: 'show the version' },
  { name: 'trace', short: 'x', help: 'show the API calls on standard error' },
];

/** `--csv`. */
export const csvOption: OptionSpec = {
  name: 'csv',
  long: ['csv'],
  help: 'write comma-separated values',
  manual:
    'Write comma-separated values as RFC 4180 has them: a field with a comma, a quote or a line end stands in quotes, so use a CSV reader and do not split at commas.',
};

/** `--json`. */
export const jsonOption: OptionSpec = {
  name: 'json',
  long: ['json'],
  help: 'write JSON',
  manual:
    'Write one JSON document. Guest bytes that are not UTF-8 appear as the code units U+DC80 to U+DCFF, written as escapes.',
};
