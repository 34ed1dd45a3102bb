import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { parseMountable } from '../mountable.ts';
import { optional, runOnDevice, toolsOf, when } from '../tools.ts';
import { cancellable } from '../sink.ts';

/** Statuses with which ntfs-3g.probe(8) says whether and why a volume cannot be mounted. */
const PROBE_STATUSES = Array.from({ length: 24 }, (_, status) => status);
/** ntfsresize(8) asks whether one is sure. */
const YES = new Uint8Array([0x79, 0x0a]);

function resize(
  context: ActionContext,
  device: string,
  size: number | undefined,
  force: boolean | undefined,
): void {
  if (size !== undefined && size <= 0) {
    throw new GuestfsError('EINVAL', `size is ${size}, expected a positive number`, { device });
  }
  const tools = toolsOf(context);
  tools.run(
    'ntfsresize',
    ['--no-progress-bar', ...when(force, '--force'), ...optional('--size', size), tools.deviceNode(device)],
    { input: YES, about: { device } },
  );
}

/** NTFS, by the tools of ntfs-3g. */
export const ntfsActions = {
  ntfs_3g_probe(context, rw, device) {
    const tools = toolsOf(context);
    return tools.run('ntfs-3g.probe', [rw ? '--readwrite' : '--readonly', tools.deviceNode(device)], {
      accept: PROBE_STATUSES,
      about: { device },
    }).status;
  },

  ntfsresize: (context, device, { size, force }) => resize(context, device, size, force),

  ntfsresize_size: (context, device, size) => resize(context, device, size, false),

  ntfsfix: (context, device, { clearbadsectors }) =>
    runOnDevice(context, device, 'ntfsfix', (node) => [
      ...when(clearbadsectors, '--clear-bad-sectors'),
      node,
    ]),

  ntfsclone_out(context, device, backupfile, options) {
    const tools = toolsOf(context);
    tools.stream(
      'ntfsclone',
      [
        '--output',
        '-',
        '--save-image',
        ...when(options.metadataonly, '--metadata'),
        ...when(options.rescue, '--rescue'),
        ...when(options.ignorefscheck, '--ignore-fs-check'),
        ...when(options.preservetimestamps, '--preserve-timestamps'),
        ...when(options.force, '--force'),
        tools.deviceNode(device),
      ],
      cancellable(context, backupfile),
      { about: { device } },
    );
  },

  ntfsclone_in(context, backupfile, device) {
    const tools = toolsOf(context);
    const node = tools.deviceNode(device);
    tools.stream(
      'ntfsclone',
      ['--overwrite', node, '--restore-image', '-'],
      { read: (into) => backupfile.read(into) },
      { about: { device } },
    );
    tools.devicesChanged();
  },

  ntfs_chmod(context, device, mode, path, { recursive }) {
    if (mode < 0 || mode > 0o777) {
      throw new GuestfsError('EINVAL', `mode is ${mode.toString(8)}, expected 0 to 777 in octal`, { device });
    }
    if (!path.startsWith('/')) throw new GuestfsError('EINVAL', `${path} does not begin with /`, { path });
    runOnDevice(context, device, 'ntfssecaudit', (node) => [
      ...when(recursive, '-r'),
      node,
      mode.toString(8).padStart(4, '0'),
      path,
    ]);
  },

  ntfscat_i(context, mountable, inode, filename) {
    if (inode < 0) throw new GuestfsError('EINVAL', `inode is ${inode}, it cannot be negative`);
    const { device } = parseMountable(mountable);
    const tools = toolsOf(context);
    tools.stream(
      'ntfscat',
      ['--inode', String(inode), tools.deviceNode(device)],
      cancellable(context, filename),
      { about: { device } },
    );
  },
} satisfies Partial<DaemonActions>;
