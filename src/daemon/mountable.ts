import { GuestfsError } from '../errors/index.ts';

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
