import type { ActionRecord } from '../record.ts';

export const initrdActions = [
  {
    name: 'initrd_list',
    since: '1.0.54',
    proc: 128,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'path' }],
    optargs: [],
    ret: { type: 'StringList', of: 'String', name: 'filenames' },
    summary: '',
    description: '',
  },
  {
    name: 'initrd_cat',
    since: '1.0.84',
    proc: 221,
    where: 'daemon',
    args: [
      { type: 'Pathname', name: 'initrdpath' },
      { type: 'String', name: 'filename' },
    ],
    optargs: [],
    ret: { type: 'BufferOut', name: 'content' },
    summary: '',
    description: '',
  },
] as const satisfies readonly ActionRecord[];
