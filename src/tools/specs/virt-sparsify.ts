import { generalOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { ToolSpec } from '../common/spec.ts';
import { valuedOption } from '../common/valued-option.ts';

/** virt-sparsify's command line. */
export const virtSparsifySpec: ToolSpec = {
  name: 'virt-sparsify',
  summary: 'make a disk image as small as what is in use in it',
  usage: ['[OPTION...] DISK NEW-DISK', '[OPTION...] --in-place DISK'],
  options: sortedOptions(generalOptions, [
    valuedOption(
      'allow-backing',
      'none|folder|any',
      'which backing files DISK may open (default none if its format is detected, else folder)',
    ),
    valuedOption(
      'check-tmpdir',
      'ignore|continue|warn|fail',
      'what to do where the temporary folder seems too small (default warn)',
      {
        manual:
          'What to do where the folder for the temporary overlay seems too small: `ignore` it, warn and `continue`, `warn` and wait for the Return key (the default; without a terminal it goes on), or `fail`. What is zeroed takes no space in the overlay, so that little is needed.',
      },
    ),
    {
      name: 'color',
      long: ['colors', 'colours', 'wrap'],
      help: 'accepted, nothing is coloured',
      hidden: true,
    },
    { name: 'compress', long: ['compress'], help: 'compress NEW-DISK (qcow2 only)' },
    valuedOption('convert', 'raw|qcow2', 'format of NEW-DISK (default that of DISK)'),
    valuedOption('format', 'raw|qcow2', 'format of DISK (default: detected)'),
    valuedOption('ignore', 'FILESYSTEM|VG', 'leave a filesystem or volume group alone (repeatable)', {
      manual:
        'Leave the free space of a filesystem, or of a volume group (without `/dev/`), as it is. May be given several times.',
    }),
    {
      name: 'in-place',
      long: ['in-place'],
      help: 'change DISK itself instead of copying it',
      manual:
        'Change DISK itself: free space is discarded, and what is stored and reads as zeroes is given back to the host. Internal snapshots stay, and keep what they need.',
    },
    {
      name: 'machine-readable',
      long: ['machine-readable'],
      value: 'optional',
      placeholder: 'FORMAT',
      help: 'alone: print what this program can do; else progress as N/100 lines',
    },
    {
      name: 'option',
      short: 'o',
      value: 'required',
      placeholder: 'NAME=VALUE[,...]',
      help: 'options of NEW-DISK, as qemu-img has them',
      manual:
        'Options of the new image: `cluster_size`, `compat`, `compression_type`, `extended_l2`, `lazy_refcounts`, `preallocation`, `refcount_bits`.',
    },
    { name: 'quiet', short: 'q', long: ['quiet'], help: 'show no progress and no messages' },
    valuedOption(
      'tmp',
      'FOLDER|prebuilt:FILE',
      'where the temporary overlay is made (default $TMPDIR or /tmp)',
      {
        manual:
          'The folder in which the temporary overlay is made, or with `prebuilt:` a new qcow2 image that has DISK as its backing file and is used as the overlay; it is not removed.',
      },
    ),
    valuedOption('zero', 'DEVICE', 'zero a partition or logical volume (repeatable)', {
      manual:
        'Fill a partition or logical volume with zeroes. **What is on it is lost.** May be given several times.',
    }),
  ]),
  examples: [
    ['virt-sparsify old.img new.img', 'a sparse copy'],
    ['virt-sparsify old.img --convert qcow2 --compress new.qcow2', 'a small one'],
    ['virt-sparsify --in-place disk.qcow2', 'without a second image'],
  ],
};
