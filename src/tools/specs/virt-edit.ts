import {
  generalOptions,
  keyOptions,
  liveOption,
  mountOption,
  writingDriveOptions,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { ToolSpec } from '../common/spec.ts';

/** virt-edit's command line. */
export const virtEditSpec: ToolSpec = {
  name: 'virt-edit',
  summary: 'edit files of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...] FILE...', '[OPTION...] DISK... FILE'],
  options: sortedOptions(writingDriveOptions, keyOptions, [liveOption, mountOption], generalOptions, [
    {
      name: 'backup',
      short: 'b',
      long: ['backup'],
      value: 'required',
      placeholder: 'SUFFIX',
      help: 'keep the old file under its name with SUFFIX',
    },
    {
      name: 'expression',
      short: 'e',
      long: ['edit', 'expr'],
      value: 'required',
      placeholder: 'EXPR',
      help: 'change each line with a Perl expression instead of an editor',
      manual:
        "Change the file without a person: every line, with its end, is put into `$_`, the Perl expression is evaluated, and what is in `$_` then takes the line's place. Needs perl on the host.",
    },
  ]),
  examples: [
    ['virt-edit -a guest.qcow2 /etc/fstab', 'with $EDITOR'],
    [
      "virt-edit -a guest.qcow2 /etc/default/grub -e 's/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=0/'",
      'with an expression',
    ],
  ],
};
