import { GuestfsError } from '../errors/index.ts';
import type { GuestDevice, Platform } from '../platform/contract.ts';

/** What a mountable names: a device, or a btrfs subvolume on one. */
export interface Mountable {
  device: string;
  /** Path of the btrfs subvolume, without a leading slash. */
  volume?: string;
}

const SUBVOLUME = 'btrfsvol:';

/**
 * Take a mountable apart: `/dev/sda1`, or `btrfsvol:/dev/sda1/sub/volume`. The device of a subvolume ends at the
 * first slash after `/dev/NAME`. Throws EINVAL where it is neither.
 */
export function parseMountable(text: string): Mountable {
  if (!text.startsWith(SUBVOLUME)) {
    if (text.startsWith('/dev/')) return { device: text };
    throw new GuestfsError('EINVAL', `${text}: expected a device name or btrfsvol:/dev/.../subvolume`, {
      device: text,
    });
  }
  const match = /^(\/dev\/[^/]+)\/(.+)$/.exec(text.slice(SUBVOLUME.length));
  if (match === null) {
    throw new GuestfsError('EINVAL', `${text}: expected btrfsvol:/dev/.../subvolume`, { device: text });
  }
  return { device: match[1] ?? '', volume: match[2] ?? '' };
}

/**
 * The device of a mountable; undefined where it is none of the guest's, as for a file that is mounted. A volume has a
 * slash in its name, a partition has none: of a subvolume's the first that is a device is meant.
 */
export function deviceOf({ devices }: Pick<Platform, 'devices'>, mountable: string): GuestDevice | undefined {
  const names = mountable.startsWith(SUBVOLUME)
    ? [/^\/dev\/[^/]+/, /^\/dev\/[^/]+\/[^/]+/].map(
        (name) => name.exec(mountable.slice(SUBVOLUME.length))?.[0],
      )
    : [mountable];
  for (const name of names) {
    if (name === undefined || !name.startsWith('/dev/')) continue;
    try {
      return devices.find(name);
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'ENOENT') throw error;
    }
  }
  return undefined;
}
