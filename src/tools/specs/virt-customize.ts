import { generalOptions, keyOptions, mountOption, writingDriveOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';
import { operations } from '../customize/operations.ts';

const operationOptions: readonly OptionSpec[] = operations.map(({ name, argument, help }) => ({
  name,
  long: [name],
  help,
  ...(argument === undefined ? {} : { value: 'required' as const, placeholder: argument }),
}));

/** virt-customize's command line. */
export const virtCustomizeSpec: ToolSpec = {
  name: 'virt-customize',
  summary: 'change a virtual machine that is not running',
  usage: ['[OPTION...] -a DISK [-a DISK...] [OPERATION...]'],
  options: sortedOptions(
    writingDriveOptions,
    keyOptions,
    // -m is the size of memory in the stock tool; here only the long name mounts.
    [{ ...mountOption, long: ['mount'] }].map(({ short: _short, ...option }) => option),
    generalOptions,
    operationOptions,
    [
      {
        name: 'commands-from-file',
        long: ['commands-from-file'],
        value: 'required',
        placeholder: 'FILE',
        help: 'read operations from a file, one a line',
        manual:
          'Read operations from a file, one a line, without the dashes: `mkdir /srv/data`. `#` begins a comment, a backslash at the end goes on in the next line.',
      },
      {
        name: 'dry-run',
        short: 'n',
        long: ['dry-run'],
        help: 'do everything in an overlay and drop it: the disks stay as they are',
      },
      {
        name: 'memsize',
        short: 'm',
        long: ['memsize'],
        value: 'required',
        placeholder: 'MIB',
        help: 'memory of the machine that runs programs of the guest',
      },
      {
        name: 'network',
        long: ['network'],
        help: 'let programs of the guest make connections (the default)',
      },
      {
        name: 'no-network',
        long: ['no-network'],
        help: 'give programs of the guest no network',
      },
      {
        name: 'smp',
        long: ['smp'],
        value: 'required',
        placeholder: 'N',
        help: 'processors of the machine that runs programs of the guest',
      },
      {
        name: 'password-crypto',
        long: ['password-crypto'],
        value: 'required',
        placeholder: 'sha256|sha512',
        help: 'how passwords are stored (default sha512)',
      },
      { name: 'quiet', short: 'q', long: ['quiet'], help: 'do not tell what is being done' },
    ],
  ),
  examples: [
    ['virt-customize -a guest.qcow2 --hostname web1 --ssh-inject root', 'a name, and a way in'],
    [
      "virt-customize -a guest.qcow2 --upload app.conf:/etc --firstboot-command 'systemctl enable --now app'",
      'files, and what to do at the first boot',
    ],
    [
      'virt-customize -a guest.qcow2 --install nginx --run setup.sh',
      'packages, and a script that runs in the guest',
    ],
  ],
};
