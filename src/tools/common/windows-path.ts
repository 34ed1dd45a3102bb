import type { Handle } from './handle.ts';
import { ToolError } from './usage-error.ts';

/**
 * The guest path that a Windows path means (`C:\Windows\win.ini`, `\Windows`): the mount point of the drive's
 * device, slashes for backslashes, and the names as they are spelled on the disk. Without a letter: drive C.
 *
 * @throws ToolError for an unknown or unmounted drive, GuestfsError where the path is not there.
 */
export async function windowsPath(handle: Handle, root: string, path: string): Promise<string> {
  const match = /^([A-Za-z]):/.exec(path);
  const letter = (match?.[1] ?? 'C').toUpperCase();
  const rest = path.slice(match === null ? 0 : 2).replaceAll('\\', '/');
  const mappings = await handle.inspectGetDriveMappings(root);
  const found = Object.entries(mappings).find(([drive]) => drive.toUpperCase() === letter);
  if (found === undefined) {
    const known = Object.keys(mappings).join(', ');
    throw new ToolError(
      `${path}: the guest has no drive ${letter}: (${known === '' ? 'it has none' : `it has ${known}`})`,
    );
  }
  const [, device] = found;
  const mountpoint = (await handle.mountpoints())[device];
  if (mountpoint === undefined) throw new ToolError(`${path}: drive ${letter}: (${device}) is not mounted`);
  const joined = `${mountpoint}/${rest}`.replace(/\/{2,}/g, '/');
  return handle.caseSensitivePath(joined);
}
