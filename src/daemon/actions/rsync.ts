import { glob } from '../../vfs/glob.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { guestPath, toolsOf, wantMounted, when } from '../tools.ts';

interface RsyncOptions {
  archive?: boolean;
  deletedest?: boolean;
}

/** A slash at the end means the content of a directory, not the directory. */
function withSlash(context: ActionContext, path: string): string {
  const host = guestPath(context, path);
  return path.endsWith('/') && path !== '/' ? `${host}/` : host;
}

/** A directory of the guest that is copied to, which need not be there yet. */
function destination(context: ActionContext, path: string): string {
  wantMounted(context);
  if (path === '/') return `${guestPath(context, '/')}/`;
  const host = toolsOf(context).hostTarget(path);
  return path.endsWith('/') ? `${host}/` : host;
}

function rsync(context: ActionContext, options: RsyncOptions, from: readonly string[], to: string): void {
  toolsOf(context).run('rsync', [
    ...when(options.archive, '--archive'),
    ...when(options.deletedest, '--delete'),
    '--',
    ...from,
    to,
  ]);
}

/** rsync(1), between directories of the guest and with other machines. */
export const rsyncActions = {
  rsync: (context, src, dest, options) =>
    rsync(context, options, [withSlash(context, src)], destination(context, dest)),

  rsync_in: (context, remote, dest, options) => rsync(context, options, [remote], destination(context, dest)),

  rsync_out(context, src, remote, options) {
    wantMounted(context);
    const found = glob(context.platform.files, src);
    rsync(
      context,
      options,
      (found.length === 0 ? [src] : found).map((path) => withSlash(context, path)),
      remote,
    );
  },
} satisfies Partial<DaemonActions>;
