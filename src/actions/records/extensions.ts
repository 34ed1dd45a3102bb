import type { ActionRecord } from '../record.ts';

export const extensionsActions = [
  {
    name: 'walk_out',
    since: '1.61.0',
    proc: null,
    where: 'daemon',
    args: [
      { type: 'Pathname', name: 'directory' },
      { type: 'FileOut', name: 'entries' },
    ],
    optargs: [],
    ret: { type: 'void' },
    cancellable: true,
    visibility: 'public_no_fish',
    summary: 'list everything below a directory with its stat, as a stream',
    description:
      'An extension of this package. Writes a binary record for `directory` and for each file below it, with path, stat and, for symbolic links, the target; a directory comes before what is in it, and names are sorted by their bytes. `virt-ls -lR` reads it: one call for a whole filesystem instead of several for each directory. The form of the records is private to this package and may change.',
  },
] as const satisfies readonly ActionRecord[];
