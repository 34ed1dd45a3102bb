import type { MountBelow } from '../platform/inspect-capability.ts';
import { UnsupportedError } from '../errors/index.ts';
import { GuestFiles } from './guest-files.ts';
import type { InspectionHost } from './inspect.ts';
import type { OperatingSystem } from './types.ts';

/**
 * Run `read` over the files of an inspected system. What the user mounted on / is read; where nothing is, the
 * system's own filesystems are opened for the time of the call.
 */
export function readSystem<T>(
  { platform, warn }: Pick<InspectionHost, 'platform' | 'warn'>,
  system: OperatingSystem,
  read: (files: GuestFiles) => T,
): T {
  if (platform.mounts.list().some(({ mountpoint }) => mountpoint === '/')) {
    return read(new GuestFiles(platform.files, warn));
  }
  if (platform.openTree === undefined) {
    throw new UnsupportedError(
      `the ${platform.name} backend cannot open filesystems privately: mount them first`,
    );
  }
  const below: MountBelow[] = [...system.mountpoints]
    .filter(([mountpoint]) => mountpoint !== '/')
    .map(([mountpoint, mountable]) => ({ mountpoint, mountable }));
  const opened = platform.openTree(system.root, below);
  try {
    return read(new GuestFiles(opened.tree, warn));
  } finally {
    opened.close();
  }
}
