import type { ActionContext, DeviceOrPath } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { nodeOrPath, optional, runOnDevice, runOnPath, toolsOf, wantPositive, when } from '../tools.ts';
import { parseXfsInfo, xfsInfoStruct } from './xfs-output.ts';

type AdminOptions = Parameters<DaemonActions['xfs_admin']>[2];
type RepairOptions = Parameters<DaemonActions['xfs_repair']>[2];
type GrowOptions = Parameters<DaemonActions['xfs_growfs']>[2];

function info(context: ActionContext, where: DeviceOrPath): Record<string, string> {
  const found = parseXfsInfo(
    toolsOf(context).text('xfs_info', [nodeOrPath(context, where)], { about: where }),
  );
  const name = found['meta-data'];
  if (name !== undefined) found['meta-data'] = toolsOf(context).deviceName(name);
  return found;
}

function admin(context: ActionContext, device: string, options: AdminOptions): void {
  const { lazycounter } = options;
  runOnDevice(context, device, 'xfs_admin', (node) => [
    ...when(options.extunwritten, '-e'),
    ...when(options.imgfile, '-f'),
    ...when(options.v2log, '-j'),
    ...when(options.projid32bit, '-p'),
    ...(lazycounter === undefined ? [] : ['-c', lazycounter ? '1' : '0']),
    ...optional('-L', options.label),
    ...optional('-U', options.uuid),
    '--',
    node,
  ]);
}

function grow(context: ActionContext, path: string, options: GrowOptions): void {
  for (const name of ['datasize', 'logsize', 'rtsize', 'rtextsize', 'maxpct'] as const) {
    wantPositive(options[name], name);
  }
  runOnPath(context, path, 'xfs_growfs', (host) => [
    ...when(options.datasec, '-d'),
    ...when(options.logsec, '-l'),
    ...when(options.rtsec, '-r'),
    ...optional('-D', options.datasize),
    ...optional('-L', options.logsize),
    ...optional('-R', options.rtsize),
    ...optional('-e', options.rtextsize),
    ...optional('-m', options.maxpct),
    '--',
    host,
  ]);
}

/** xfs_repair(8); its exit status is the answer: 1 says that there is damage, 2 that the log must be replayed first. */
function repair(context: ActionContext, where: DeviceOrPath, options: RepairOptions): number {
  const tools = toolsOf(context);
  for (const name of ['maxmem', 'ihashsize', 'bhashsize', 'agstride'] as const)
    wantPositive(options[name], name);
  const device = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : tools.deviceNode(name);
  return tools.run(
    'xfs_repair',
    [
      ...('path' in where ? ['-f'] : []),
      ...when(options.forcelogzero, '-L'),
      ...when(options.nomodify, '-n'),
      ...when(options.noprefetch, '-P'),
      ...when(options.forcegeometry, '-o', 'force_geometry'),
      ...optional('-m', options.maxmem),
      ...(options.ihashsize === undefined ? [] : ['-o', `ihash=${options.ihashsize}`]),
      ...(options.bhashsize === undefined ? [] : ['-o', `bhash=${options.bhashsize}`]),
      ...(options.agstride === undefined ? [] : ['-o', `ag_stride=${options.agstride}`]),
      ...optional('-l', device(options.logdev)),
      ...optional('-r', device(options.rtdev)),
      '--',
      nodeOrPath(context, where),
    ],
    { accept: [1, 2], about: where },
  ).status;
}

/** XFS, by its own tools. */
export const xfsActions = {
  xfs_info2: info,

  xfs_info: (context, where) => xfsInfoStruct(info(context, where)),

  xfs_admin: admin,

  xfs_growfs: grow,

  xfs_repair: repair,
} satisfies Partial<DaemonActions>;
