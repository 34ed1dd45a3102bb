import type { BlockDevice } from '../../block/device.ts';
import { eachInTurn, GuestfsError, UnsupportedError } from '../../errors/index.ts';
import type { FileSystem } from '../../filesystems/filesystem.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import { MountedTree } from '../../vfs/mounted-tree.ts';
import { fail } from '../../vfs/path-checks.ts';
import type { FileTree } from '../../vfs/tree.ts';
import type { DeviceTable, Identification, MountControl, MountEntry, MountRequest } from '../contract.ts';
import type { MountBelow, PrivateTree } from '../inspect-capability.ts';
import { fileDevice } from './file-device.ts';
import { openFileSystem } from './filesystems.ts';

/** A filesystem in use and how many mounts share it. */
interface Shared {
  readonly key: string;
  readonly fs: FileSystem;
  uses: number;
}

const SUBVOLUME = 'btrfsvol:';

/** Mounts of the engine: one FileSystem a device, shared by all mounts of that device, as in a kernel. */
export class EngineMounts implements MountControl {
  readonly tree = new MountedTree();
  readonly #devices: DeviceTable;
  readonly #identify: Identification;
  readonly #warn: (message: string) => void;
  readonly #shared = new Map<string, Shared>();

  constructor(devices: DeviceTable, identify: Identification, warn: (message: string) => void) {
    this.#devices = devices;
    this.#identify = identify;
    this.#warn = warn;
  }

  mount(request: MountRequest): void {
    const { mountable, mountpoint } = request;
    const shared = this.#share(mountable, request);
    if (this.#isMounted(shared, mountpoint)) {
      this.#release(shared.fs);
      throw new GuestfsError('EBUSY', `${mountable}: it is mounted on ${mountpoint} already`, {
        device: mountable,
        path: mountpoint,
      });
    }
    this.#attach(shared, mountpoint, {
      mountable: shared.key,
      readonly: request.readonly ?? false,
      options: request.options ?? [],
    });
  }

  /** Whether a filesystem is what one sees at a path. */
  #isMounted({ fs }: Shared, mountpoint: string): boolean {
    const path = mountpoint.replace(/(?!^)\/+$/, '');
    return this.tree.list().findLast((mount) => mount.mountpoint === path)?.fs === fs;
  }

  mountLoop(path: string, mountpoint: string): void {
    const tree: FileTree = this.tree;
    const isA = (file: string, type: number): boolean =>
      (tree.stat(tree.resolve(file)).mode & S_IFMT) === type;
    if (!isA(path, S_IFREG)) throw fail('EINVAL', path, 'it is no regular file, which a loop device is of');
    if (!isA(mountpoint, S_IFDIR))
      throw fail('ENOTDIR', mountpoint, 'cannot mount there, it is not a directory');
    const device = fileDevice(tree, path);
    const key = `loop:${this.tree.realpath(path)}`;
    const shared = this.#shared.get(key) ?? this.#open(key, device, path, undefined, undefined, []);
    shared.uses++;
    this.#attach(shared, mountpoint, { mountable: path, readonly: !device.writable, options: ['loop'] });
  }

  unmount(where: { path: string } | { device: string }): void {
    this.#release(this.tree.unmount('path' in where ? where.path : this.#mountpointOf(where.device)).fs);
  }

  /** Make durable what was changed in the mounted filesystems. */
  sync(): void {
    const tree: FileTree = this.tree;
    tree.writer?.sync();
  }

  /** All of them, also where one fails: the others' changes must not be lost with it. Throws what failed first. */
  unmountAll(): void {
    eachInTurn(this.tree.list().toReversed(), ({ mountpoint }) =>
      this.#release(this.tree.unmount(mountpoint).fs),
    );
  }

  remount(mountpoint: string, readonly: boolean): void {
    this.tree.remount(mountpoint, readonly);
  }

  list(): MountEntry[] {
    return this.tree.list().map(({ fs, mountpoint, info }) => ({
      mountable: info.mountable,
      mountpoint,
      type: fs.type,
      readonly: info.readonly,
      options: info.options,
    }));
  }

  makeMountpoint(path: string): void {
    this.tree.makeMountpoint(path);
  }

  removeMountpoint(path: string): void {
    this.tree.removeMountpoint(path);
  }

  /** One filesystem as a tree of its own; mounts that the user has on it share its FileSystem. */
  openTree(mountable: string, below: readonly MountBelow[] = []): PrivateTree {
    const shared = this.#share(mountable, { mountable, mountpoint: '/' });
    const used = [shared];
    const tree = new MountedTree();
    tree.mount(shared.fs, '/', { mountable, readonly: true, options: [] });
    for (const other of below) {
      try {
        const further = this.#share(other.mountable, other);
        used.push(further);
        tree.mount(further.fs, other.mountpoint, {
          mountable: other.mountable,
          readonly: true,
          options: [],
        });
      } catch (error) {
        if (!(error instanceof GuestfsError)) throw error;
      }
    }
    return {
      tree,
      type: shared.fs.type,
      close: () => {
        for (const { fs } of used.splice(0)) this.#release(fs);
      },
    };
  }

  #share(mountable: string, request: MountRequest): Shared {
    if (mountable.startsWith(SUBVOLUME)) {
      throw new UnsupportedError(`${mountable}: the engine cannot read btrfs; the appliance backend can`, {
        device: mountable,
      });
    }
    const { name } = this.#devices.find(mountable);
    const options = request.options ?? [];
    const key = name;
    const known = this.#shared.get(key);
    const shared =
      known ??
      this.#open(key, this.#devices.open(name), name, this.#identify.type(name), request.type, options);
    shared.uses++;
    return shared;
  }

  #open(
    key: string,
    device: BlockDevice,
    name: string,
    identified: string | undefined,
    stated: string | undefined,
    options: readonly string[],
  ): Shared {
    const fs = openFileSystem({
      device,
      name,
      identified,
      options,
      warn: (message) => this.#warn(`${name}: ${message}`),
      ...(stated === undefined ? {} : { stated }),
    });
    const shared = { key, fs, uses: 0 };
    this.#shared.set(key, shared);
    return shared;
  }

  #attach(
    shared: Shared,
    mountpoint: string,
    info: { mountable: string; readonly: boolean; options: readonly string[] },
  ): void {
    try {
      this.tree.mount(shared.fs, mountpoint, info);
    } catch (error) {
      this.#release(shared.fs);
      throw error;
    }
  }

  #release(fs: FileSystem): void {
    for (const shared of this.#shared.values()) {
      if (shared.fs !== fs || --shared.uses > 0) continue;
      this.#shared.delete(shared.key);
      fs.close();
    }
  }

  #mountpointOf(device: string): string {
    const { name } = this.#devices.find(device);
    const mount = this.tree.list().findLast(({ info }) => info.mountable === name);
    if (mount === undefined) throw new GuestfsError('EINVAL', `${device} is not mounted`, { device });
    return mount.mountpoint;
  }
}
