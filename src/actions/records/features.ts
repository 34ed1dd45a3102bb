import type { ActionRecord } from '../record.ts';

export const featuresActions = [
  {
    name: 'version',
    since: '1.0.58',
    proc: null,
    where: 'handle',
    args: [],
    optargs: [],
    ret: { type: 'Struct', of: 'version', name: 'version' },
    summary: 'tell the version of the API',
    description:
      '`major`, `minor` and `release` are those of the libguestfs API that this package implements; `extra` carries the version of the package itself, as in `guestfs-0.1.0`. To find out whether something is there ask `feature_available` or whether the method exists, not for a version.',
  },
  {
    name: 'available',
    since: '1.0.80',
    proc: null,
    where: 'handle',
    args: [{ type: 'StringList', of: 'String', name: 'groups' }],
    optargs: [],
    ret: { type: 'void' },
    summary: 'fail unless all feature groups are there',
    description:
      'Fails with ENOTSUP, naming the first group that the backend does not have, and with EINVAL for a group that nobody knows. The groups are those of `available_all_groups`; each action names its own.\n\nOn the engine a group is there if its reading actions are, or, where a group only writes, all of its actions: `lvm2` is there, and yet `lvcreate` fails with ENOTSUP.',
  },
  {
    name: 'feature_available',
    since: '1.21.26',
    proc: null,
    where: 'handle',
    args: [{ type: 'StringList', of: 'String', name: 'groups' }],
    optargs: [],
    ret: { type: 'Bool', name: 'isavailable' },
    summary: 'tell whether all feature groups are there',
    description:
      'As `available`, but answers with false instead of failing where a group is missing. An unknown group still fails with EINVAL.',
  },
  {
    name: 'available_all_groups',
    since: '1.3.15',
    proc: 251,
    where: 'daemon',
    args: [],
    optargs: [],
    ret: { type: 'StringList', of: 'String', name: 'groups' },
    summary: 'list the names of all feature groups',
    description:
      'All that `available` and `feature_available` know, whether they are there or not, sorted by name.',
  },
  {
    name: 'utsname',
    since: '1.19.27',
    proc: 342,
    where: 'daemon',
    args: [],
    optargs: [],
    ret: { type: 'Struct', of: 'utsname', name: 'uts' },
    summary: "tell what runs the guest's filesystems",
    description:
      "In an appliance these are the four main fields of uname(2) of its kernel. The engine has no kernel: it answers with its own name, the version of the package, the version of Node.js and the processor's type. For messages and bug reports only.",
  },
  {
    name: 'internal_feature_available',
    since: '1.31.25',
    proc: 458,
    where: 'daemon',
    args: [{ type: 'String', name: 'group' }],
    optargs: [],
    ret: { type: 'Int', name: 'result' },
    visibility: 'internal',
    summary: 'tell whether a feature group is there, as a number',
    description: '0 is yes, 1 no, 2 an unknown group. `available` and `feature_available` are made of it.',
  },
] as const satisfies readonly ActionRecord[];
