import type { ActionRecord } from '../record.ts';

export const imagesActions = [
  {
    name: 'disk_format',
    since: '1.19.38',
    proc: null,
    where: 'handle',
    args: [{ type: 'String', name: 'filename' }],
    optargs: [],
    ret: { type: 'String', of: 'String', name: 'format' },
    summary: 'tell the format of a disk image file',
    description:
      'Looks at the first bytes of the file `filename` on the host and gives the name of its format, spelt as `qemu-img` does: `raw`, `qcow2`, `vmdk`, `vdi`, `vhdx`, `vpc`, `qcow`, `qed` or `parallels`. What matches no format is `raw`.\n\nThe file is not opened as a drive, so the handle need not be launched. A guest can write whatever it likes into a raw disk, also the first bytes of another format: do not use the answer for images that are not trusted, state the format instead. Fails with ENOENT, EACCES or EISDIR where the file cannot be read.',
  },
  {
    name: 'disk_virtual_size',
    since: '1.19.39',
    proc: null,
    where: 'handle',
    args: [{ type: 'String', name: 'filename' }],
    optargs: [],
    ret: { type: 'Int64', name: 'size' },
    summary: 'tell the size of the disk in a disk image file',
    description:
      "Gives the size in bytes of the disk that a guest sees in the image `filename` on the host; the file itself is often smaller. The size of a raw image is its file's, rounded up to whole sectors of 512 bytes.\n\nThe format is probed as `disk_format` does. Only raw and qcow2 headers can be read, other formats fail with ENOTSUP; a damaged header fails with EUCLEAN.",
  },
  {
    name: 'disk_has_backing_file',
    since: '1.19.39',
    proc: null,
    where: 'handle',
    args: [{ type: 'String', name: 'filename' }],
    optargs: [],
    ret: { type: 'Bool', name: 'backingfile' },
    summary: 'tell whether a disk image file has a backing file',
    description:
      'True if the image `filename` on the host says in its header that another file, its backing file, holds the part of the disk that it does not hold itself. Whether that file exists is not looked at.\n\nThe format is probed as `disk_format` does. Raw images never have one; formats other than raw and qcow2 fail with ENOTSUP.',
  },
  {
    name: 'disk_create',
    since: '1.25.31',
    proc: null,
    where: 'handle',
    args: [
      { type: 'String', name: 'filename' },
      { type: 'String', name: 'format' },
      { type: 'Int64', name: 'size' },
    ],
    optargs: [
      { type: 'String', name: 'backingfile' },
      { type: 'String', name: 'backingformat' },
      { type: 'String', name: 'preallocation' },
      { type: 'String', name: 'compat' },
      { type: 'Int', name: 'clustersize' },
    ],
    ret: { type: 'void' },
    summary: 'create a blank disk image file',
    description:
      'Makes the file `filename` on the host, a disk image of the format `raw` or `qcow2` that holds a blank disk of `size` bytes. A file of that name is replaced.\n\n`backingfile` names the image that shows through where the new one holds nothing, and `backingformat` its format, which should always be stated; with a backing file `size` may be -1, which takes its size over. `preallocation` is `off` (or `sparse`), `metadata` (qcow2 only) or `full`. `compat` is `0.10` or `1.1`, the version of qcow2; `clustersize` is its cluster size in bytes, a power of two from 512 to 2097152. Options that the format does not have fail with EINVAL.',
  },
] as const satisfies readonly ActionRecord[];
