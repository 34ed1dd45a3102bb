import { GuestfsError } from '../../errors/index.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../filesystems/mode.ts';
import { fail } from '../../vfs/path-checks.ts';
import type { TreeStat } from '../../vfs/tree.ts';
import { walk } from '../../vfs/walk.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { guestPath, optional, runOnDevice, runOnPath, toolsOf, wantNoOption } from '../tools.ts';

/**
 * Throws ELOOP where a path is a link, or a link is `below` it: the installers write through links, which lead wherever the
 * machine has what they name.
 */
function wantNoLinks(context: ActionContext, path: string, below: boolean): void {
  const tree = context.platform.files;
  const refuse = (found: string): never => {
    throw fail('ELOOP', found, 'it is a symbolic link, which the installer would follow out of the guest');
  };
  let start;
  try {
    start = tree.resolve(path, { followLast: false });
  } catch (error) {
    if (error instanceof GuestfsError && error.code === 'ENOENT') return;
    throw error;
  }
  const type = tree.stat(start).mode & S_IFMT;
  if (type === S_IFLNK) refuse(path);
  if (!below || type !== S_IFDIR) return;
  for (const file of walk(tree, start, { order: 'sorted', stat: true })) {
    if (((file.stat as TreeStat).mode & S_IFMT) === S_IFLNK) refuse(`${path}/${file.path}`);
  }
}

/** Boot loaders, by their installers. */
export const bootLoadersActions = {
  grub_install(context, root, device) {
    const tools = toolsOf(context);
    const folder = guestPath(context, root);
    const boot = `${root.replace(/\/+$/, '')}/boot`;
    wantNoLinks(context, boot, false);
    wantNoLinks(context, `${boot}/grub`, true);
    tools.run('grub-install', [`--root-directory=${folder}`, tools.deviceNode(device)], {
      about: { device },
    });
  },

  syslinux(context, device, { directory }) {
    if (directory !== undefined) wantNoOption(directory, 'directory');
    runOnDevice(context, device, 'syslinux', (node) => [
      '--install',
      '--force',
      ...optional('--directory', directory),
      node,
    ]);
  },

  extlinux(context, directory) {
    for (const name of ['ldlinux.sys', 'ldlinux.c32', 'extlinux.sys']) {
      wantNoLinks(context, `${directory}/${name}`, false);
    }
    runOnPath(context, directory, 'extlinux', (host) => ['--install', host]);
  },
} satisfies Partial<DaemonActions>;
