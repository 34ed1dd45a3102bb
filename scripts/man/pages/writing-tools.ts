import { virtCustomizeSpec } from '../../../src/tools/specs/virt-customize.ts';
import { virtDiffSpec } from '../../../src/tools/specs/virt-diff.ts';
import { virtEditSpec } from '../../../src/tools/specs/virt-edit.ts';
import { virtFormatSpec } from '../../../src/tools/specs/virt-format.ts';
import { virtMakeFsSpec } from '../../../src/tools/specs/virt-make-fs.ts';
import { virtResizeSpec } from '../../../src/tools/specs/virt-resize.ts';
import { virtSparsifySpec } from '../../../src/tools/specs/virt-sparsify.ts';
import { virtCopyInSpec, virtTarInSpec } from '../../../src/tools/specs/writing-wrappers.ts';
import type { ManPage } from '../page.ts';
import { DISKS, INSPECTION, STRINGS, WINDOWS } from './words.ts';

const WRITTEN = `The disks are written to: the guest must not be running. They are locked meanwhile, and a disk that another program or a running QEMU holds is refused. After a crash of this program or of the host the filesystems are as they were before or after each change, and what was there before is still there.`;

const SELINUX = `A guest that is set up for SELinux gets a file \`/.autorelabel\` where something was made that has no label yet: it then labels its files when it boots next. Labels of files that are changed stay.`;

