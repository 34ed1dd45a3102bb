import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { runOnDevice } from '../tools.ts';
import { resizeActions } from './resize.ts';

/** Whether a filesystem is mounted, which the kernel then resizes. */
function isMounted({ platform }: ActionContext, device: string): boolean {
  const { name } = platform.devices.find(device);
  return platform.mounts.list().some(({ mountable }) => mountable === name);
}

/** Filesystems that only their own tools or the kernel resize. */
export const resizeToolsActions = {
  f2fs_expand: (context, device) => runOnDevice(context, device, 'resize.f2fs', (node) => [node]),

  resize2fs(context, device) {
    if (isMounted(context, device)) runOnDevice(context, device, 'resize2fs', (node) => [node]);
    else resizeActions.resize2fs(context, device);
  },

  resize2fs_size(context, device, size) {
    if (size <= 0 || !isMounted(context, device)) {
      resizeActions.resize2fs_size(context, device, size);
      return;
    }
    if (size < 1024) {
      throw new GuestfsError('EINVAL', `${device}: size is ${size}, expected 1024 bytes and more`, {
        device,
      });
    }
    runOnDevice(context, device, 'resize2fs', (node) => [node, `${Math.floor(size / 1024)}K`]);
  },
} satisfies Partial<DaemonActions>;
