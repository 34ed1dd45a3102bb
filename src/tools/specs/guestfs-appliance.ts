import { generalOptions } from '../common/common-options.ts';
import { sortedOptions } from '../common/sorted-options.ts';
import type { OptionSpec, ToolSpec } from '../common/spec.ts';

const ownOptions: readonly OptionSpec[] = [
  {
    name: 'kernel',
    long: ['kernel'],
    value: 'required',
    placeholder: 'FILE',
    help: 'the kernel to take; its modules must be installed',
  },
  {
    name: 'daemon',
    long: ['daemon'],
    value: 'required',
    placeholder: 'FILE',
    help: 'the daemon to take instead of our own',
  },
];

/** Command line of `guestfs appliance`. */
export const guestfsApplianceSpec: ToolSpec = {
  name: 'guestfs appliance',
  summary: 'make and look at the machine that the appliance backend boots',
  usage: ['build [OPTION...] [DIRECTORY]', 'check [OPTION...]', 'save', 'list', 'drop'],
  options: sortedOptions(generalOptions, ownOptions),
  examples: [
    ['guestfs appliance check', 'can this host make one, and what would it lack?'],
    ['guestfs appliance build /srv/appliance', 'make one to take elsewhere'],
  ],
};
