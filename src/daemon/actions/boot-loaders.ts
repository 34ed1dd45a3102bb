import type { DaemonActions } from '../generated/contract.ts';
import { guestPath, optional, runOnDevice, runOnPath, toolsOf, wantNoOption } from '../tools.ts';

/** Boot loaders, by their installers. */
export const bootLoadersActions = {
  grub_install(context, root, device) {
    const tools = toolsOf(context);
    const folder = guestPath(context, root);
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

  extlinux: (context, directory) => runOnPath(context, directory, 'extlinux', (host) => ['--install', host]),
} satisfies Partial<DaemonActions>;
