import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ToolError } from '../../common/usage-error.ts';

/**
 * The folder of this user's sockets: `/tmp/.guestfish-UID`, which nobody else can enter. /tmp is open to all, so a
 * folder (or link) of that name that somebody else made is refused (CVE-2013-4419 was this).
 *
 * @param create make it if it is missing.
 */
export function socketFolder(create: boolean): string {
  const uid = process.getuid?.() ?? 0;
  const folder = `/tmp/.guestfish-${uid}`;
  if (create) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new ToolError(`cannot make the folder of the remote control: ${(error as Error).message}`);
      }
    }
  }
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) throw new ToolError('no guestfish of yours is listening');
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new ToolError(
      `${folder} is not a folder that only you can enter (owner ${found.uid}, mode ${(found.mode & 0o7777).toString(8)}); remove it`,
    );
  }
  return folder;
}

/** The socket of the server with this process number. */
export function socketPath(pid: number, create = false): string {
  return join(socketFolder(create), `socket-${pid}`);
}
