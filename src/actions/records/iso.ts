import type { ActionRecord } from '../record.ts';

export const isoActions = [
  {
    name: 'isoinfo_device',
    since: '1.17.19',
    proc: 313,
    where: 'daemon',
    args: [{ type: 'Device', name: 'device' }],
    optargs: [],
    ret: { type: 'Struct', of: 'isoinfo', name: 'isodata' },
    summary: 'read the volume descriptor of an ISO 9660 disc on a device',
    description:
      'Returns the fields of the primary volume descriptor on the device, without mounting it. Text fields lose the spaces that fill them. `iso_volume_space_size` counts blocks of `iso_logical_block_size` bytes. The four times are seconds since 1970, or -1 where the disc does not say. Fails with EUCLEAN if there is no ISO 9660 filesystem on the device; for an ISO image in a file of the guest use `isoinfo`.',
  },
  {
    name: 'isoinfo',
    since: '1.17.19',
    proc: 314,
    where: 'daemon',
    args: [{ type: 'Pathname', name: 'isofile' }],
    optargs: [],
    ret: { type: 'Struct', of: 'isoinfo', name: 'isodata' },
    summary: 'read the volume descriptor of an ISO 9660 image in a file',
    description:
      'The same as `isoinfo_device` for an ISO image that is a file of the guest: it is read where it lies, neither mounted nor extracted.',
  },
] as const satisfies readonly ActionRecord[];
