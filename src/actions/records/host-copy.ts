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
    summary: 'copy a file or folder of the host into the guest',
    description:
      'Copies `localpath`, a file or folder of the host with everything below it, into the directory `remotedir` of the guest, which must exist, under its own name. Owners (by number), modes, times, links and device nodes are kept; sockets are left out. What is there already is replaced, folders are merged.',
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
    summary: 'copy a file or folder of the guest to the host',
    description:
      "Copies `remotepath`, with everything in it if it is a directory, into the folder `localdir` of the host, which must exist, under its own name; the content of `/` goes into the folder itself. What exists there is replaced, folders are merged. Permissions, modification times, symbolic and hard links are kept; owners, setuid and setgid bits are not.\n\nA guest is not to be trusted with the host's files. A name with `..`, an absolute one, or a way through a link that was there before fails with EPERM. Symbolic links that lead out of the copied directory are left out, and devices, sockets and FIFOs too, each with a warning event; with the option `links: 'all'` links are made as they are.\n\nFails with ENOENT if `remotepath` does not exist, ENOTDIR if `localdir` is no folder, EINVAL for a device, socket or FIFO by itself.",
  },
] as const satisfies readonly ActionRecord[];
