import { eachInTurn, GuestfsError } from '../../errors/index.ts';
import type { FileTree } from '../../vfs/tree.ts';
import type { TreeWriter } from '../../vfs/tree-writer.ts';
import type { Platform } from '../contract.ts';
import type { MountBelow, PrivateTree, TreeOpener } from '../inspect-capability.ts';
import { LinuxDeviceTable } from './device-table.ts';
import { assemble } from './assemble.ts';
import { groupProblem } from './groups.ts';
import { LinuxIdentification } from './identification.ts';
import { kernelCalls } from './calls.ts';
import type { KernelCalls } from './kernel-calls.ts';
import { KernelTree } from './kernel-tree.ts';
import { KernelTreeWriter } from './kernel-tree-writer.ts';
import { LinuxLvm } from './lvm.ts';
import { LinuxMounts } from './mounts.ts';
import { openPrivateTree, orUnsupported, UNTOUCHED } from './private-tree.ts';
import { findProgram } from './run-tool.ts';
import { makeStandardLinks } from './standard-links.ts';
import { subvolumeMountables } from './subvolumes.ts';
import { machineDisks, sysText } from './sysfs.ts';
import { LinuxTools } from './tools.ts';
import { linuxWatches, type LinuxWatches } from './watches.ts';

/** What the Linux platform is started with. */
export interface LinuxConfig {
  /**
   * Folder that the guest's filesystems are mounted below. `/` serves the machine itself, live: its disks and mounts
   * are the guest's.
   */
  readonly sysroot: string;
  /** Kernel names of the guest's disks in order, as in `sda`; those of the machine but its own if absent. */
  readonly disks?: readonly string[];
  /** Programs of the guest may use the machine's network. */
  readonly network?: boolean;
  /** Hears what is odd but does not stop the work, one sentence a call. */
  warn(message: string): void;
}

/** A kernel's devices, mounts and files, and the programs of the machine it runs. */
export class LinuxPlatform implements Platform, TreeOpener {
  readonly name = 'linux';
  readonly devices: LinuxDeviceTable;
  readonly identify: LinuxIdentification;
  readonly mounts: LinuxMounts;
  readonly tools: LinuxTools;
  readonly lvm: LinuxLvm | undefined;
  readonly watches: LinuxWatches | undefined;
  readonly #calls: KernelCalls;
  readonly #tree: KernelTree & { writer: TreeWriter };
  readonly #writer: KernelTreeWriter;
  readonly #warn: (message: string) => void;

  constructor(config: LinuxConfig) {
    const live = config.sysroot === '/';
    // Modes are the guest's business: the daemon takes its umask out of them.
    process.umask(0);
    if (!live) makeStandardLinks();
    this.#warn = config.warn;
    this.#calls = kernelCalls();
    const tree = new KernelTree(config.sysroot, this.#calls);
    const release = (): void => this.release();
    this.devices = new LinuxDeviceTable({
      disks: () => config.disks ?? machineDisks(live),
      findTag: (tag, value) => this.identify.findByTag(tag, value),
      changed: () => this.identify.forget(),
      assemble: () => {
        if (live) return;
        const { devices, identify, lvm } = this;
        assemble({ devices, identify, lvm, release, warn: config.warn });
      },
    });
    this.identify = new LinuxIdentification(this.devices);
    this.mounts = new LinuxMounts({
      tree,
      devices: this.devices,
      live,
      typeOf: (device) => this.identify.type(device),
      release,
    });
    this.#writer = new KernelTreeWriter(tree, this.mounts);
    this.#tree = Object.assign(tree, { writer: this.#writer });
    this.tools = new LinuxTools({
      tree,
      devices: this.devices,
      mounts: this.mounts,
      live,
      network: config.network ?? false,
      release,
    });
    this.lvm =
      findProgram('lvm') === undefined ? undefined : new LinuxLvm(this, (name) => this.#isMounted(name));
    this.watches = linuxWatches((path) => this.tools.hostPath(path));
  }

  get files(): FileTree {
    if (!this.mounts.mounted) {
      throw new GuestfsError('EINVAL', 'nothing is mounted: mount the root filesystem first');
    }
    return this.#tree;
  }

  unavailable(group: string): string | undefined {
    return groupProblem(group, this.tools, this.watches !== undefined);
  }

  subvolumes(device: string): string[] {
    const { tools } = this;
    const list = (path: string): string[] =>
      subvolumeMountables(
        device,
        (...args) => tools.run('btrfs', [...args, path], { about: { device } }).stdout,
      );
    // Who lists does not want anything written.
    return tools.withMounted(device, list, [UNTOUCHED.btrfs]);
  }

  filesystemTypes(): readonly string[] {
    return (sysText('/proc/filesystems') ?? '')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('nodev'))
      .map((line) => line.trim());
  }

  openTree(mountable: string, below?: readonly MountBelow[]): PrivateTree {
    const options = {
      devices: this.devices,
      identify: this.identify,
      mounts: this.mounts,
      calls: this.#calls,
      release: () => this.release(),
      warn: this.#warn,
    };
    try {
      return openPrivateTree(options, mountable, below);
    } catch (error) {
      throw orUnsupported(error, mountable, () => this.identify.type(this.mounts.parts(mountable).device));
    }
  }

  #isMounted(device: string): boolean {
    return this.mounts.list().some(({ mountable }) => mountable === device);
  }

  sync(): void {
    const syncs = this.mounts.mounted ? [() => this.#writer.sync()] : [];
    try {
      eachInTurn([...syncs, () => this.devices.flush()], (sync) => sync());
    } finally {
      this.release();
    }
  }

  /** Close whatever is kept open between calls, and forget what is known of devices. Call it after every call. */
  release(): void {
    this.#tree.release();
    this.#writer.release();
    this.devices.release();
    this.identify.forget();
  }

  close(): void {
    this.watches?.stop();
    try {
      this.mounts.close();
    } finally {
      this.release();
    }
  }
}

/** The platform of the machine that this program runs on. */
export function createLinuxPlatform(config: LinuxConfig): LinuxPlatform {
  return new LinuxPlatform(config);
}
