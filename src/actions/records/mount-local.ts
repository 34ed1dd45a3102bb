import type { ActionRecord } from '../record.ts';

export const mountLocalActions = [
  {
    name: 'mount_local',
    since: '1.17.22',
    proc: null,
    where: 'handle',
    args: [{ type: 'String', name: 'localmountpoint' }],
    optargs: [
      { type: 'Bool', name: 'readonly' },
      { type: 'String', name: 'options' },
      { type: 'Int', name: 'cachetimeout' },
      { type: 'Bool', name: 'debugcalls' },
    ],
    ret: { type: 'void' },
    summary: '',
    description: '',
  },
  {
    name: 'mount_local_run',
    since: '1.17.22',
    proc: null,
    where: 'handle',
    args: [],
    optargs: [],
    ret: { type: 'void' },
    cancellable: true,
    summary: '',
    description: '',
  },
  {
    name: 'umount_local',
    since: '1.17.22',
    proc: null,
    where: 'handle',
    args: [],
    optargs: [{ type: 'Bool', name: 'retry' }],
    ret: { type: 'void' },
    summary: '',
    description: '',
  },
] as const satisfies readonly ActionRecord[];
