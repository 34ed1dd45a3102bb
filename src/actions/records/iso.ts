import type { ActionRecord } from '../record.ts';

export const isoActions = [
  {
    name: 'isoinfo_device',
    since: '1.17.19',
    proc: 313,
    where: 'daemon',
    args: [{ type: 'Device', name: 'device' }],
    optargs: [],
    ret: { type: 'Struct', of: 'isoinfo', name: 'isodata' },
    summary: '',
    description: '',
  },
  {
    name: 'isoinfo',
    since: '1.17.19',
    proc: 314,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'isofile' }],
    optargs: [],
    ret: { type: 'Struct', of: 'isoinfo', name: 'isodata' },
    summary: '',
    description: '',
  },
] as const satisfies readonly ActionRecord[];
