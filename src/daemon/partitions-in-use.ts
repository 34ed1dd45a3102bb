import { GuestfsError } from '../errors/index.ts';
import type { EditedPartition } from '../partitions/edit.ts';
import { readPartitionTable } from '../partitions/index.ts';
import type { Platform } from '../platform/contract.ts';
import { deviceOf } from './mountable.ts';

/** What uses a device, in words; undefined where nothing does. */
function userOf(platform: Platform, name: string): string | undefined {
  const { mounts, lvm } = platform;
  for (const { mountable, mountpoint } of mounts.list()) {
    if (deviceOf(platform, mountable)?.name === name) return `it is mounted on ${mountpoint}`;
  }
  const volumes = lvm?.activeVolumesOn(name) ?? [];
  if (volumes.length === 0) return undefined;
  return `logical volumes on it are active (${volumes.join(', ')}); deactivate their group first`;
}

/**
 * Throws EBUSY where something on the disk `name` is in use that a new table with the partitions `after` would move,
 * cut, renumber or drop. Growing what is in use is fine, as it is for Linux. `sectorSize` is that of `after`.
 */
export function refuseToDisturb(
  platform: Platform,
  name: string,
  after: readonly EditedPartition[],
  sectorSize: number,
): void {
  const refuse = (device: string, user: string): never => {
    throw new GuestfsError('EBUSY', `${device} is in use: ${user}`, { device });
  };
  const whole = userOf(platform, name);
  if (whole !== undefined) refuse(name, whole);
  const partitions = platform.devices.partitions().filter(({ parent }) => parent === name);
  if (partitions.length === 0) return;
  const before = readPartitionTable(platform.devices.open(name))?.partitions ?? [];
  for (const { name: device, partitionNumber } of partitions) {
    const old = before.find(({ number }) => number === partitionNumber);
    if (old === undefined) continue;
    const now = after.find(({ number }) => number === partitionNumber);
    const kept =
      now !== undefined &&
      now.first * sectorSize === old.start &&
      (now.last + 1) * sectorSize >= old.start + old.size;
    if (kept) continue;
    const user = userOf(platform, device);
    if (user !== undefined) refuse(device, user);
  }
}
