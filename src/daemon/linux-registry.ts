import { bootLoadersActions } from './actions/boot-loaders.ts';
import { btrfsActions } from './actions/btrfs.ts';
import { commandActions } from './actions/command.ts';
import { cryptsetupActions } from './actions/cryptsetup.ts';
import { filesystemToolsActions } from './actions/filesystem-tools.ts';
import { inotifyActions } from './actions/inotify.ts';
import { internalLinuxActions } from './actions/internal-linux.ts';
import { machineActions } from './actions/machine.ts';
import { mdadmActions } from './actions/mdadm.ts';
import { ntfsActions } from './actions/ntfs.ts';
import { partitionToolsActions } from './actions/partition-tools.ts';
import { resizeToolsActions } from './actions/resize-tools.ts';
import { rsyncActions } from './actions/rsync.ts';
import { selinuxActions } from './actions/selinux.ts';
import { squashfsActions } from './actions/squashfs.ts';
import { swapActions } from './actions/swap.ts';
import { xfsActions } from './actions/xfs.ts';
import type { DaemonActions } from './generated/contract.ts';
import { implementations } from './registry.ts';

/**
 * Every action of a daemon over a real Linux: those of the engine, some of them overridden where a kernel or its tools
 * can do more, and those that only they can do. The engine's daemon does not have the latter, and fails with ENOTSUP
 * where they are asked for.
 */
export const linuxImplementations = {
  ...implementations,
  ...bootLoadersActions,
  ...btrfsActions,
  ...commandActions,
  ...cryptsetupActions,
  ...filesystemToolsActions,
  ...inotifyActions,
  ...internalLinuxActions,
  ...machineActions,
  ...mdadmActions,
  ...ntfsActions,
  ...partitionToolsActions,
  ...resizeToolsActions,
  ...rsyncActions,
  ...selinuxActions,
  ...squashfsActions,
  ...swapActions,
  ...xfsActions,
} satisfies Partial<DaemonActions>;
