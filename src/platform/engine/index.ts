import { eachInTurn, GuestfsError } from '../../errors/index.ts';
import type { LvmDevice } from '../../volumes/lvm2/scan.ts';
import type { FileTree } from '../../vfs/tree.ts';
import type { Platform } from '../contract.ts';
import { LvmSession } from '../lvm-session.ts';
import type { MountBelow, PrivateTree, TreeOpener } from '../inspect-capability.ts';
import type { EngineConfig } from './config.ts';
import { partitionDeviceName } from './device-names.ts';
import { EngineDeviceTable } from './device-table.ts';
import { Disk } from './disks.ts';
import { openDrives, type OpenDrive } from './drives.ts';
import { mountableTypes } from './filesystems.ts';
import { EngineIdentification } from './identification.ts';
import { EngineMounts } from './mount-control.ts';

export type { DriveConfig, EngineConfig } from './config.ts';

/** The engine: drives, volumes and filesystems in TypeScript. */
export class EnginePlatform implements Platform, TreeOpener {
  readonly name = 'engine';
  readonly devices: EngineDeviceTable;
  readonly identify: EngineIdentification;
  readonly mounts: EngineMounts;
  readonly lvm: LvmSession;
  readonly #disks: Disk[];

  constructor(config: EngineConfig) {
    this.#disks = openDrives(config).map((drive) => new Disk(drive, config.warn));
    this.lvm = new LvmSession({
      candidates: () => this.#physicalVolumeCandidates(),
      inUse: (path) => this.#isMounted(path),
      changed: () => this.identify.forget(),
      warn: config.warn,
    });
    this.devices = new EngineDeviceTable(
      this.#disks,
      this.lvm,
      (tag, value) => this.identify.findByTag(tag, value),
      () => this.#forget(),
    );
    this.identify = new EngineIdentification(this.devices);
    this.mounts = new EngineMounts(this.devices, this.identify, config.warn);
  }

  get files(): FileTree {
    if (!this.mounts.tree.mounted) {
      throw new GuestfsError('EINVAL', 'nothing is mounted: mount the root filesystem first');
    }
    return this.mounts.tree;
  }

  filesystemTypes(): readonly string[] {
    return mountableTypes();
  }

  openTree(mountable: string, below?: readonly MountBelow[]): PrivateTree {
    return this.mounts.openTree(mountable, below);
  }

  /** The drives in their order. */
  drives(): OpenDrive[] {
    return this.#disks.map(({ drive }) => drive);
  }

  /** Partitions, and disks that have none: where Linux looks for physical volumes. */
  #physicalVolumeCandidates(): LvmDevice[] {
    const candidates: LvmDevice[] = [];
    for (const disk of this.#disks) {
      const partitions = disk.partitions();
      if (partitions.length === 0) candidates.push({ name: disk.name, device: disk.device });
      for (const { number, kind } of partitions) {
        if (kind === 'extended') continue;
        candidates.push({ name: partitionDeviceName(disk.name, number), device: disk.openPartition(number) });
      }
    }
    return candidates;
  }

  #isMounted(path: string): boolean {
    return this.mounts
      .list()
      .some(({ mountable }) => (this.lvm.canonicalName(mountable) ?? mountable) === path);
  }

  #forget(): void {
    this.identify.forget();
    this.lvm.forget();
  }

  sync(): void {
    this.mounts.sync();
    for (const { device } of this.#disks) device.flush();
  }

  close(): void {
    const closes = this.#disks.map(
      ({ device }) =>
        () =>
          device.close(),
    );
    eachInTurn([() => this.mounts.unmountAll(), ...closes], (close) => close());
  }
}

/** Start the engine on the drives of a configuration. Throws what opening a drive throws; nothing stays open then. */
export function createEnginePlatform(config: EngineConfig): EnginePlatform {
  return new EnginePlatform(config);
}