/** Pages of the tools that change disks. */
export const writingToolPages: readonly ManPage[] = [
  {
    spec: virtEditSpec,
    description: `virt-edit changes files of a virtual machine: in the editor that $EDITOR names, or **vi**(1), or with \`-e\` by a Perl expression and without a person. A file that was changed takes the place of the old one in one step, and keeps its owner, mode and extended attributes; a symbolic link is followed and stays.

${INSPECTION}

${WRITTEN}`,
    sections: [
      ['WINDOWS PATHS', WINDOWS],
      ['SELINUX', SELINUX],
    ],
    seeAlso: ['virt-cat(1)', 'virt-copy-in(1)', 'virt-customize(1)', 'guestfish(1)', 'perl(1)'],
  },
  {
    spec: virtCopyInSpec,
    description: `virt-copy-in copies files and directories of the host, with everything below them, into a directory of a virtual machine, which must exist. Owners (by number), modes, times and links are kept.

${INSPECTION}

${WRITTEN}`,
    sections: [['SELINUX', SELINUX]],
    seeAlso: ['virt-copy-out(1)', 'virt-tar-in(1)', 'virt-customize(1)', 'guestfish(1)'],
  },
  {
    spec: virtTarInSpec,
    description: `virt-tar-in unpacks a tar archive into a directory of a virtual machine, which must exist. The archive \`-\` is standard input. Nothing is written outside of the directory, whatever names and links are in the archive.

${INSPECTION}

${WRITTEN}`,
    sections: [['SELINUX', SELINUX]],
    seeAlso: ['tar(1)', 'virt-copy-in(1)', 'virt-tar-out(1)', 'guestfish(1)'],
  },
  {
    spec: virtFormatSpec,
    description: `virt-format erases disks and makes on each of them, as the options say, a partition table with one partition, a logical volume, and an empty filesystem. **All that is on the disks is lost.**`,
    seeAlso: ['virt-make-fs(1)', 'virt-filesystems(1)', 'guestfish(1)'],
  },
  {
    spec: virtMakeFsSpec,
    description: `virt-make-fs makes a disk image with a filesystem out of a folder of the host or a tar archive, which may be compressed. The image is as large as its files need, or of the size that is given. It appears under its name when it is complete, and one of that name is then replaced.`,
    sections: [
      [
        'REPRODUCIBLE IMAGES',
        `With $SOURCE_DATE_EPOCH set, to seconds since 1970, the same input makes the same image, byte for byte: times later than that become that time, and what is else drawn by chance, such as UUIDs, follows from it.`,
      ],
    ],
    seeAlso: ['virt-format(1)', 'virt-tar-in(1)', 'virt-resize(1)', 'mke2fs(8)'],
  },
  {
    spec: virtResizeSpec,
    description: `virt-resize copies a disk onto another one that is larger or smaller, and resizes partitions and what is in them on the way: ext2, ext3 and ext4, LVM physical volumes and swap. The old disk stays as it is. Partitions keep their order, types, names and GUIDs; behind one that is resized they move.

NEW-DISK must be there and blank, or is made with \`--size\`.`,
    sections: [
      [
        'BOOTING',
        `Whatever lies before the first partition is copied, where boot loaders have their code, and the first partition is not moved unless you ask for it. A boot loader that remembers other places on the disk by number may have to be installed anew.`,
      ],
    ],
    seeAlso: ['virt-filesystems(1)', 'virt-df(1)', 'guestfish(1)'],
  },
  {
    spec: virtSparsifySpec,
    description: `virt-sparsify copies a disk image and leaves out what is free in it, or with \`--in-place\` gives the space of that back to the host. Free space of ext2, ext3, ext4 and FAT, of LVM volume groups, and swap areas are cleared; a filesystem that cannot be written to is named in a warning, and its free space is copied as it is.

The guest must not be running. The disk that is copied stays as it is: what is cleared in it goes to a temporary overlay. NEW-DISK gets its name when it is complete, and one of that name is then replaced.`,
    sections: [
      [
        'SPARSE FILES',
        `A raw image keeps its length; \`du\` tells what it takes on the host, \`ls -l\` does not. Copying such a file with a program that does not know holes makes it large again.`,
      ],
    ],
    exitStatus: `0 if all went well, 1 if not, 2 for a fault of the program itself; 3 with \`--in-place\` where the system cannot give back the space of a part of a file, so that only copying is possible.`,
    seeAlso: ['guestfs(1)', 'virt-resize(1)', 'virt-df(1)', 'virt-filesystems(1)', 'qemu-img(1)'],
  },
  {
    spec: virtDiffSpec,
    description: `virt-diff lists the differences between the files of two virtual machines, or of two states of one: \`-a\` names the disks of the first, \`-A\` those of the second. Boot loaders and unused space are not looked at.

${DISKS}`,
    sections: [
      [
        'OUTPUT',
        `Each line begins with a sign, followed by the fields that \`virt-ls -lR\` has:

- \`-\`: the file is only in the first guest.
- \`+\`: the file is only in the second guest.
- \`=\`: the content differs. Below it is how, in the form of \`diff -u\`, up to a line \`@@ End of diff @@\`.

Where the content is the same and something else differs there is a line for either guest and then \`# changed:\` with the names of the fields. Times of access and, of directories, times and numbers of links are left out unless they are asked for.`,
      ],
      ['GUEST STRINGS', STRINGS],
    ],
    seeAlso: ['virt-ls(1)', 'virt-cat(1)', 'diff(1)'],
  },
  {
    spec: virtCustomizeSpec,
    description: `virt-customize changes a virtual machine that is not running: files, accounts, host name, what happens at its next boot. Operations are done in the order in which they are given. What cannot be understood is refused before anything is changed.

${INSPECTION}

${WRITTEN}

What runs programs of the guest (\`--install\`, \`--run\` and the like) is not supported by the engine.`,
    sections: [
      [
        'PASSWORDS',
        `\`--root-password\` and \`--password\` take a selector: \`password:TEXT\` (others may see it in the list of processes), \`file:FILE\` (its first line), \`random\` (it is printed), \`disabled\` (nobody can log in with a password), or \`locked\` with or without one of those behind a colon.`,
      ],
      [
        'FIRST BOOT',
        `Scripts of \`--firstboot\` and \`--firstboot-command\` run once, in their order, late in the next boot, as root. They are in \`/usr/lib/guestfs-firstboot\`, and what they print goes to \`log\` there. The guest must have systemd or init scripts in \`/etc/init.d\`.`,
      ],
      ['SELINUX', SELINUX],
    ],
    seeAlso: ['virt-edit(1)', 'virt-copy-in(1)', 'virt-resize(1)', 'guestfish(1)'],
  },
];
