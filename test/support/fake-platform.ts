import type { BlockDevice } from '../../src/block/device.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import type { Platform } from '../../src/platform/contract.ts';
import { makeDevice } from '../../src/filesystems/mode.ts';
import { MountedTree } from '../../src/vfs/mounted-tree.ts';

/**
 * A platform of nothing but mounted filesystems and devices by name, for tests of the file actions. What else a
 * platform has fails when it is used.
 */
export function fakePlatform(
  mounts: Record<string, FileSystem>,
  devices: Record<string, BlockDevice> = {},
  options: { writable?: boolean } = {},
): { platform: Platform; tree: MountedTree } {
  const tree = new MountedTree();
  let disk = 0;
  for (const [mountpoint, fs] of Object.entries(mounts)) {
    const mountable = `/dev/sd${String.fromCharCode(0x61 + disk)}`;
    tree.mount(fs, mountpoint, {
      mountable,
      readonly: !options.writable,
      options: [],
      dev: makeDevice(8, disk++ * 16),
    });
  }
  const platform = {
    name: 'engine',
    files: tree,
    devices: {
      find(name: string): { name: string; kind: 'disk' } {
        if (!devices[name] && !tree.list().some(({ info }) => info.mountable === name)) {
          throw new GuestfsError('ENOENT', `${name}: there is no such device`, { device: name });
        }
        return { name, kind: 'disk' };
      },
      open(name: string): BlockDevice {
        const device = devices[name];
        if (!device) throw new GuestfsError('ENOENT', `${name}: there is no such device`, { device: name });
        return device;
      },
    },
    mounts: {
      list: () =>
        tree.list().map(({ fs, mountpoint, info }) => ({
          mountable: info.mountable,
          mountpoint,
          type: fs.type,
          readonly: info.readonly,
          options: info.options,
        })),
    },
    sync() {},
    close() {},
  };
  return { platform: platform as unknown as Platform, tree };
}
