import { GuestfsError } from '../../errors/index.ts';
import type { LvmCapability } from '../lvm-capability.ts';
import type { LvmWriting, VolumeSize } from '../lvm-writing.ts';
import type { LinuxDeviceTable } from './device-table.ts';
import type { LvmCommand } from './lvm-command.ts';

/** What lvresize(8) says where there is nothing to do. */
const SAME_SIZE = /matches existing size|No size change/;

/** Changes LVM2 by lvm(8). */
export class LinuxLvmWriting implements LvmWriting {
  readonly #lvm: LvmCapability;
  readonly #command: LvmCommand;
  readonly #devices: LinuxDeviceTable;

  constructor(lvm: LvmCapability, command: LvmCommand, devices: LinuxDeviceTable) {
    this.#lvm = lvm;
    this.#command = command;
    this.#devices = devices;
  }

  createPhysicalVolume(device: string): void {
    this.#wantUnpartitioned(device);
    this.#command.run(['pvcreate', '--yes', '--force', '--', this.#devices.node(device)], { device });
  }

  removePhysicalVolume(device: string): void {
    this.#command.run(['pvremove', '--yes', '--', this.#devices.node(device)], { device });
  }

  resizePhysicalVolume(device: string, size?: number): void {
    const wanted = size === undefined ? [] : ['--setphysicalvolumesize', `${size}b`];
    this.#command.run(['pvresize', '--yes', ...wanted, '--', this.#devices.node(device)], { device });
  }

  changePhysicalVolumeUuid(device?: string): void {
    this.#command.run(
      ['pvchange', '--uuid', ...(device === undefined ? ['--all'] : ['--', this.#devices.node(device)])],
      device === undefined ? {} : { device },
    );
  }

  createVolumeGroup(name: string, devices: readonly string[]): void {
    for (const device of devices) this.#wantUnpartitioned(device);
    this.#command.run([
      'vgcreate',
      '--yes',
      '--',
      name,
      ...devices.map((device) => this.#devices.node(device)),
    ]);
  }

  removeVolumeGroup(name: string): void {
    this.#about({ group: name }, () => this.#command.run(['vgremove', '--force', '--yes', '--', name]));
  }

  renameVolumeGroup(from: string, to: string): void {
    this.#about({ group: from }, () => this.#command.run(['vgrename', '--', from, to]));
  }

  changeVolumeGroupUuid(name?: string): void {
    this.#about(name === undefined ? {} : { group: name }, () =>
      this.#command.run(['vgchange', '--uuid', ...(name === undefined ? [] : ['--', name])]),
    );
  }

  createLogicalVolume(volumeGroup: string, name: string, size: VolumeSize): void {
    this.#about({ group: volumeGroup }, () =>
      this.#command.run(['lvcreate', '--yes', ...sizeArguments(size, ''), '--name', name, '--', volumeGroup]),
    );
  }

  removeLogicalVolume(device: string): void {
    const path = this.#lvm.canonicalName(device) ?? device;
    this.#command.run(['lvremove', '--force', '--yes', '--', path.replace(/^\/dev\//, '')], { device });
  }

  renameLogicalVolume(from: string, to: string): void {
    this.#about({ volume: this.#lvm.canonicalName(from) ?? from }, () =>
      this.#command.run(['lvrename', '--', from.replace(/^\/dev\//, ''), to.replace(/^\/dev\//, '')], {
        device: from,
      }),
    );
  }

  resizeLogicalVolume(device: string, size: VolumeSize): void {
    const path = this.#lvm.canonicalName(device) ?? device;
    try {
      this.#about({ volume: path }, () =>
        this.#command.run(['lvresize', '--force', ...sizeArguments(size, '+'), '--', path], { device }),
      );
    } catch (error) {
      if (!(error instanceof GuestfsError) || !SAME_SIZE.test(error.message)) throw error;
    }
  }

  removeAll(): void {
    for (const { vgName } of this.#lvm.volumeGroups()) this.removeVolumeGroup(vgName);
    for (const name of this.#lvm.physicalVolumeNames()) this.removePhysicalVolume(name);
  }

  /**
   * Run a command. Where it fails and what it is about is no name of a logical volume, or is not there, that is the reason
   * (EINVAL, ENOENT), whatever lvm(8) looked at first.
   */
  #about(what: { group?: string; volume?: string }, run: () => unknown): void {
    try {
      run();
    } catch (error) {
      const { volume } = what;
      const [, group = what.group, name] = /^\/dev\/([^/]+)\/([^/]+)$/.exec(volume ?? '') ?? [];
      if (volume !== undefined && name === undefined) {
        throw new GuestfsError('EINVAL', `${volume} is no name of a logical volume, expected /dev/VG/LV`, {
          device: volume,
          cause: error,
        });
      }
      const groups = this.#lvm.volumeGroups().map(({ vgName }) => vgName);
      if (group === undefined || groups.includes(group)) throw error;
      throw new GuestfsError(
        'ENOENT',
        `no volume group ${group} was found; there are: ${groups.join(', ') || 'none'}`,
        { cause: error, ...(volume === undefined ? {} : { device: volume }) },
      );
    }
  }

  #wantUnpartitioned(device: string): void {
    if (!this.#devices.partitions().some(({ parent }) => parent === device)) return;
    throw new GuestfsError('EINVAL', `${device} has partitions, it cannot be a physical volume as a whole`, {
      device,
    });
  }
}

/** Sizes in bytes, or in percent of what is free, which is added where `sign` says so. */
function sizeArguments(size: VolumeSize, sign: '' | '+'): string[] {
  if ('bytes' in size) {
    if (!(size.bytes > 0)) throw new GuestfsError('EINVAL', `a size of ${size.bytes} bytes was asked for`);
    return ['--size', `${size.bytes}b`];
  }
  const { percentFree } = size;
  if (!(percentFree > 0 && percentFree <= 100)) {
    throw new GuestfsError('EINVAL', `percentage must be from 1 to 100, ${percentFree} was asked for`);
  }
  return ['--extents', `${sign}${percentFree}%FREE`];
}
