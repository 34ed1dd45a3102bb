import type { ActionRecord } from '../record.ts';

export const bootActions = [
  {
    name: 'grub_install',
    since: '1.0.17',
    proc: 86,
    where: 'daemon',
    args: [
      { type: 'Pathname', name: 'root' },
      { type: 'Device', name: 'device' },
    ],
    optargs: [],
    ret: { type: 'void' },
    group: 'grub',
    summary: '',
    description: '',
  },
  {
    name: 'syslinux',
    since: '1.21.27',
    proc: 399,
    where: 'daemon',
    args: [{ type: 'Device', name: 'device' }],
    optargs: [{ type: 'String', name: 'directory' }],
    ret: { type: 'void' },
    group: 'syslinux',
    summary: '',
    description: '',
  },
  {
    name: 'extlinux',
    since: '1.21.27',
    proc: 400,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'directory' }],
    optargs: [],
    ret: { type: 'void' },
    group: 'extlinux',
    summary: '',
    description: '',
  },
] as const satisfies readonly ActionRecord[];
