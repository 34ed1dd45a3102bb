import { GuestfsError } from '../../errors/index.ts';
import { resizeExt, wantsCheck } from '../../filesystems/ext4/resize/index.ts';
import { zeroFree } from '../../filesystems/ext4/resize/zero-free.ts';
import type { ActionContext } from '../context.ts';
import { writeDevice } from '../device-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { check } from './check.ts';

/**
 * Resize, after a check that corrects what it finds where the filesystem was not checked since it was mounted: libguestfs
 * does so each time, and its programs rely on it.
 */
function resize(context: ActionContext, device: string, size: number | 'minimum' | undefined): void {
  const progress = (done: number, total: number): void => context.progress(done, total);
  if (writeDevice(context, device, wantsCheck)) check(context, device, { repair: true, force: true });
  writeDevice(context, device, (opened) => resizeExt(opened, size, { progress }));
}

/** Sizes and free space of ext2, ext3 and ext4. */
export const resizeActions = {
  resize2fs: (context, device) => resize(context, device, undefined),

  resize2fs_size(context, device, size) {
    if (size <= 0)
      throw new GuestfsError('EINVAL', `resize2fs_size: size is ${size}, expected a number of bytes above 0`);
    resize(context, device, size);
  },

  resize2fs_M: (context, device) => resize(context, device, 'minimum'),

  zerofree(context, device) {
    writeDevice(context, device, (opened) =>
      zeroFree(opened, {
        progress: (done, total) => context.progress(done, total),
        checkCancelled: () => context.checkCancelled(),
      }),
    );
  },
} satisfies Partial<DaemonActions>;
