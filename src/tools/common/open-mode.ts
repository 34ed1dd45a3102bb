import type { Handle } from './handle.ts';

/** What opening a disk without further words found and did. */
export interface OpenedDisk {
  /** The operating system's root, if there is exactly one. */
  root: string | undefined;
  /** Mount points with their devices. */
  mounted: Record<string, string>;
  /** Lines worth telling a person. */
  notes: string[];
}

/** Filesystem types that cannot be mounted. */
const NOT_MOUNTABLE = new Set([
  'swap',
  'unknown',
  'crypto_LUKS',
  'LVM2_member',
  'linux_raid_member',
  'BitLocker',
]);

/**
 * Mount what a launched handle's disks hold, as a person who only names a disk expects it: the one operating
 * system with all its filesystems; else, if there is one filesystem, that one on `/`; else nothing, with a note.
 */
export async function mountWhatIsThere(handle: Handle, writable: boolean): Promise<OpenedDisk> {
  const opened: OpenedDisk = { root: undefined, mounted: {}, notes: [] };
  const mode = writable ? '' : 'ro';
  const mount = async (device: string, mountpoint: string): Promise<void> => {
    try {
      await handle.mountOptions(mode, device, mountpoint);
      opened.mounted[mountpoint] = device;
    } catch (error) {
      opened.notes.push(`${device} could not be mounted on ${mountpoint}: ${(error as Error).message}`);
    }
  };
  let roots: string[] = [];
  try {
    roots = await handle.inspectOs();
  } catch (error) {
    opened.notes.push((error as Error).message);
  }
  const [root] = roots;
  if (root !== undefined && roots.length === 1) {
    opened.root = root;
    const mountpoints = Object.entries(await handle.inspectGetMountpoints(root));
    for (const [mountpoint, device] of mountpoints.toSorted(([a], [b]) => a.length - b.length)) {
      await mount(device, mountpoint);
    }
    return opened;
  }
  if (roots.length > 1) {
    opened.notes.push(
      `there are ${roots.length} operating systems here: ${roots.join(', ')}; mount the one you want`,
    );
    return opened;
  }
  const filesystems = Object.entries(await handle.listFilesystems());
  const candidates = filesystems.filter(([, type]) => !NOT_MOUNTABLE.has(type));
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) {
    await mount(only[0], '/');
    return opened;
  }
  const list = filesystems.map(([device, type]) => `${device} (${type})`).join(', ');
  opened.notes.push(
    filesystems.length === 0
      ? 'no filesystem was found on these disks'
      : `there is no operating system here; mount what you want to see: ${list}`,
  );
  return opened;
}
