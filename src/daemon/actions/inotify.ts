import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import type { WatchCapability } from '../../platform/watch-capability.ts';
import type { ActionContext } from '../context.ts';
import { compareBytes } from '../../vfs/order.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { wantMounted } from '../tools.ts';

function watchesOf({ platform }: ActionContext): WatchCapability {
  if (platform.watches === undefined) {
    throw new UnsupportedError('inotify needs koffi, which is not installed where the daemon runs');
  }
  return platform.watches;
}

function opened(context: ActionContext): WatchCapability {
  const watches = watchesOf(context);
  if (!watches.open) throw new GuestfsError('EINVAL', 'no inotify handle is open: call inotify_init first');
  return watches;
}

/** Watching for changes of files. */
export const inotifyActions = {
  inotify_init(context, maxevents) {
    wantMounted(context);
    if (maxevents < 0) throw new GuestfsError('EINVAL', `maxevents is ${maxevents}, it cannot be negative`);
    watchesOf(context).start(maxevents);
  },

  inotify_add_watch: (context, path, mask) => opened(context).add(path, mask),

  inotify_rm_watch: (context, wd) => opened(context).remove(wd),

  inotify_read: (context) =>
    opened(context)
      .read()
      .map(({ watch, mask, cookie, name }) => ({
        inWd: watch,
        inMask: mask,
        inCookie: cookie,
        inName: name,
      })),

  inotify_files(context) {
    const names = opened(context)
      .read()
      .map(({ name }) => name);
    return [...new Set(names)].filter((name) => name !== '').toSorted(compareBytes);
  },

  inotify_close: (context) => opened(context).stop(),
} satisfies Partial<DaemonActions>;
