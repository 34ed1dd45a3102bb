import { GuestfsError } from '../../errors/index.ts';
import type { Handle } from '../common/handle.ts';

/** How free space is cleared, and what of. */
export interface ClearOptions {
  /** Filesystems and volume groups that are left alone. */
  ignore: ReadonlySet<string>;
  /** Devices that are zeroed with all that is on them. */
  zero: readonly string[];
  /** Free space is discarded, not zeroed, where that can be. */
  trim: boolean;
  tell: (line: string) => void;
  warn: (line: string) => void;
}

/** Types that have no free space. */
const PACKED = new Set(['iso9660', 'squashfs', 'cramfs', 'udf', 'erofs', 'romfs']);
/** Not a filesystem: nothing is known of what is free in it. */
const NOTHING = new Set(['unknown', '']);
const MOUNT_POINT = '/';

/** Make the free space of all filesystems, swap areas and volume groups of a launched handle's disk read as zeroes. */
export async function clearFreeSpace(handle: Handle, options: ClearOptions): Promise<void> {
  const canonical = (device: string): Promise<string> =>
    handle.canonicalDeviceName(device.startsWith('/dev/') ? device : `/dev/${device}`);
  const done = new Set<string>();
  for (const name of options.ignore) done.add(await canonical(name));
  for (const device of options.zero) {
    options.tell(`Zero ${device}`);
    await handle.zeroDevice(device);
    done.add(await canonical(device));
  }
  for (const [device, type] of Object.entries(await handle.listFilesystems())) {
    // A subvolume has no free space of its own.
    if (done.has(device) || device.startsWith('btrfsvol:') || NOTHING.has(type) || PACKED.has(type)) continue;
    if (type === 'swap') await clearSwap(handle, device, options);
    else await clearFilesystem(handle, device, type, options);
  }
  for (const { vgName, vgFreeCount } of await handle.vgsFull()) {
    if (Number(vgFreeCount) > 0 && !options.ignore.has(vgName)) await clearGroup(handle, vgName, options);
  }
}

async function clearSwap(handle: Handle, device: string, { tell }: ClearOptions): Promise<void> {
  tell(`Clear the swap area ${device}`);
  const [label, uuid] = [await handle.vfsLabel(device), await handle.vfsUuid(device)];
  await handle.zeroDevice(device);
  await handle.mkswap(device, {
    ...(uuid === '' ? {} : { uuid }),
    ...(label === '' ? {} : { label }),
  });
}

async function clearFilesystem(
  handle: Handle,
  device: string,
  type: string,
  { trim, tell, warn }: ClearOptions,
): Promise<void> {
  try {
    await handle.mount(device, MOUNT_POINT);
  } catch (error) {
    warn(
      `the free space of ${device} stays: the ${type} filesystem on it cannot be mounted here: ${words(error)}`,
    );
    return;
  }
  try {
    if (trim && (await trimmed(handle, device, tell))) return;
    tell(`Fill free space in ${device} with zeroes`);
    await handle.zeroFreeSpace(MOUNT_POINT);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    warn(
      `the free space of ${device} stays: the ${type} filesystem on it cannot be written to: ${words(error)}`,
    );
  } finally {
    await handle.umountAll();
  }
}

async function trimmed(handle: Handle, device: string, tell: (line: string) => void): Promise<boolean> {
  try {
    await handle.fstrim(MOUNT_POINT);
    tell(`Trimmed ${device}`);
    return true;
  } catch (error) {
    if (!(error instanceof GuestfsError) || error.code === 'EINTR') throw error;
    // The kernel cannot with every filesystem, and says so in several ways.
    return false;
  }
}

async function clearGroup(handle: Handle, group: string, { tell, warn }: ClearOptions): Promise<void> {
  tell(`Fill free space in the volume group ${group} with zeroes`);
  const name = `sparsify-${crypto.randomUUID().slice(0, 8)}`;
  const volume = `/dev/${group}/${name}`;
  try {
    await handle.lvcreateFree(name, group, 100);
  } catch (error) {
    warn(`the free space of the volume group ${group} stays: ${words(error)}`);
    return;
  }
  try {
    await handle.zeroDevice(volume);
    await handle.sync();
  } finally {
    await handle.lvremove(volume);
  }
}

function isUnsupported(error: unknown): boolean {
  return error instanceof GuestfsError && (error.code === 'ENOTSUP' || error.code === 'EROFS');
}

function words(error: unknown): string {
  if (error instanceof GuestfsError) return error.message;
  throw error;
}
