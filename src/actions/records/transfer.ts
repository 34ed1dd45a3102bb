import type { ActionRecord } from '../record.ts';

export const transferActions = [
  {
    name: 'upload',
    since: '1.0.2',
    proc: 66,
    where: 'daemon',
    args: [
      { type: 'FileIn', name: 'filename' },
      { type: 'Dev_or_Path', name: 'remotefilename' },
    ],
    optargs: [],
    ret: { type: 'void' },
    progress: true,
    cancellable: true,
    summary: 'copy a file of the host into the guest',
    description:
      'Copies `filename` into the file or block device `remotefilename` of the guest. A file is made or replaced; of a device the beginning is overwritten, and data that do not fit fail with ENOSPC.',
  },
  {
    name: 'download',
    since: '1.0.2',
    proc: 67,
    where: 'daemon',
    args: [
      { type: 'Dev_or_Path', name: 'remotefilename' },
      { type: 'FileOut', name: 'filename' },
    ],
    optargs: [],
    ret: { type: 'void' },
    progress: true,
    cancellable: true,
    summary: 'copy a file or device of the guest to the host',
    description:
      'Copies the content of `remotefilename`, a regular file (links followed) or a block device, to `filename`. Fails with EISDIR for a directory. Progress is reported in bytes.',
  },
  {
    name: 'upload_offset',
    since: '1.5.17',
    proc: 273,
    where: 'daemon',
    args: [
      { type: 'FileIn', name: 'filename' },
      { type: 'Dev_or_Path', name: 'remotefilename' },
      { type: 'Int64', name: 'offset' },
    ],
    optargs: [],
    ret: { type: 'void' },
    progress: true,
    cancellable: true,
    summary: 'copy a file of the host into a part of a file or device',
    description:
      'Copies `filename` into the file or block device `remotefilename` of the guest from the byte `offset` on, leaving what is before and after as it is. A file is made if it does not exist; there may be a hole before the offset. Fails with EINVAL if the offset is negative.',
  },
  {
    name: 'download_offset',
    since: '1.5.17',
    proc: 274,
    where: 'daemon',
    args: [
      { type: 'Dev_or_Path', name: 'remotefilename' },
      { type: 'FileOut', name: 'filename' },
      { type: 'Int64', name: 'offset' },
      { type: 'Int64', name: 'size' },
    ],
    optargs: [],
    ret: { type: 'void' },
    progress: true,
    cancellable: true,
    summary: 'copy a part of a file or device of the guest to the host',
    description:
      'Copies up to `size` bytes of the file or block device `remotefilename` from the byte `offset` on to `filename`; fewer if it ends before, and none beyond its end. Fails with EINVAL if a number is negative.',
  },
] as const satisfies readonly ActionRecord[];
