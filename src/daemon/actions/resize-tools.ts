import type { DaemonActions } from '../generated/contract.ts';
import { runOnDevice } from '../tools.ts';

/** Filesystems that only their own tools resize. */
export const resizeToolsActions = {
  f2fs_expand: (context, device) => runOnDevice(context, device, 'resize.f2fs', (node) => [node]),
} satisfies Partial<DaemonActions>;
