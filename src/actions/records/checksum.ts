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
    summary: '',
    description: '',
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
    summary: '',
    description: '',
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
    summary: '',
    description: '',
  },
] as const satisfies readonly ActionRecord[];
