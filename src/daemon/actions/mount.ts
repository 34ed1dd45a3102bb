import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** Options after `mount -o`, split; `ro` and `rw` are taken out and decide. */
function parseOptions(text: string): { options: string[]; readonly: boolean } {
  const options: string[] = [];
  let readonly = false;
  for (const option of text.split(',')) {
    if (option === 'ro') readonly = true;
    else if (option === 'rw') readonly = false;
    else if (option !== '') options.push(option);
  }
  return { options, readonly };
}

function mount(
  context: ActionContext,
  options: string,
  mountable: string,
  mountpoint: string,
  type?: string,
): void {
  if (!mountpoint.startsWith('/')) {
    throw new GuestfsError('EINVAL', `mount point ${mountpoint} does not begin with /`, { path: mountpoint });
  }
  context.platform.mounts.mount({
    mountable,
    mountpoint,
    ...parseOptions(options),
    ...(type === undefined || type === '' ? {} : { type }),
  });
}

/** Mounting and unmounting. */
export const mountActions = {
  mount: (context, mountable, mountpoint) => mount(context, '', mountable, mountpoint),

  mount_ro: (context, mountable, mountpoint) => mount(context, 'ro', mountable, mountpoint),

  mount_options: (context, options, mountable, mountpoint) => mount(context, options, mountable, mountpoint),

  mount_vfs: (context, options, type, mountable, mountpoint) =>
    mount(context, options, mountable, mountpoint, type),

  mount_loop: ({ platform }, file, mountpoint) => platform.mounts.mountLoop(file, mountpoint),

  /** Nothing is ever busy in the engine, where `force` and `lazyunmount` change nothing. */
  umount: ({ platform }, where, { force = false, lazyunmount = false }) =>
    platform.mounts.unmount(where, { force, lazy: lazyunmount }),

  umount_all: ({ platform }) => platform.mounts.unmountAll(),

  remount({ platform }, mountpoint, options) {
    if (options.rw === undefined) {
      throw new GuestfsError('EINVAL', `remount of ${mountpoint}: the option rw must be given`, {
        path: mountpoint,
      });
    }
    platform.mounts.remount(mountpoint, !options.rw);
  },

  mounts: ({ platform }) => platform.mounts.list().map(({ mountable }) => mountable),

  mountpoints({ platform }) {
    const table: Record<string, string> = {};
    for (const { mountable, mountpoint } of platform.mounts.list()) table[mountable] = mountpoint;
    return table;
  },

  mkmountpoint: ({ platform }, path) => platform.mounts.makeMountpoint(path),

  rmmountpoint: ({ platform }, path) => platform.mounts.removeMountpoint(path),

  sync: ({ platform }) => platform.sync(),

  list_9p: () => [],
} satisfies Partial<DaemonActions>;
