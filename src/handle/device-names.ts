import { GuestfsError } from '../errors/index.ts';
import type { HandleCore } from './core.ts';

/** Letters of a drive, 0 is `a`, 26 is `aa`. */
export function driveLetters(index: number): string {
  let letters = '';
  for (let left = index; left >= 0; left = Math.floor(left / 26) - 1) {
    letters = String.fromCharCode(0x61 + (left % 26)) + letters;
  }
  return letters;
}

/** Index of a whole drive by its name: `/dev/sda` is 0. Throws ENOENT where it is no drive's name. */
export function deviceIndex(device: string): number {
  const letters = /^\/dev\/(?:sd|hd|vd|xvd|ubd)([a-z]{1,3})$/.exec(device)?.[1];
  if (letters === undefined) {
    throw new GuestfsError('ENOENT', `${device}: is not the name of a whole drive`, { device });
  }
  let index = 0;
  for (const letter of letters) index = index * 26 + (letter.charCodeAt(0) - 0x60);
  return index - 1;
}

/** Name of the drive of an index. Throws EINVAL where there is no such drive. */
export function deviceName(index: number, drives: number): string {
  if (index < 0 || index >= drives) {
    throw new GuestfsError('EINVAL', `drive ${index} was asked for, the handle has ${drives} drive(s)`);
  }
  return `/dev/sd${driveLetters(index)}`;
}

/** A name in the form that list_devices and lvs have: `/dev/vda1` is `/dev/sda1`, `/dev/mapper/VG-LV` is `/dev/VG/LV`. */
export async function canonicalDeviceName(core: HandleCore, device: string): Promise<string> {
  const rest = /^\/dev\/(?:hd|vd|xvd)([a-z].*)$/.exec(device)?.[1];
  if (rest !== undefined) return `/dev/sd${rest}`;
  if (core.launched && /^\/dev\/(mapper\/|dm-)/.test(device)) {
    try {
      return (await core.daemonCall('lvm_canonical_lv_name', [device])) as string;
    } catch (error) {
      // A mapper device that is no logical volume keeps its name.
      if (!(error instanceof GuestfsError) || error.code === 'EINTR') throw error;
    }
  }
  return device;
}
