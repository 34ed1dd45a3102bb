import type { ActionRecord } from '../record.ts';

export const hostCopyActions = [
  {
    name: 'copy_in',
    since: '1.29.24',
    proc: null,
    where: 'handle',
    args: [
      { type: 'String', name: 'localpath' },
      { type: 'Pathname', name: 'remotedir' },
    ],
    optargs: [],
    ret: { type: 'void' },
    visibility: 'public_no_fish',
    summary: '',
    description: '',
  },
  {
    name: 'copy_out',
    since: '1.29.24',
    proc: null,
    where: 'handle',
    args: [
      { type: 'Pathname', name: 'remotepath' },
      { type: 'String', name: 'localdir' },
    ],
    optargs: [],
    ret: { type: 'void' },
    visibility: 'public_no_fish',
    summary: '',
    description: '',
  },
] as const satisfies readonly ActionRecord[];
