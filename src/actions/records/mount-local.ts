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
    summary: "prepare to mount the guest's files on the host",
    description:
      "Makes the guest's tree a FUSE filesystem on a folder of the host; `mount_local_run` serves it. Not part of this version: fails with ENOTSUP.",
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
    summary: "serve the guest's files on the host",
    description:
      "Answers the kernel's requests until the filesystem is unmounted. Not part of this version: fails with ENOTSUP.",
  },
  {
    name: 'umount_local',
    since: '1.17.22',
    proc: null,
    where: 'handle',
    args: [],
    optargs: [{ type: 'Bool', name: 'retry' }],
    ret: { type: 'void' },
    summary: "unmount the guest's files from the host",
    description:
      'Ends what `mount_local` began; with `retry` it tries several times while the filesystem is in use. Not part of this version: fails with ENOTSUP.',
  },
] as const satisfies readonly ActionRecord[];
