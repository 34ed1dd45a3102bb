import type { BlockDevice } from '../block/device.ts';
import { GuestfsError } from '../errors/index.ts';
import type { GuestDevice } from '../platform/contract.ts';
import type { ActionContext } from './context.ts';
import { deviceOf } from './mountable.ts';

/** Names of the devices that were set read-only or read-write by blockdev_setro and blockdev_setrw. */
export function readonlyOverrides({ state }: ActionContext): Map<string, boolean> {
  return state.slot('blockdev', () => new Map<string, boolean>());
}

/**
 * Write over the content of a device, and forget what was known of it. Throws EBUSY while a filesystem on it, or on a
 * part of it, is mounted: what the engine holds of that filesystem in memory would be wrong. Throws EROFS where the
 * device is read-only.
 */
export function writeDevice<T>(context: ActionContext, name: string, write: (device: BlockDevice) => T): T {
  const { devices } = context.platform;
  const found = devices.find(name);
  wantUnused(context, found, name);
  const device = devices.open(name);
  if (!device.writable || readonlyOverrides(context).get(found.name) === true) {
    throw new GuestfsError(
      'EROFS',
      `${name}: the device is read-only; add the drive for writing (--rw), or use blockdev_setrw`,
      { device: name },
    );
  }
  try {
    return write(device);
  } catch (error) {
    if (error instanceof GuestfsError) error.device ??= name;
    throw error;
  } finally {
    devices.changed?.(found.name);
  }
}

/** ENOSPC: something does not fit on a device. */
export function deviceFull(name: string, device: BlockDevice, needed: number): GuestfsError {
  return new GuestfsError(
    'ENOSPC',
    `${name}: the device has ${device.size} bytes, ${needed} bytes and more were to be written`,
    { device: name },
  );
}

function wantUnused({ platform }: ActionContext, device: GuestDevice, name: string): void {
  for (const { mountable, mountpoint } of platform.mounts.list()) {
    const used = deviceOf(platform, mountable);
    if (used === undefined) continue;
    const overlaps =
      used.name === device.name ||
      used.parent === device.name ||
      device.parent === used.name ||
      (used.kind === 'lv' && platform.lvm !== undefined && holds(platform, device, used.name));
    if (!overlaps) continue;
    throw new GuestfsError(
      'EBUSY',
      `${name}: ${used.name === device.name ? 'it' : `${mountable}, which shares space with it,`} is mounted on ${mountpoint}; unmount it first`,
      { device: name },
    );
  }
}

type Platform = ActionContext['platform'];

/** Whether a device, or a partition of it, is a physical volume of a logical volume's group. */
function holds(platform: Platform, device: GuestDevice, volume: string): boolean {
  const { lvm } = platform;
  if (device.kind === 'lv' || lvm === undefined) return false;
  const group = lvm.logicalVolumes().find(({ lvName, vgName }) => `/dev/${vgName}/${lvName}` === volume);
  if (group === undefined) return false;
  const members = new Set(lvm.physicalVolumeUuids(group.vgName).map((uuid) => uuid.replaceAll('-', '')));
  return lvm
    .physicalVolumes()
    .some(
      ({ pvName, pvUuid }) =>
        members.has(pvUuid) && (pvName === device.name || deviceOf(platform, pvName)?.parent === device.name),
    );
}
