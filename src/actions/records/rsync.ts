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
    summary: 'synchronise two directories of the guest',
    description:
      'Runs rsync(1) from `src` to `dest`, both in the guest. `archive` is its -a, `deletedest` removes what is not in the source. Needs rsync in the appliance.',
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
    summary: 'synchronise from a remote host into the guest',
    description:
      'Runs rsync(1) with `remote` as the source, which needs the network of the appliance; see `set_network`. Options as in `rsync`.',
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
    summary: 'synchronise from the guest to a remote host',
    description:
      'Runs rsync(1) with `remote` as the target, which needs the network of the appliance. `src` is a pattern that is expanded in the guest. Options as in `rsync`.',
  },
] as const satisfies readonly ActionRecord[];
