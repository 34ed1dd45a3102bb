import type { ActionRecord } from '../record.ts';

export const checksumActions = [
  {
    name: 'checksum',
    since: '1.0.2',
    proc: 68,
    where: 'daemon',
    args: [
      { type: 'String', name: 'csumtype' },
      { type: 'Pathname', name: 'path' },
    ],
    optargs: [],
    ret: { type: 'String', of: 'String', name: 'checksum' },
    summary: 'compute a checksum of a file',
    description:
      'Returns the checksum of the content of a regular file, links followed. `csumtype` is `crc` (the CRC and number that cksum(1) prints first, in decimal), `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512` (in lower-case hexadecimal), or `gost` or `gost12`, which only an appliance has. Fails with EINVAL for another type and with EISDIR for a directory.',
  },
  {
    name: 'checksum_device',
    since: '1.3.2',
    proc: 237,
    where: 'daemon',
    args: [
      { type: 'String', name: 'csumtype' },
      { type: 'Device', name: 'device' },
    ],
    optargs: [],
    ret: { type: 'String', of: 'String', name: 'checksum' },
    summary: 'compute a checksum of a block device',
    description:
      'Returns the checksum of the whole content of a block device; types and result as with `checksum`. Zeroes count, so that a large empty device takes its time.',
  },
  {
    name: 'checksums_out',
    since: '1.3.7',
    proc: 244,
    where: 'daemon',
    args: [
      { type: 'String', name: 'csumtype' },
      { type: 'Pathname', name: 'directory' },
      { type: 'FileOut', name: 'sumsfile' },
    ],
    optargs: [],
    ret: { type: 'void' },
    cancellable: true,
    summary: 'write checksums of all files below a directory',
    description:
      'Writes a line for each regular file below `directory` to `sumsfile`, in no particular order: checksum, two spaces and the name beginning with `./`, as md5sum(1) and its kin do and as they can check it; for `crc` checksum, size and name, as cksum(1). Types as with `checksum`. A name with a backslash or a line end in it is escaped, and its line begins with a backslash.',
  },
] as const satisfies readonly ActionRecord[];
