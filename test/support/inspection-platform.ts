import { GuestfsError, UnsupportedError } from '../../src/errors/index.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import type { Files } from '../../src/inspect/golden/guests.ts';
import type { GuestDevice, MountEntry, Platform } from '../../src/platform/contract.ts';
import type { MountBelow, PrivateTree, TreeOpener } from '../../src/platform/inspect-capability.ts';
import { MountedTree } from '../../src/vfs/mounted-tree.ts';
import { MemoryFileSystem } from './memory-fs.ts';

/** A filesystem of memory out of a list of files. */
export function memoryGuest(files: Files): MemoryFileSystem {
  const fs = new MemoryFileSystem();
  for (const [path, node] of Object.entries(files)) {
    if (typeof node === 'string' || node instanceof Uint8Array) fs.file(path, node);
    else if ('link' in node) fs.symlink(path, node.link);
    else fs.dir(path);
  }
  return fs;
}

/** What is on a device. */
export interface FakeContent {
  type?: string;
  fs?: FileSystem;
  /** UUID, LABEL, PARTUUID, PARTLABEL. */
  tags?: Record<string, string>;
  /** What opening it throws. */
  fails?: GuestfsError;
  extended?: boolean;
  /** For `/dev/mapper/luks-...`, the encrypted device that is opened under this name. */
  opens?: string;
}

/** A platform of devices by name (`/dev/sda1`, `/dev/vg/lv`), for tests of inspection. */
export function inspectionPlatform(contents: Record<string, FakeContent>): {
  platform: Platform & TreeOpener;
  tree: MountedTree;
  /** Private trees that were opened and not closed. */
  openTrees(): number;
} {
  const disks: GuestDevice[] = [];
  const partitions: GuestDevice[] = [];
  const volumes: GuestDevice[] = [];
  const mapped: GuestDevice[] = [];
  for (const [name, { extended, opens }] of Object.entries(contents)) {
    if (opens !== undefined) {
      mapped.push({ name, kind: 'dm', parent: opens });
      continue;
    }
    const match = /^(\/dev\/sd[a-z]+)([0-9]*)$/.exec(name);
    if (match === null) {
      volumes.push({ name, kind: 'lv' });
      continue;
    }
    const parent = match[1] as string;
    if (!disks.some((disk) => disk.name === parent)) disks.push({ name: parent, kind: 'disk' });
    if (match[2] === '') continue;
    partitions.push({
      name,
      kind: 'partition',
      parent,
      partitionNumber: Number(match[2]),
      ...(extended === true ? { extended } : {}),
    });
  }
  const all = [...disks, ...partitions, ...volumes, ...mapped];
  const missing = (name: string): GuestfsError =>
    new GuestfsError('ENOENT', `${name}: there is no such device`, { device: name });
  const find = (name: string): GuestDevice => {
    const byTag = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/.exec(name);
    const tag = byTag?.[1]?.toUpperCase() ?? '';
    const found = all.find((device) =>
      byTag ? contents[device.name]?.tags?.[tag] === byTag[2] : device.name === alias(name),
    );
    if (found === undefined) throw missing(name);
    return found;
  };
  const tree = new MountedTree();
  const mounts: MountEntry[] = [];
  let open = 0;
  const filesystemOf = (mountable: string): FileSystem => {
    const { type, fs, fails } = contents[find(mountable).name] ?? {};
    if (fails !== undefined) throw fails;
    if (fs !== undefined) return fs;
    if (type === undefined) throw new GuestfsError('EINVAL', `${mountable} holds no filesystem`);
    throw new UnsupportedError(`${mountable} holds ${type}, which is not read here`, { device: mountable });
  };
  const platform = {
    name: 'engine',
    devices: {
      disks: () => disks,
      partitions: () => partitions,
      logicalVolumes: () => volumes,
      mappedDevices: () => mapped,
      find,
    },
    identify: { type: (name: string) => contents[find(name).name]?.type },
    mounts: {
      list: () => mounts,
      mount({ mountable, mountpoint }: { mountable: string; mountpoint: string }) {
        tree.mount(filesystemOf(mountable), mountpoint, { mountable, readonly: true, options: [] });
        mounts.push({ mountable, mountpoint, type: 'ext4', readonly: true, options: [] });
      },
    },
    files: tree,
    openTree(mountable: string, below: readonly MountBelow[] = []): PrivateTree {
      const opened = new MountedTree();
      opened.mount(filesystemOf(mountable), '/', { mountable, readonly: true, options: [] });
      for (const other of below) {
        try {
          opened.mount(filesystemOf(other.mountable), other.mountpoint, {
            mountable: other.mountable,
            readonly: true,
            options: [],
          });
        } catch (error) {
          if (!(error instanceof GuestfsError)) throw error;
        }
      }
      open++;
      return { tree: opened, type: 'ext4', close: () => open-- };
    },
    sync() {},
    close() {},
  };
  return { platform: platform as unknown as Platform & TreeOpener, tree, openTrees: () => open };
}

/** /dev/vda1 and /dev/mapper/vg-lv are other names of /dev/sda1 and /dev/vg/lv. */
function alias(name: string): string {
  const mapper = /^\/dev\/mapper\/((?:[^-]|--)+)-((?:[^-]|--)+)$/.exec(name);
  if (mapper && !name.startsWith('/dev/mapper/luks-'))
    return `/dev/${mapper[1]!.replaceAll('--', '-')}/${mapper[2]!.replaceAll('--', '-')}`;
  return name.replace(/^\/dev\/[vhx]v?d([a-z])/, '/dev/sd$1');
}
