import type { ActionRecord } from '../record.ts';

export const readActions = [
  {
    name: 'cat',
    since: '0.0.4',
    proc: null,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'path' }],
    optargs: [],
    ret: { type: 'String', of: 'String', name: 'content' },
    summary: 'read a file as text',
    description:
      'Returns the content of a file as a string. Bytes that are not UTF-8 appear as U+DC80 to U+DCFF, one for each, so that nothing is lost; NUL characters are kept. For binary files use `read_file`, for parts `pread`, for files of more than half a gigabyte `download`: they fail here with EFBIG.',
  },
  {
    name: 'read_file',
    since: '1.0.63',
    proc: null,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'path' }],
    optargs: [],
    ret: { type: 'BufferOut', name: 'content' },
    summary: 'read a file as bytes',
    description:
      'Returns the content of a file as bytes, whatever they are. Fails with EISDIR for a directory and with EFBIG for a file of 2 GiB or more, which can be downloaded or read in parts.',
  },
  {
    name: 'read_lines',
    since: '0.0.7',
    proc: null,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'path' }],
    optargs: [],
    ret: { type: 'StringList', of: 'String', name: 'lines' },
    summary: 'read a text file as a list of lines',
    description:
      'Returns the lines of a text file without their line ends, which are LF or CRLF. The last line counts whether it has a line end or not.',
  },
  {
    name: 'file',
    since: '1.9.1',
    proc: 49,
    where: 'daemon',
    args: [{ type: 'Dev_or_Path', name: 'path' }],
    optargs: [],
    ret: { type: 'String', of: 'String', name: 'description' },
    summary: 'tell what kind of file something is',
    description:
      'Returns a description in the words of file(1): of a regular file by its content, as in `ELF 64-bit LSB pie executable, x86-64, ...` or `ASCII text`; of compressed data what is inside and, in parentheses, what it is packed in. A directory, symbolic link, FIFO, socket or device node is named as such and a link is not followed. Of a device of the guest, its content is described: a filesystem, a partition table and so on. What is not recognised is `data`. The words are for people; they may change.',
  },
  {
    name: 'equal',
    since: '1.0.18',
    proc: 93,
    where: 'daemon',
    args: [
      { type: 'Pathname', name: 'file1' },
      { type: 'Pathname', name: 'file2' },
    ],
    optargs: [],
    ret: { type: 'Bool', name: 'equality' },
    summary: 'tell whether two files have the same content',
    description:
      'Returns true if both files, links followed, have exactly the same content. Two paths to one and the same file are equal without being read. Fails if one of them does not exist or is a directory.',
  },
  {
    name: 'pread',
    since: '1.0.77',
    proc: 207,
    where: 'daemon',
    args: [
      { type: 'Pathname', name: 'path' },
      { type: 'Int', name: 'count' },
      { type: 'Int64', name: 'offset' },
    ],
    optargs: [],
    ret: { type: 'BufferOut', name: 'content' },
    summary: 'read part of a file',
    description:
      'Returns up to `count` bytes of a file from the byte `offset` on; fewer at the end of the file, and none beyond it. Fails with EINVAL if a number is negative.',
  },
  {
    name: 'pread_device',
    since: '1.5.21',
    proc: 276,
    where: 'daemon',
    args: [
      { type: 'Device', name: 'device' },
      { type: 'Int', name: 'count' },
      { type: 'Int64', name: 'offset' },
    ],
    optargs: [],
    ret: { type: 'BufferOut', name: 'content' },
    summary: 'read part of a block device',
    description:
      'Returns up to `count` bytes of a block device from the byte `offset` on; fewer at its end, and none beyond it. Fails with EINVAL if a number is negative.',
  },
  {
    name: 'file_architecture',
    since: '1.5.3',
    proc: 475,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'filename' }],
    optargs: [],
    ret: { type: 'String', of: 'String', name: 'arch' },
    summary: 'tell which processor architecture a file is for',
    description:
      'Returns the architecture of a program, library, kernel or kernel module (which may be compressed), Windows program, or of the programs in an initial RAM disk: `x86_64`, `i386`, `aarch64`, `arm`, `ppc64le`, `ppc64`, `ppc`, `s390x`, `s390`, `riscv64`, `ia64`, `sparc64`, `sparc`, `loongarch64` and others. Symbolic links are followed. Fails with EINVAL if it cannot be told, as for scripts.',
  },
  {
    name: 'zfile',
    since: '1.0.59',
    proc: 140,
    where: 'daemon',
    args: [
      { type: 'String', name: 'meth' },
      { type: 'Pathname', name: 'path' },
    ],
    optargs: [],
    ret: { type: 'String', of: 'String', name: 'description' },
    deprecatedBy: 'file',
    summary: 'tell what kind of file is inside a compressed one',
    description:
      'Returns what `file` says of the decompressed content. `meth` says how it is compressed: `gzip`, `compress` or `bzip2`. `file` looks into compressed files by itself.',
  },
] as const satisfies readonly ActionRecord[];
