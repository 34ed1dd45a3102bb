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
    summary: 'list the files in an initial RAM disk',
    description:
      'Returns the names of all files in the initial RAM disk in the file `path`, as the archive stores them. Several cpio archives one after the other are read as one, the last of them may be compressed with gzip, bzip2, xz, lzma, lzop, lz4 or zstd, so that images with microcode in front work. Fails with EUCLEAN if the file is something else.',
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
    summary: 'read a file out of an initial RAM disk',
    description:
      'Returns the content of the file `filename` in the initial RAM disk `initrdpath`; forms as with `initrd_list`. A leading slash or `./` of the name does not matter, and symbolic links in the archive are followed. Fails with ENOENT if there is no such file and with EISDIR if it is a directory.',
  },
] as const satisfies readonly ActionRecord[];
