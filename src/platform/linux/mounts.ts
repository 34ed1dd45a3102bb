import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { eachInTurn, GuestfsError } from '../../errors/index.ts';
import { checkPath, fail } from '../../vfs/path-checks.ts';
import type { MountControl, MountEntry, MountRequest, UnmountOptions } from '../contract.ts';
import type { LinuxDeviceTable } from './device-table.ts';
import { fsPath } from './host-bytes.ts';
import { fromNode, guestDevices, guestMessage } from './kernel-error.ts';
import { join, type KernelTree } from './kernel-tree.ts';
import type { WritableMounts } from './kernel-tree-writer.ts';
import { kernelMounts, type KernelMount } from './mount-table.ts';
import { findProgram, runTool, type RunOptions } from './run-tool.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';

/** What the mounts need of the platform. */
export interface MountOptions {
  readonly tree: KernelTree;
  readonly devices: LinuxDeviceTable;
  /** The machine is the guest: its own mounts are shown, and what others mounted is left alone. */
  readonly live: boolean;
  /** The type of what is on a device. */
  typeOf(device: string): string | undefined;
  /** Called before a mount comes or goes: what is open must be closed. */
  release(): void;
}

const SUBVOLUMES = [/^btrfsvol:(\/dev\/[^/]+)\/(.+)$/, /^btrfsvol:(\/dev\/[^/]+\/[^/]+)\/(.+)$/];
/** Where programs speak to drivers: it is there once the driver is loaded, which nothing else may do. */
const LOOP_CONTROL = '/dev/loop-control';
const BTRFS_CONTROL = '/dev/btrfs-control';
/** Filesystems of the kernel that hold nothing of the guest's. */
const KERNEL_TYPES = new Set([
  'proc',
  'sysfs',
  'devtmpfs',
  'devpts',
  'cgroup',
  'cgroup2',
  'securityfs',
  'debugfs',
  'tracefs',
  'bpf',
  'pstore',
  'mqueue',
  'hugetlbfs',
  'configfs',
  'fusectl',
  'autofs',
  'binfmt_misc',
  'selinuxfs',
  'efivarfs',
  'rpc_pipefs',
]);

/** The kernel's mounts below the guest's root, made by mount(8). */
export class LinuxMounts implements MountControl, WritableMounts {
  readonly #options: MountOptions;
  readonly #tree: KernelTree;
  /** Mounts that were there before, by {@link keyOf}. */
  readonly #before: ReadonlySet<string>;
  /** How what we mounted was called, by {@link keyOf} of the mount. */
  readonly #given = new Map<string, string>();
  /** What {@link #mounts} gave for an answer of the kernel. */
  #known: { all: readonly KernelMount[]; guest: readonly KernelMount[] } | undefined;

  constructor(options: MountOptions) {
    this.#options = options;
    this.#tree = options.tree;
    this.#before = new Set(kernelMounts().map(keyOf));
  }

  get outlast(): boolean {
    return this.#options.live;
  }

