import type { ActionRecord } from '../record.ts';

export const rsyncActions = [
  {
    name: 'rsync',
    since: '1.19.29',
    proc: 344,
    where: 'daemon',
    args: [
      { type: 'Pathname', name: 'src' },
      { type: 'Pathname', name: 'dest' },
    ],
    optargs: [
      { type: 'Bool', name: 'archive' },
      { type: 'Bool', name: 'deletedest' },
    ],
    ret: { type: 'void' },
    group: 'rsync',
    summary: '',
    description: '',
  },
  {
    name: 'rsync_in',
    since: '1.19.29',
    proc: 345,
    where: 'daemon',
    args: [
      { type: 'String', name: 'remote' },
      { type: 'Pathname', name: 'dest' },
    ],
    optargs: [
      { type: 'Bool', name: 'archive' },
      { type: 'Bool', name: 'deletedest' },
    ],
    ret: { type: 'void' },
    group: 'rsync',
    summary: '',
    description: '',
  },
  {
    name: 'rsync_out',
    since: '1.19.29',
    proc: 346,
    where: 'daemon',
    args: [
      { type: 'Pathname', name: 'src' },
      { type: 'String', name: 'remote' },
    ],
    optargs: [
      { type: 'Bool', name: 'archive' },
      { type: 'Bool', name: 'deletedest' },
    ],
    ret: { type: 'void' },
    group: 'rsync',
    summary: '',
    description: '',
  },
] as const satisfies readonly ActionRecord[];
