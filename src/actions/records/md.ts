import type { ActionRecord } from '../record.ts';

export const mdActions = [
  {
    name: 'md_create',
    since: '1.15.6',
    proc: 299,
    where: 'daemon',
    args: [
      { type: 'String', name: 'name' },
      { type: 'StringList', of: 'Device', name: 'devices' },
    ],
    optargs: [
      { type: 'Int64', name: 'missingbitmap' },
      { type: 'Int', name: 'nrdevices' },
      { type: 'Int', name: 'spare' },
      { type: 'Int64', name: 'chunk' },
      { type: 'String', name: 'level' },
    ],
    ret: { type: 'void' },
    group: 'mdadm',
    summary: 'make a Linux software RAID array',
    description:
      'Makes an array named `name` out of the devices. `missingbitmap` is a bit mask of the slots that are left empty, counted from the lowest bit; `nrdevices` is the number of active devices, `spare` that of spare ones; `chunk` is the chunk size in bytes; `level` is `linear`, `raid0`, `0`, `stripe`, `raid1`, `1`, `mirror`, `raid4`, `4`, `raid5`, `5`, `raid6`, `6`, `raid10` or `10`, and `raid1` if it is not given.',
  },
  {
    name: 'list_md_devices',
    since: '1.15.4',
    proc: 300,
    where: 'daemon',
    args: [],
    optargs: [],
    ret: { type: 'StringList', of: 'Device', name: 'devices' },
    summary: 'list active software RAID arrays',
    description:
      'Returns the device names of all arrays that are running, `/dev/md127` for example. The engine assembles no arrays: its list is empty, and a device that is part of one has the type `linux_raid_member`.',
  },
  {
    name: 'md_detail',
    since: '1.15.6',
    proc: 301,
    where: 'daemon',
    args: [{ type: 'Device', name: 'md' }],
    optargs: [],
    ret: { type: 'Hashtable', key: 'String', value: 'String', name: 'info' },
    group: 'mdadm',
    summary: 'get the properties of a software RAID array',
    description:
      'Returns a hash of what `mdadm --detail` tells: `level`, `devices`, `metadata` (the version), `uuid`, `name`, and so on.',
  },
  {
    name: 'md_stop',
    since: '1.15.6',
    proc: 302,
    where: 'daemon',
    args: [{ type: 'Device', name: 'md' }],
    optargs: [],
    ret: { type: 'void' },
    group: 'mdadm',
    summary: 'stop a software RAID array',
    description: 'The array can be started again by scanning for it; its data stays on its devices.',
  },
  {
    name: 'md_stat',
    since: '1.17.21',
    proc: 316,
    where: 'daemon',
    args: [{ type: 'Device', name: 'md' }],
    optargs: [],
    ret: { type: 'StructList', of: 'mdstat', name: 'devices' },
    group: 'mdadm',
    summary: 'get the state of the devices of a software RAID array',
    description:
      'Returns a struct for each device that is part of the array: `mdstat_device`, its number `mdstat_index`, and `mdstat_flags`, a string of letters such as `F` (failed), `S` (spare), `W` (write-mostly), `R` (replacement).',
  },
] as const satisfies readonly ActionRecord[];
