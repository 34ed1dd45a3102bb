import {
  driveOptions,
  generalOptions,
  keyOptions,
  liveOption,
  mountOption,
} from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { ToolSpec } from '../common/spec.ts';

/** virt-tail's command line. */
export const virtTailSpec: ToolSpec = {
  name: 'virt-tail',
  summary: 'follow files of a virtual machine as they grow',
  usage: ['[OPTION...] -a DISK [-a DISK...] FILE...'],
  options: sortedOptions(driveOptions, keyOptions, [liveOption, mountOption], generalOptions, [
    {
      name: 'follow',
      short: 'f',
      long: ['follow'],
      help: 'accepted for the sake of habit: it always follows',
    },
  ]),
  examples: [['virt-tail -a guest.qcow2 /var/log/syslog', 'until Ctrl-C']],
};
