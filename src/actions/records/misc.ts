import type { ActionRecord } from '../record.ts';

export const miscActions = [
  {
    name: 'dmesg',
    since: '1.0.18',
    proc: 91,
    where: 'daemon',
    args: [],
    optargs: [],
    ret: { type: 'String', of: 'String', name: 'kmsgs' },
    summary: 'get the kernel messages of the appliance',
    description:
      'Returns the messages of the kernel that the appliance runs, which help to find out why a call failed. The engine has no kernel.',
  },
  {
    name: 'modprobe',
    since: '1.0.68',
    proc: 194,
    where: 'daemon',
    args: [{ type: 'String', name: 'modulename' }],
    optargs: [],
    ret: { type: 'void' },
    group: 'linuxmodules',
    summary: 'load a kernel module in the appliance',
    description:
      'Loads a module by its name into the kernel of the appliance. The module has to be in the appliance.',
  },
] as const satisfies readonly ActionRecord[];
