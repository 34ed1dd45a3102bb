import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Handle } from '../common/handle.ts';
import { suggestions } from './suggest.ts';

/** A handle that has found filesystems and a system, as the daemon names them. */
function handle(filesystems: Record<string, string>, mountpoints?: Record<string, string>): Handle {
  const device = (mountable: string): string =>
    /^btrfsvol:(\/dev\/(?:vg\/)?[^/]+)/.exec(mountable)?.[1] ?? mountable;
  const asked = {
    inspectOs: async () => (mountpoints === undefined ? [] : [mountpoints['/']]),
    inspectGetMountpoints: async () => mountpoints,
    inspectGetType: async () => 'linux',
    inspectGetProductName: async () => 'Some Linux',
    listFilesystems: async () => filesystems,
    mountableDevice: async (mountable: string) => device(mountable),
    mountableSubvolume: async (mountable: string) => mountable.slice(`btrfsvol:${device(mountable)}/`.length),
  };
  return asked as unknown as Handle;
}

const commands = (text: string): string[] =>
  text.split('\n').filter((line) => /^(#|mount|chroot)/.test(line));

describe('virt-rescue --suggest', () => {
  test('mounts subvolumes by their devices, of whatever kind those are', async () => {
    const filesystems = {
      '/dev/sda1': 'ext4',
      'btrfsvol:/dev/md0/root': 'btrfs',
      'btrfsvol:/dev/vg/lv/my home': 'btrfs',
      '/dev/sda2': 'swap',
    };
    assert.deepEqual(commands(await suggestions(handle(filesystems))), [
      'mount /dev/sda1 /sysroot  # ext4',
      'mount -o subvol=root /dev/md0 /sysroot  # btrfs',
      "mount -o 'subvol=my home' /dev/vg/lv /sysroot  # btrfs",
      '# /dev/sda2 has the content swap',
    ]);
  });

  test('mounts a system as it would be mounted', async () => {
    const mountpoints = { '/boot/efi': '/dev/sda1', '/': 'btrfsvol:/dev/md127/@', '/boot': '/dev/sda2' };
    assert.deepEqual(commands(await suggestions(handle({}, mountpoints))), [
      '# btrfsvol:/dev/md127/@ is the root of a system of the type linux',
      '# Some Linux',
      'mount -o subvol=@ /dev/md127 /sysroot',
      'mount /dev/sda2 /sysroot/boot',
      'mount /dev/sda1 /sysroot/boot/efi',
      'mount --rbind /dev /sysroot/dev',
      'mount --rbind /proc /sysroot/proc',
      'mount --rbind /sys /sysroot/sys',
      'chroot /sysroot',
    ]);
  });
});
