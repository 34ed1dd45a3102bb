import { lstatSync } from 'node:fs';
import type { FileOrigin } from '../backends/backend.ts';
import { hostError } from '../backends/io/host-error.ts';
import { GuestfsError } from '../errors/index.ts';
import type { HandleCore } from './core.ts';

/**
 * Copy a file or folder of the host, with everything below it, into a directory of the guest, under its own name:
 * owners by number, modes, times, links and device nodes are kept.
 */
export async function copyIn(core: HandleCore, localPath: string, remoteDirectory: string): Promise<void> {
  try {
    lstatSync(localPath);
  } catch (error) {
    throw hostError(error, 'cannot copy it into the guest', localPath);
  }
  if ((await core.daemonCall('is_dir', [remoteDirectory], { followsymlinks: true })) !== true) {
    throw new GuestfsError('ENOTDIR', `${remoteDirectory}: is no directory of the guest to copy into`, {
      path: remoteDirectory,
    });
  }
  const input: FileOrigin = { kind: 'pack', path: localPath };
  // A link to a directory stays what it is: files go where the guest's own programs would find them.
  await core.daemonCall('tar_in', [remoteDirectory], { keepdirlink: true }, { input });
}
