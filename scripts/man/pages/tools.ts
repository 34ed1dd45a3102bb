import { guestfsCommands, guestfsImageCommands, guestfsSpec } from '../../../src/tools/specs/guestfs.ts';
import { imageSpecs } from '../../../src/tools/specs/images.ts';
import { optionHead } from '../../../src/tools/common/help.ts';
import { virtCatSpec } from '../../../src/tools/specs/virt-cat.ts';
import { virtDfSpec } from '../../../src/tools/specs/virt-df.ts';
import { virtFilesystemsSpec } from '../../../src/tools/specs/virt-filesystems.ts';
import { virtInspectorSpec } from '../../../src/tools/specs/virt-inspector.ts';
import { virtLogSpec } from '../../../src/tools/specs/virt-log.ts';
import { virtLsSpec } from '../../../src/tools/specs/virt-ls.ts';
import { virtRescueSpec } from '../../../src/tools/specs/virt-rescue.ts';
import { virtTailSpec } from '../../../src/tools/specs/virt-tail.ts';
import {
  testToolSpec,
  virtCopyOutSpec,
  virtListFilesystemsSpec,
  virtListPartitionsSpec,
  virtTarOutSpec,
  virtTarSpec,
} from '../../../src/tools/specs/wrappers.ts';
import type { ManPage } from '../page.ts';
import { DISKS, INSPECTION, OLD_STYLE, STRINGS, WINDOWS } from './words.ts';

const guestfsList = guestfsCommands
  .map(([name, usage, words]) => `- \`${name} ${usage}\`: ${words}.`)
  .join('\n');

/** Each command that works on images, with its own options. */
const imageCommandWords = guestfsImageCommands
  .map(([name, usage, words]) => {
    const options = imageSpecs[name].options
      .filter((option) => !['help', 'version', 'quiet'].includes(option.name))
      .map((option) => `- \`${optionHead(option)}\`: ${option.help}.`);
    const list = options.length === 0 ? '' : `\n\n${options.join('\n')}`;
    return `\`guestfs ${name} [OPTION...] ${usage}\`: ${words}.${list}`;
  })
  .join('\n\n');

