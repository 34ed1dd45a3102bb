import { ToolError, UsageError } from './usage-error.ts';
import { GuestfsError, UnsupportedError, type ErrorDetails } from '../../errors/index.ts';
import type { Handle, HandleOptions } from './handle.ts';
import { newHandle } from './new-handle.ts';
import type { KeySource, MountPointRequest, SharedOptions } from './request.ts';
import { Output } from './output.ts';
import { diskPath } from './uri.ts';

/** Options of `add_drive` beside those of libguestfs. */
interface DriveOptions {
  readonly: boolean;
  format?: string;
  blocksize?: number;
  backing?: 'none' | 'folder' | 'any';
  writes?: 'overlay' | 'refuse';
}

/**
 * A handle with the verbosity, name and disks that were asked for, not launched.
 *
 * @throws UnsupportedError for remote disks, and for `-d` where there is no virsh, GuestfsError where a disk cannot be opened.
 */
export async function openHandle(
  tool: string,
  shared: SharedOptions,
  options: HandleOptions = { thread: 'own' },
): Promise<Handle> {
  const paths = shared.disks.map(({ disk, domain }) => (domain === true ? disk : diskPath(disk)));
  const handle = await newHandle(tool, shared, options);
  try {
    // Clevis asks a server for the key.
    if (shared.keys.some(({ kind }) => kind === 'clevis')) await handle.setNetwork(true);
    if (shared.live) await attachToDomain(handle, shared);
    else await addDisks(handle, shared, paths);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Have the handle attach to a guest that is running when it is launched. */
async function attachToDomain(handle: Handle, { disks, connect }: SharedOptions): Promise<void> {
  const [guest] = disks;
  if (disks.length !== 1 || guest?.domain !== true) {
    throw new UsageError('--live attaches to a running guest of libvirt: name it with one -d, and no disks');
  }
  await handle.addDomain(guest.disk, {
    live: true,
    allowuuid: true,
    ...(connect === undefined ? {} : { libvirturi: connect }),
  });
  if (!(await handle.getBackend()).startsWith('unix:')) {
    throw new ToolError(`${guest.disk} is not running: leave out --live to open its disks`);
  }
}

async function addDisks(handle: Handle, shared: SharedOptions, paths: readonly string[]): Promise<void> {
  for (const [at, { format, blocksize, backing, scratch, domain }] of shared.disks.entries()) {
    if (scratch !== undefined) {
      await handle.addDriveScratch(scratch);
      continue;
    }
    if (domain === true) {
      await handle.addDomain(paths[at] as string, {
        readonly: !shared.writable,
        allowuuid: true,
        readonlydisk: 'read',
        ...(shared.connect === undefined ? {} : { libvirturi: shared.connect }),
      });
      continue;
    }
    const options: DriveOptions = { readonly: !shared.writable };
    if (!shared.writable && !shared.overlay) options.writes = 'refuse';
    if (format !== undefined) options.format = format;
    if (blocksize !== undefined) options.blocksize = blocksize;
    if (backing !== undefined) options.backing = backing;
    await handle.addDrive(paths[at] as string, options);
  }
}

/** As {@link openHandle}, launched, with the encrypted devices opened that there are keys for. `prepare` runs before the launch. */
export async function openLaunched(
  tool: string,
  shared: SharedOptions,
  prepare?: (handle: Handle) => Promise<void>,
): Promise<Handle> {
  if (shared.disks.length === 0) {
    throw new UsageError('no disk was named: give at least one with -a');
  }
  const handle = await openHandle(tool, shared);
  try {
    await prepare?.(handle);
    await handle.launch();
    if (!shared.live) await openGivenKeys(handle, shared);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Open the encrypted devices that the options have keys for. */
export async function openGivenKeys(handle: Handle, source: KeySource): Promise<void> {
  if (source.keys.length === 0 && !source.keysFromStdin) return;
  const { openEncrypted } = await import('./decrypt.ts');
  await openEncrypted(handle, source);
}

/** As {@link openLaunched}, with the guest's filesystems (or those of `-m`) mounted; a running guest has its own. */
export async function openMounted(
  tool: string,
  shared: SharedOptions,
  {
    mountsWritable = shared.writable,
    prepare,
  }: { mountsWritable?: boolean; prepare?: (handle: Handle) => Promise<void> } = {},
): Promise<Handle> {
  if (shared.live && shared.mounts.length > 0) {
    throw new UsageError('--live and -m exclude each other: a running guest has its filesystems mounted');
  }
  const handle = await openLaunched(tool, shared, prepare);
  if (shared.live) return handle;
  try {
    if (shared.mounts.length > 0) await mountRequested(handle, shared.mounts, mountsWritable);
    else
      await mountInspected(handle, {
        writable: mountsWritable,
        keys: shared,
        warn: (line) => warn(tool, line),
      });
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function warn(tool: string, line: string): void {
  const err = new Output(2);
  err.write(`${tool}: ${line}\n`);
  err.flush();
}

/** Mount what `-m` asked for, in order. A failure names the filesystems that there are. */
export async function mountRequested(
  handle: Handle,
  mounts: readonly MountPointRequest[],
  writable: boolean,
): Promise<void> {
  for (const { device, mountpoint, options, type } of mounts) {
    const given = options ?? (writable ? '' : 'ro');
    try {
      if (type !== undefined) await handle.mountVfs(given, type, device, mountpoint);
      else await handle.mountOptions(given, device, mountpoint);
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      throw await withFilesystems(handle, error);
    }
  }
}

async function withFilesystems(handle: Handle, error: GuestfsError): Promise<GuestfsError> {
  let list: string;
  try {
    const found = Object.entries(await handle.listFilesystems()).map(
      ([device, type]) => `${device} (${type})`,
    );
    list = found.length === 0 ? 'there is no filesystem on these disks' : `there are ${found.join(', ')}`;
  } catch {
    return error;
  }
  const { code, message, action, device, path } = error;
  const details: ErrorDetails = { cause: error };
  if (action !== undefined) details.action = action;
  if (device !== undefined) details.device = device;
  if (path !== undefined) details.path = path;
  return new GuestfsError(code, `${message}; ${list}`, details);
}

/** The one operating system of the disks. A person at a terminal is asked for keys where it is encrypted. */
export async function findOneSystem(handle: Handle, keys: KeySource): Promise<string> {
  let roots: string[];
  try {
    roots = await handle.inspectOs();
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    const { askToOpen } = await import('./decrypt.ts');
    await askToOpen(handle, keys, error);
    roots = await handle.inspectOs();
  }
  const [root] = roots;
  if (root === undefined) {
    throw new ToolError(
      'no operating system was found on these disks; if they hold filesystems, name them with -m (virt-filesystems lists them)',
    );
  }
  if (roots.length > 1) {
    throw new ToolError(
      `these disks hold ${roots.length} operating systems (${roots.join(', ')}); say which filesystems to mount with -m`,
    );
  }
  return root;
}

/** Mount the one operating system's filesystems as it would mount them; returns its root. */
export async function mountInspected(
  handle: Handle,
  { writable, keys, warn }: { writable: boolean; keys: KeySource; warn: (line: string) => void },
): Promise<string> {
  const root = await findOneSystem(handle, keys);
  const mountpoints = await handle.inspectGetMountpoints(root);
  // A parent before what is mounted below it.
  const ordered = Object.entries(mountpoints).toSorted(([a], [b]) => a.length - b.length);
  for (const [mountpoint, device] of ordered) {
    try {
      await handle.mountOptions(writable ? '' : 'ro', device, mountpoint);
    } catch (error) {
      if (mountpoint === '/') throw error;
      warn(
        `${device} could not be mounted on ${mountpoint}, going on without it: ${(error as Error).message}`,
      );
    }
  }
  return root;
}
