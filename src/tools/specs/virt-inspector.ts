import { driveOptions, generalOptions, jsonOption, keyOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

const ownOptions: readonly OptionSpec[] = [
  { name: 'no-applications', long: ['no-applications'], help: 'leave the installed applications out' },
  { name: 'no-icon', long: ['no-icon'], help: 'leave the icon out' },
  {
    name: 'xpath',
    long: ['xpath'],
    value: 'required',
    placeholder: 'QUERY',
    help: 'not supported: use xmllint --xpath on the output, or --json',
    manual: 'Not supported. Give the output to `xmllint --xpath`, or use `--json`.',
  },
];

/** virt-inspector's command line. */
export const virtInspectorSpec: ToolSpec = {
  name: 'virt-inspector',
  summary: 'tell which operating system is on the disks of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...]', '[OPTION...] DISK...'],
  options: sortedOptions(driveOptions, keyOptions, [jsonOption], generalOptions, ownOptions),
  examples: [
    ['virt-inspector guest.qcow2', 'everything, as XML'],
    ['virt-inspector --json --no-applications -a guest.qcow2', 'the essentials, as JSON'],
  ],
};