/** Pages of all tools but guestfish. */
export const toolPages: readonly ManPage[] = [
  {
    spec: guestfsSpec,
    description: `guestfs is one command for looking into disk images. With a disk alone it opens a shell on it (**guestfish**(1)): read-only, with the guest's filesystems mounted where they belong. With a command it does one thing:

${guestfsList}

Each command is a tool with a name and a manual page of its own (**virt-cat**(1), **virt-ls**(1) and so on) and takes the same options, \`-m\`, \`--format\` and \`--json\` among them. The first argument after the options is the disk; a guest with several disks takes \`-a\` for each.

${DISKS}`,
    sections: [
      [
        'DISK IMAGES',
        `These commands work on the image files themselves, raw and qcow2. Images that are changed are locked meanwhile. A new image is made under another name and gets its own when it is complete and on the disk, so that nothing is lost where the program is stopped. With \`-q\` no progress is shown and no summary printed.

${imageCommandWords}

An overlay is a qcow2 image that shows another one, its base, and takes what is written; the base must not be changed while it has overlays, except by \`commit\`, after which any other overlay over it is worthless. A commit that was cut off can be repeated.

The files that an image names as its backing are opened only where \`--allow-backing\` lets them in: \`none\`, those in the image's own \`folder\`, or \`any\`.`,
      ],
      ['GUEST STRINGS', STRINGS],
    ],
    seeAlso: [
      'guestfish(1)',
      'qemu-img(1)',
      'virt-sparsify(1)',
      'virt-cat(1)',
      'virt-df(1)',
      'virt-filesystems(1)',
      'virt-inspector(1)',
      'virt-ls(1)',
    ],
  },
  {
    spec: virtCatSpec,
    description: `virt-cat prints files of a virtual machine. Each file is named with its full path in the guest. A file that cannot be read is complained about, and the others are still printed.

${INSPECTION}

${DISKS}

${OLD_STYLE}`,
    sections: [
      ['WINDOWS PATHS', WINDOWS],
      ['GUEST STRINGS', STRINGS],
    ],
    seeAlso: ['virt-copy-out(1)', 'virt-log(1)', 'virt-ls(1)', 'virt-tail(1)', 'guestfish(1)'],
  },
  {
    spec: virtLsSpec,
    description: `virt-ls lists the files in directories of a virtual machine: their names, or with options much more.

${INSPECTION}

${DISKS}

${OLD_STYLE}`,
    sections: [
      [
        'FORMS OF LISTING',
        `- **names**: without options, one name a line, in order.
- \`-l\`: like \`ls -la\` with numeric owners, for people.
- \`-R\`: the paths of everything below the directory.
- \`-lR\`: one line for each file below the directory, with the fields described here. Most other options need it.

The fields of \`-lR\` are: the type (\`-\` regular file, \`d\` directory, \`l\` symbolic link, \`c\` and \`b\` devices, \`p\` named pipe, \`s\` socket, \`u\` unknown), the permissions as four octal digits, the size, the owner and group (\`--uids\`), the times of access, modification and status change (\`--times\` and its variants), device, inode, number of links, rdev and blocks (\`--extra-stats\`), the checksum (\`--checksum\`, regular files only), the full path, and for symbolic links the target.

Names may hold spaces and even line ends: a program that reads the listing should use \`--csv\` or \`--json\`. In CSV a symbolic link has one field more, its target.`,
      ],
      ['GUEST STRINGS', STRINGS],
    ],
    seeAlso: ['virt-cat(1)', 'virt-copy-out(1)', 'virt-tar-out(1)', 'guestfish(1)'],
  },
  {
    spec: virtDfSpec,
    description: `virt-df shows how full the filesystems of a virtual machine are. All disks that are named belong to one guest, which is called by its first disk, with a plus sign if there are more.

${DISKS} What the numbers mean is what **df**(1) would say in the guest after it was shut down.`,
    sections: [
      [
        'OUTPUT',
        `The table shows blocks of 1 KiB, or sizes with \`-h\`, or inodes with \`-i\`. A name that is too long for its column gets a line of its own. The percentage is rounded up; in CSV it has one decimal. Filesystems that cannot be mounted are left out.

JSON has bytes (or inodes): \`total\`, \`used\`, \`available\`, and \`percent\`.`,
      ],
    ],
    seeAlso: ['df(1)', 'virt-filesystems(1)', 'guestfish(1)'],
  },
  {
    spec: virtFilesystemsSpec,
    description: `virt-filesystems lists what is on the disks of a virtual machine: the filesystems that can be mounted, and with options also other content, partitions, disks, LVM volumes, groups and physical volumes. Options that choose what is shown can be combined.

${DISKS}`,
    sections: [
      [
        'COLUMNS',
        `Without \`-l\` only names are shown. With it there are, as far as they apply to what is shown:

- **Name**: the name by which the other tools and \`-m\` know it.
- **Type**: \`filesystem\`, \`partition\`, \`device\`, \`lv\`, \`vg\` or \`pv\`.
- **VFS**: type of the filesystem, \`swap\`, or \`unknown\`.
- **Label**: label of the filesystem.
- **MBR**: type byte of an MBR partition.
- **Size**: bytes; of a filesystem, those it has for files.
- **Parent**: the disk of a partition, the group of a volume, the devices of a group.
- **UUID**: with \`--uuid\`.

A dash stands for what does not apply. With \`--csv\` the field is empty, with \`--json\` it is missing (JSON always has all fields).`,
      ],
      ['GUEST STRINGS', STRINGS],
    ],
    seeAlso: ['virt-df(1)', 'virt-inspector(1)', 'guestfish(1)'],
  },
  {
    spec: virtInspectorSpec,
    description: `virt-inspector tells which operating systems are on the disks of a virtual machine: type, distribution, version, architecture, host name, how its filesystems are mounted, and which applications are installed. The output is XML in the form of libguestfs's virt-inspector.

${DISKS}

What is told comes out of files in the guest, which can lie.`,
    seeAlso: ['virt-filesystems(1)', 'guestfs(1)', 'guestfish(1)', 'xmllint(1)'],
  },
  {
    spec: virtRescueSpec,
    description: `virt-rescue starts the appliance, a small machine with a Linux kernel and the tools of the host, gives it the disks, and
connects your terminal with a shell in it. What you see in \`/\` is that machine. With \`-i\` or \`-m\` the filesystems of the
virtual machine are mounted below \`/sysroot\`; \`chroot /sysroot\` goes into a Linux guest. The disks have the names of the API:
the first is \`/dev/sda\`.

The disks are read-only unless \`--rw\` is given: the shell can write to them, but that is dropped in the end. When the shell ends, all
filesystems are unmounted.

${DISKS}`,
    sections: [
      [
        'KEYS',
        `What is typed goes to the shell, Ctrl-C and Ctrl-Z too, and programs there know the size of the terminal. After the escape
key (\`^]\`, which is Ctrl and ], or that of \`-e\`) a letter is for virt-rescue:

- \`h\` or \`?\`: tell about these keys.
- \`i\`: print what inspection found, with \`-i\`.
- \`q\` or \`x\`: leave at once; the filesystems are unmounted as at the end of the shell.
- \`s\`: write everything through to the disks.
- \`u\`: unmount the filesystems of the disks.
- \`z\`: suspend virt-rescue.
- The escape key again: send it to the shell.

Where standard input is no terminal, all of it goes to the shell, and its end is the end of the shell's input.`,
      ],
      [
        'APPLIANCE',
        `The machine needs qemu and a kernel of the host that can be read; \`guestfs appliance check\` says what is missing, and which tools the shell will not have. A fixed appliance of libguestfs, named in \`LIBGUESTFS_PATH\`, works too, but does not hear of the size of the terminal.`,
      ],
    ],
    seeAlso: ['guestfs(1)', 'guestfish(1)', 'virt-cat(1)', 'virt-edit(1)', 'virt-filesystems(1)'],
  },
  {
    spec: virtLogSpec,
    description: `virt-log prints the system log of a virtual machine: the systemd journal if there is one, else \`/var/log/syslog\` or \`/var/log/messages\`.

${DISKS}`,
    sections: [['GUEST STRINGS', STRINGS]],
    seeAlso: ['virt-cat(1)', 'virt-tail(1)', 'journalctl(1)'],
  },
  {
    spec: virtTailSpec,
    description: `virt-tail prints the end of files of a virtual machine and then what is added to them, until Ctrl-C, or until none of the files is there any more. It opens the disk anew each time it looks, once a second, because the guest that writes to the file is usually running. What the guest has not yet written to its disk is not seen.

${INSPECTION}`,
    sections: [
      ['WINDOWS PATHS', WINDOWS],
      ['GUEST STRINGS', STRINGS],
    ],
    seeAlso: ['tail(1)', 'virt-cat(1)', 'virt-log(1)'],
  },
  {
    spec: virtTarOutSpec,
    description: `virt-tar-out packs a directory of a virtual machine, with everything below it, into a tar archive on the host. The archive \`-\` is standard output.

${INSPECTION}

${DISKS}`,
    seeAlso: ['tar(1)', 'virt-copy-out(1)', 'guestfish(1)'],
  },
  {
    spec: virtCopyOutSpec,
    description: `virt-copy-out copies files and directories of a virtual machine, with everything below them, into a directory of the host, which must exist. Nothing is written outside that directory, whatever the names and links in the guest are.

${INSPECTION}

${DISKS}`,
    seeAlso: ['virt-cat(1)', 'virt-tar-out(1)', 'guestfish(1)'],
  },
  {
    spec: virtTarSpec,
    description: `virt-tar is the old form of **virt-tar-out**(1), kept for scripts. The disks are named before the directory and the archive.`,
    seeAlso: ['virt-tar-out(1)'],
  },
  {
    spec: virtListFilesystemsSpec,
    description: `virt-list-filesystems is an old and simple form of **virt-filesystems**(1), kept for scripts: one filesystem a line, with \`-l\` its type after a space. Note that \`-a\` means all here.`,
    seeAlso: ['virt-filesystems(1)'],
  },
  {
    spec: virtListPartitionsSpec,
    description: `virt-list-partitions is an old and simple form of **virt-filesystems**(1), kept for scripts: one partition a line, with \`-l\` the type of what it holds and its size.`,
    seeAlso: ['virt-filesystems(1)'],
  },
  {
    spec: testToolSpec,
    description: `libguestfs-test-tool makes a small empty disk, opens it as programs do, and tells about the machine it runs on and how long that took. Give its whole output with a report of a fault.`,
    exitStatus: `0 if it worked: the last line of the output says so. 1 if it did not, 2 for a fault of the program itself.`,
    seeAlso: ['guestfs(1)', 'guestfish(1)'],
  },
];
