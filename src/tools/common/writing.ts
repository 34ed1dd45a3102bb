import type { Handle } from './handle.ts';
import type { SharedOptions } from './request.ts';
import { openMounted } from './session.ts';

/**
 * A guest whose disks are written: launched, with its filesystems (or those of `-m`) mounted for writing. With `dryRun`
 * the changes go to an overlay that is dropped at the end. `prepare` runs before the launch.
 */
export async function openGuestForWriting(
  tool: string,
  shared: SharedOptions,
  { dryRun = false, ...how }: { dryRun?: boolean; prepare?: (handle: Handle) => Promise<void> } = {},
): Promise<Handle> {
  shared.writable = !dryRun;
  shared.overlay = dryRun;
  return openMounted(tool, shared, { mountsWritable: true, ...how });
}

/** What a tool changed in a guest. */
export interface GuestChanges {
  /** Paths of files and directories that are new and have no label of SELinux yet. */
  made?: readonly string[];
}

/** Where a guest says that it uses SELinux. */
const SELINUX_CONFIG = '/etc/selinux/config';
/** Have the guest label all its files when it boots next. */
const AUTORELABEL = '/.autorelabel';

/**
 * The last step of a tool that wrote into a guest: a guest that uses SELinux is asked to label its files at the next
 * boot where some that were made have no label, because it might refuse to read them. Then everything is made durable.
 */
export async function finishGuest(handle: Handle, { made = [] }: GuestChanges = {}): Promise<void> {
  if (made.length > 0 && (await usesSelinux(handle)) && (await someUnlabelled(handle, made))) {
    await handle.touch(AUTORELABEL);
  }
  await handle.sync();
}

/**
 * Run what writes into a guest, and finish it. Where it fails half-way, what it made until then needs its labels as well;
 * the failure is thrown then. `made` is what the work names while it goes on.
 */
export async function writeIntoGuest(handle: Handle, work: (made: string[]) => Promise<void>): Promise<void> {
  const made: string[] = [];
  try {
    await work(made);
  } catch (error) {
    try {
      await finishGuest(handle, { made });
    } catch {
      // The first failure says more.
    }
    throw error;
  }
  await finishGuest(handle, { made });
}

/** True where the mounted guest is set up to use SELinux. */
export async function usesSelinux(handle: Handle): Promise<boolean> {
  if (!(await handle.isFile(SELINUX_CONFIG, { followsymlinks: true }))) return false;
  const lines = await handle.readLines(SELINUX_CONFIG);
  const mode = lines.findLast((line) => /^\s*SELINUX\s*=/.test(line));
  return mode !== undefined && !/=\s*disabled/i.test(mode);
}

async function someUnlabelled(handle: Handle, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    if (await handle.isDir(path)) return true;
    if (!(await handle.exists(path)) && !(await handle.isSymlink(path))) continue;
    const attributes = await handle.lgetxattrs(path);
    if (!attributes.some(({ attrname }) => attrname === 'security.selinux')) return true;
  }
  return false;
}
