import { unescapeHex } from '../../bytes/escapes.ts';
import type { BlockDevice } from '../../block/device.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { Partition } from '../../partitions/index.ts';
import type { DeviceTable, GuestDevice } from '../contract.ts';
import type { LvmSession } from '../lvm-session.ts';
import { parseDriveName, partitionDeviceName } from './device-names.ts';
import type { Disk } from './disks.ts';

/** Looks a device up by a tag of blkid(8) (`UUID`, `LABEL`, `PARTUUID`, `PARTLABEL`). */
export type TagLookup = (tag: string, value: string) => string | undefined;

const BY_TAG = /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.+)$/;
const BY_DRIVE_LABEL = /^\/dev\/disk\/guestfs\/(.+?)(\d*)$/;

/** The engine's devices: drives, their partitions, and the logical volumes on either. */
export class EngineDeviceTable implements DeviceTable {
  readonly #disks: Disk[];
  readonly #lvm: LvmSession;
  readonly #findTag: TagLookup;
  readonly #changed: () => void;

  /** `changed` is called when what the devices hold must be looked at again. */
  constructor(disks: Disk[], lvm: LvmSession, findTag: TagLookup, changed: () => void) {
    this.#disks = disks;
    this.#lvm = lvm;
    this.#findTag = findTag;
    this.#changed = changed;
  }

  disks(): GuestDevice[] {
    return this.#disks.map(({ name }) => ({ name, kind: 'disk' }));
  }

  partitions(): GuestDevice[] {
    return this.#disks.flatMap((disk) =>
      disk.partitions().map((partition) => partitionEntry(disk, partition)),
    );
  }

  logicalVolumes(): GuestDevice[] {
    return this.#lvm.activeNames().map((name) => ({ name, kind: 'lv' }));
  }

  find(name: string): GuestDevice {
    const device = this.#find(name);
    if (device === undefined) {
      throw new GuestfsError('ENOENT', `${name}: no such device among ${this.#describe()}`, { device: name });
    }
    return device;
  }

  open(name: string): BlockDevice {
    const { name: canonical, kind, parent, partitionNumber } = this.find(name);
    if (kind === 'lv') return this.#lvm.open(canonical);
    const disk = this.disk(parent ?? canonical);
    return partitionNumber === undefined ? disk.device : disk.openPartition(partitionNumber);
  }

  /** The disk of a name or alias. Throws ENOENT. */
  disk(name: string): Disk {
    const parsed = parseDriveName(name);
    const disk = parsed?.partition === 0 ? this.#disks[parsed.index] : undefined;
    if (disk === undefined) {
      throw new GuestfsError('ENOENT', `${name}: no such disk among ${this.#describe()}`, { device: name });
    }
    return disk;
  }

  isReadonly(name: string): boolean {
    const { name: canonical, kind, parent } = this.find(name);
    return kind !== 'lv' && this.disk(parent ?? canonical).drive.config.readonly;
  }

  reread(name: string): void {
    this.disk(name).reread();
    this.#changed();
  }

  changed(name: string): void {
    const { name: canonical, kind } = this.find(name);
    if (kind === 'disk') this.disk(canonical).reread();
    this.#changed();
  }

  labels(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const disk of this.#disks) {
      const { label } = disk.drive.config;
      if (label === undefined) continue;
      found[label] = disk.name;
      for (const { number } of disk.partitions())
        found[`${label}${number}`] = partitionDeviceName(disk.name, number);
    }
    return found;
  }

  #find(name: string): GuestDevice | undefined {
    const parsed = parseDriveName(name);
    if (parsed !== null) return this.#driveDevice(parsed.index, parsed.partition);
    const tag = BY_TAG.exec(name);
    if (tag !== null) {
      const found = this.#findTag((tag[1] ?? '').toUpperCase(), unescapeHex(tag[2] ?? ''));
      return found === undefined ? undefined : this.#find(found);
    }
    return this.#labelled(name) ?? this.#logicalVolume(name);
  }

  #driveDevice(index: number, partition: number): GuestDevice | undefined {
    const disk = this.#disks[index];
    if (disk === undefined) return undefined;
    if (partition === 0) return { name: disk.name, kind: 'disk' };
    const entry = disk.partition(partition);
    return entry === undefined ? undefined : partitionEntry(disk, entry);
  }

  #labelled(name: string): GuestDevice | undefined {
    const match = BY_DRIVE_LABEL.exec(name);
    if (match === null) return undefined;
    const index = this.#disks.findIndex((disk) => disk.drive.config.label === match[1]);
    return index < 0 ? undefined : this.#driveDevice(index, match[2] === '' ? 0 : Number(match[2]));
  }

  #logicalVolume(name: string): GuestDevice | undefined {
    const canonical = this.#lvm.canonicalName(name);
    return canonical === undefined ? undefined : { name: canonical, kind: 'lv' };
  }

  #describe(): string {
    return this.#disks.length === 0 ? 'no drives' : this.#disks.map((disk) => disk.name).join(', ');
  }
}

function partitionEntry(disk: Disk, { number, kind }: Partition): GuestDevice {
  return {
    name: partitionDeviceName(disk.name, number),
    kind: 'partition',
    parent: disk.name,
    partitionNumber: number,
    ...(kind === 'extended' ? { extended: true } : {}),
  };
}
