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
    summary: '',
    description: '',
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
    summary: '',
    description: '',
  },
] as const satisfies readonly ActionRecord[];
