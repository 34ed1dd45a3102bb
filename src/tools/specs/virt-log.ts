import { driveOptions, generalOptions, keyOptions, liveOption } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { ToolSpec } from '../common/spec.ts';

/** virt-log's command line. */
export const virtLogSpec: ToolSpec = {
  name: 'virt-log',
  summary: 'print the system log of a virtual machine',
  usage: ['[OPTION...] -a DISK [-a DISK...]', '[OPTION...] DISK...'],
  options: sortedOptions(driveOptions, keyOptions, [liveOption], generalOptions),
  examples: [['virt-log guest.qcow2 | grep dhclient', 'which address did the guest get?']],
};