  mount(request: MountRequest): void {
    const { mountable, mountpoint, options = [], readonly = false, type } = request;
    const { device, volume } = this.parts(mountable);
    const node = this.#options.devices.node(device);
    const words = [...(readonly ? ['ro'] : []), ...options];
    if (volume !== undefined) words.push(`subvol=${volume}`);
    const { name } = this.#options.devices.find(device);
    this.introduce(device);
    this.#attach(
      ['-o', words.join(','), ...(type === undefined ? [] : ['-t', type]), '--', node],
      mountpoint,
      volume === undefined ? name : mountable,
      words.length === 0,
    );
  }

  mountLoop(path: string, mountpoint: string): void {
    const real = this.#tree.realpath(path);
    if ((Number(this.#tree.stats(real).mode) & S_IFMT) !== S_IFREG)
      throw fail('EINVAL', path, 'it is no regular file, which a loop device is of');
    const file = this.#tree.host(real);
    wantDriver('loop', LOOP_CONTROL);
    this.#attach(['-o', 'loop', '--', file], mountpoint, path, false);
  }

  unmount(where: { path: string } | { device: string }, how: UnmountOptions = {}): void {
    const mount = 'path' in where ? this.#mountAt(where.path) : this.#mountOf(where.device);
    this.#detach(mount, how);
  }

  isReadonly(path: string): boolean {
    const over = this.list().filter(
      ({ mountpoint }) => mountpoint === '/' || path === mountpoint || path.startsWith(`${mountpoint}/`),
    );
    return over.toSorted((a, b) => b.mountpoint.length - a.mountpoint.length)[0]?.readonly === true;
  }

  /** All of them, also where one fails. Throws what failed first. */
  unmountAll(): void {
    this.#unmountEach({});
  }

  #unmountEach(how: UnmountOptions): void {
    eachInTurn(this.#mounts().toReversed(), (mount) => {
      if (!this.#options.live || this.#given.has(keyOf(mount))) this.#detach(mount, how);
    });
  }

  /**
   * Unmount everything; what a program of the guest still holds goes when that ends. A machine that is the guest itself
   * keeps its mounts, those that were made for a library included.
   */
  close(): void {
    if (this.outlast) return;
    try {
      this.unmountAll();
    } catch (error) {
      if (!(error instanceof GuestfsError) || error.code !== 'EBUSY') throw error;
      this.#unmountEach({ lazy: true });
    }
  }

  remount(mountpoint: string, readonly: boolean): void {
    const mount = this.#mountAt(mountpoint);
    this.#run('mount', ['-o', `remount,${readonly ? 'ro' : 'rw'}`, '--', mount.mountpoint], {
      about: { path: mountpoint },
    });
  }

  list(): MountEntry[] {
    return this.#mounts().map((mount) => ({
      mountable: this.#mountable(mount),
      mountpoint: this.#guestPath(mount.mountpoint),
      type: mount.type,
      readonly: mount.options.includes('ro') || mount.superOptions.includes('ro'),
      options: mount.options.filter((option) => option !== 'ro' && option !== 'rw'),
    }));
  }

  makeMountpoint(path: string): void {
    const host = this.#newName(path);
    try {
      mkdirSync(fsPath(host), 0o755);
    } catch (error) {
      throw fromNode(error, path);
    }
  }

  removeMountpoint(path: string): void {
    const host = this.#newName(path);
    try {
      rmdirSync(fsPath(host));
    } catch (error) {
      throw fromNode(error, path);
    }
  }

  /** True once anything of the guest is mounted. */
  get mounted(): boolean {
    return this.#options.live || this.#mounts().length > 0;
  }

  wantMounted(path: string): void {
    if (this.#options.live) return;
    const inside = this.#mounts().some(({ mountpoint }) => {
      const guest = this.#guestPath(mountpoint);
      return guest === '/' || path === guest || path.startsWith(`${guest}/`);
    });
    if (!inside) {
      throw fail('EROFS', path, 'no filesystem is mounted there; mkmountpoint makes directories to mount on');
    }
  }

  hostMountpoints(): string[] {
    return this.#mounts().map(({ mountpoint }) => mountpoint);
  }

  /** Tell the kernel of all devices of btrfs before one is mounted: without udev nobody else does. */
  introduce(device: string): void {
    const { devices, typeOf } = this.#options;
    if (typeOf(device) !== 'btrfs' || findProgram('btrfs') === undefined) return;
    const candidates = [...devices.disks(), ...devices.partitions(), ...devices.logicalVolumes()];
    const members = candidates.filter(({ name, extended }) => extended !== true && typeOf(name) === 'btrfs');
    if (members.length < 2) return;
    wantDriver('btrfs', BTRFS_CONTROL);
    this.#run('btrfs', ['device', 'scan', '--', ...members.map(({ name }) => devices.node(name))], {});
  }

  /** Where a device or subvolume is mounted on the host, the last time it was; undefined where it is not. */
  hostMountOf(mountable: string): string | undefined {
    const wanted = mountable.startsWith('/dev/') ? this.#options.devices.find(mountable).name : mountable;
    return this.#mounts().findLast((mount) => this.#mountable(mount) === wanted)?.mountpoint;
  }

  /**
   * Take a mountable apart. A volume has a slash in its name, a partition has none: of a subvolume's the first that is a
   * device is meant. Throws EINVAL where there is none.
   */
  parts(mountable: string): { device: string; volume?: string } {
    if (!mountable.startsWith('btrfsvol:')) return { device: mountable };
    for (const subvolume of SUBVOLUMES) {
      const [, device, volume] = subvolume.exec(mountable) ?? [];
      if (device !== undefined && volume !== undefined && this.#isDevice(device)) return { device, volume };
    }
    throw new GuestfsError('EINVAL', `${mountable}: expected btrfsvol:/dev/.../subvolume`, {
      device: mountable,
    });
  }

  #isDevice(name: string): boolean {
    try {
      this.#options.devices.find(name);
      return true;
    } catch (error) {
      if (error instanceof GuestfsError && error.code === 'ENOENT') return false;
      throw error;
    }
  }

  #attach(args: readonly string[], mountpoint: string, mountable: string, plain: boolean): void {
    const directory = this.#tree.resolve(mountpoint);
    const path = this.#tree.pathOf(directory);
    if ((this.#tree.stat(directory).mode & S_IFMT) !== S_IFDIR) {
      throw fail('ENOTDIR', mountpoint, 'cannot mount there, it is not a directory');
    }
    this.#run('mount', [...(plain ? args.slice(2) : args), this.#tree.host(path)], {
      about: { device: mountable, path: mountpoint },
    });
    const made = kernelMounts().findLast((mount) => mount.mountpoint === this.#tree.host(path));
    if (made !== undefined) this.#given.set(keyOf(made), mountable);
    this.#known = undefined;
  }

  #detach(mount: KernelMount, { force = false, lazy = false }: UnmountOptions): void {
    const flags = [...(force ? ['-f'] : []), ...(lazy ? ['-l'] : [])];
    this.#run('umount', [...flags, '--', mount.mountpoint], {
      about: { path: this.#guestPath(mount.mountpoint) },
    });
    this.#given.delete(keyOf(mount));
    this.#known = undefined;
  }

  #mounts(): readonly KernelMount[] {
    const all = kernelMounts();
    if (this.#known?.all !== all) this.#known = { all, guest: all.filter((mount) => this.#isGuest(mount)) };
    return this.#known.guest;
  }

  #isGuest(mount: KernelMount): boolean {
    const { root } = this.#tree;
    const { mountpoint, type } = mount;
    const key = keyOf(mount);
    if (!this.#given.has(key) && KERNEL_TYPES.has(type)) return false;
    if (this.#options.live) return true;
    return !this.#before.has(key) && (mountpoint === root || mountpoint.startsWith(`${root}/`));
  }

  #mountable(mount: KernelMount): string {
    const given = this.#given.get(keyOf(mount));
    if (given !== undefined) return given;
    return this.#options.devices.nameOfNode(mount.source) ?? mount.source;
  }

  #guestPath(host: string): string {
    const path = host.slice(this.#tree.root.length);
    return path === '' ? '/' : path;
  }

  #mountAt(path: string): KernelMount {
    const host = this.#tree.host(this.#tree.realpath(path));
    const mount = this.#mounts().findLast(({ mountpoint }) => mountpoint === host);
    if (mount === undefined) throw fail('EINVAL', path, 'nothing is mounted there');
    return mount;
  }

  #mountOf(device: string): KernelMount {
    const { name } = this.#options.devices.find(device);
    const mount = this.#mounts().findLast((found) => this.#mountable(found) === name);
    if (mount === undefined) throw new GuestfsError('EINVAL', `${device} is not mounted`, { device });
    return mount;
  }

  #run(program: string, args: readonly string[], options: RunOptions): void {
    this.#options.release();
    try {
      runTool(program, args, options);
    } catch (error) {
      throw guestDevices(guestMessage(error, this.#tree.root), this.#options.devices);
    }
  }

  #newName(path: string): string {
    checkPath(path);
    const trimmed = path.replace(/\/+$/, '');
    const slash = trimmed.lastIndexOf('/');
    const name = trimmed.slice(slash + 1);
    if (name === '' || name === '.' || name === '..')
      throw fail('EINVAL', path, 'no mount point can have this name');
    const parent = this.#tree.realpath(slash <= 0 ? '/' : trimmed.slice(0, slash));
    return this.#tree.host(join(parent, name));
  }
}

/** Have a driver loaded that a program needs. */
function wantDriver(module: string, node: string): void {
  if (existsSync(node) || findProgram('modprobe') === undefined) return;
  runTool('modprobe', ['--quiet', module], { accept: [1] });
}

/** What tells a mount from others: its number alone is given to another mount when it is gone. */
function keyOf({ id, mountpoint }: KernelMount): string {
  return `${id} ${mountpoint}`;
}
