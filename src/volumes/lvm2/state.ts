import type { BlockDevice } from '../../block/device.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { VolumeState } from './attributes.ts';
import { backupText } from './backup-text.ts';
import type { LogicalVolume } from './model.ts';
import { VolumeOpener } from './open.ts';
import type { LogicalVolumeReport, PhysicalVolumeReport, VolumeGroupReport } from './report-types.ts';
import {
  allocatedExtents,
  percentOf,
  reportGroupPhysicalVolume,
  reportLogicalVolume,
  reportOrphan,
  reportVolumeGroup,
} from './reports.ts';
import { GroupRoles } from './roles.ts';
import {
  type FoundPhysicalVolume,
  type FoundVolumeGroup,
  type LvmDevice,
  scanDevices,
  type ScanOptions,
} from './scan.ts';

/** Whether a volume is active and in use, and its device number (-1 if none): what the metadata cannot tell. */
export type ActivityOf = (volume: LogicalVolume) => { active: boolean; open: boolean; minor: number };

/** Segment types that copy data among images, so that lvs(8) shows how much of it is done. */
const COPYING = /^(?:mirror|raid(?:1|4|5|6|10).*)$/;

/** A volume group of a scan. */
export class VolumeGroupState {
  readonly found: FoundVolumeGroup;
  readonly roles: GroupRoles;
  readonly #opener: VolumeOpener;

  constructor(found: FoundVolumeGroup, warn: (message: string) => void) {
    this.found = found;
    this.roles = new GroupRoles(found);
    this.#opener = new VolumeOpener(found, warn);
  }

  get name(): string {
    return this.found.group.name;
  }

  get exported(): boolean {
    return this.found.group.status.has('EXPORTED');
  }

  /** True where another host owns the group; Linux leaves it alone. */
  get foreign(): boolean {
    return this.found.group.systemId !== '';
  }

  /** True where PVs are missing. */
  get partial(): boolean {
    return this.found.devices.size < this.found.group.physicalVolumes.size;
  }

  /** Volumes that lvs(8) lists without -a, in the order of the text. */
  get visibleVolumes(): LogicalVolume[] {
    return [...this.found.group.logicalVolumes.values()].filter((volume) => this.roles.isVisible(volume));
  }

  /** The same in the order in which lvs(8) was seen to list them: thin pools before all others. */
  get listedVolumes(): LogicalVolume[] {
    const isPool = (volume: LogicalVolume): boolean => volume.segments[0]?.type === 'thin-pool';
    const volumes = this.visibleVolumes;
    return [...volumes.filter(isPool), ...volumes.filter((volume) => !isPool(volume))];
  }

  /** False for a volume that has a name of its own and no use of its own: thin, cache and VDO pools. */
  isPublic(volume: LogicalVolume): boolean {
    return this.roles.isVisible(volume) && !(volume.segments[0]?.type ?? '').endsWith('-pool');
  }

  /**
   * A logical volume's bytes. Throws ENOENT, UnsupportedError naming a segment type that cannot be read, EIO naming
   * the missing PV that it needs.
   */
  open(name: string): BlockDevice {
    return this.#opener.open(name);
  }

  /** False where a PV is missing that the volume cannot do without. */
  isActivatable(volume: LogicalVolume): boolean {
    if (!this.roles.isPartial(volume.name)) return true;
    const segment = volume.segments[0];
    const type = segment?.type ?? '';
    if (segment === undefined || !/^(?:mirror$|raid)/.test(type)) return false;
    const images = segment.areas.map(({ name }) => this.roles.volume(name));
    if (images.some((image) => image?.segments[0]?.type === 'integrity')) return false;
    if (type.startsWith('raid6')) {
      return images.filter((image) => image !== undefined && this.roles.isPartial(image.name)).length <= 2;
    }
    try {
      this.open(volume.name);
      return true;
    } catch (error) {
      if (error instanceof GuestfsError) return false;
      throw error;
    }
  }

  report(): VolumeGroupReport {
    return reportVolumeGroup(this.found, this.roles);
  }

  /** Metadata as vgcfgbackup(8) writes it. */
  backup(time: number): Uint8Array {
    return backupText(this.found, time);
  }

  reportPhysicalVolumes(): PhysicalVolumeReport[] {
    const { group, devices } = this.found;
    const allocated = allocatedExtents(group);
    return [...group.physicalVolumes.values()].map((entry) =>
      reportGroupPhysicalVolume(this.found, entry, devices.get(entry.key), allocated.get(entry.key) ?? 0),
    );
  }

  reportLogicalVolume(volume: LogicalVolume, activity: ActivityOf): LogicalVolumeReport {
    const { active, open, minor } = activity(volume);
    const usage = active ? this.#usage(volume) : { snapPercent: -1, invalid: false };
    const copying = COPYING.test(volume.segments[0]?.type ?? '');
    const state: VolumeState = { active, open, invalid: usage.invalid };
    return reportLogicalVolume(this.found.group, volume, this.roles, {
      ...state,
      minor,
      snapPercent: usage.snapPercent,
      copyPercent: active && copying ? 100 : -1,
    });
  }

  /** How full a snapshot, thin pool or thin volume is; nothing where its metadata cannot be read. */
  #usage(volume: LogicalVolume): { snapPercent: number; invalid: boolean } {
    try {
      const usage = this.#usedOf(volume);
      if (usage === 'invalid') return { snapPercent: 100, invalid: true };
      return { snapPercent: usage === undefined ? -1 : percentOf(usage.used, usage.total), invalid: false };
    } catch (error) {
      if (error instanceof GuestfsError) return { snapPercent: -1, invalid: false };
      throw error;
    }
  }

  #usedOf(volume: LogicalVolume): { used: number; total: number } | 'invalid' | undefined {
    if (this.roles.has(volume.name, 'cow')) return this.#opener.cowUsage(volume.name);
    const segment = volume.segments[0];
    if (segment?.type === 'thin-pool') {
      const { header } = this.#opener.pool(volume.name);
      return { used: header.allocatedDataBlocks, total: header.dataBlocks };
    }
    if (segment?.type !== 'thin') return undefined;
    const pool = this.#opener.pool(segment.references.get('thin_pool') ?? '');
    const mapped = pool.mappedBlocks(segment.numbers.get('device_id') ?? -1);
    if (mapped === undefined) return undefined;
    return {
      used: mapped * pool.header.blockSize,
      total: volume.extentCount * this.found.group.extentSize,
    };
  }
}

/** What a scan for LVM2 found: physical volumes, volume groups, and the way to their logical volumes. */
export class LvmState {
  /** In the order of the devices. */
  readonly physicalVolumes: readonly FoundPhysicalVolume[];
  /** In the order in which their first PV was found. */
  readonly volumeGroups: readonly VolumeGroupState[];

  /** Devices of which something could not be read, and why: nothing of LVM may be written to them. */
  readonly unreadable: ReadonlyMap<string, GuestfsError>;

  constructor(
    physicalVolumes: readonly FoundPhysicalVolume[],
    volumeGroups: readonly VolumeGroupState[],
    unreadable: ReadonlyMap<string, GuestfsError> = new Map(),
  ) {
    this.physicalVolumes = physicalVolumes;
    this.volumeGroups = volumeGroups;
    this.unreadable = unreadable;
  }

  /** The first volume group of that name. Throws ENOENT. */
  group(name: string): VolumeGroupState {
    const group = this.volumeGroups.find((candidate) => candidate.name === name);
    if (group === undefined) {
      const names = this.volumeGroups.map((candidate) => candidate.name).join(', ');
      throw new GuestfsError('ENOENT', `no volume group ${name} was found; there are: ${names || 'none'}`);
    }
    return group;
  }

  /** The bytes of a logical volume, whether it is active or not. Throws as {@link VolumeGroupState.open}. */
  openLogicalVolume(volumeGroup: string, logicalVolume: string): BlockDevice {
    return this.group(volumeGroup).open(logicalVolume);
  }

  /** PVs that no volume group's text names. */
  get orphans(): FoundPhysicalVolume[] {
    const owned = new Set(
      this.volumeGroups.flatMap(({ found }) =>
        [...found.group.physicalVolumes.values()].map(({ uuid }) => uuid),
      ),
    );
    return this.physicalVolumes.filter(({ label }) => !owned.has(label.uuid));
  }

  /**
   * All PVs, missing ones too, in the order in which lvm(8) was seen to list them: the groups that were found last
   * first, each in the order of its text, then those of no group. Those of other hosts' groups are left out, as lvm(8)
   * does.
   */
  reportPhysicalVolumes(): PhysicalVolumeReport[] {
    return [
      ...this.volumeGroups
        .toReversed()
        .filter((group) => !group.foreign)
        .flatMap((group) => group.reportPhysicalVolumes()),
      ...this.orphans.map(reportOrphan),
    ];
  }
}

/**
 * Look for LVM2 on `devices`: drives and partitions, not logical volumes. Reads labels and metadata only; volumes
 * are opened when they are asked for.
 */
export function scanLvm(devices: readonly LvmDevice[], options: ScanOptions = {}): LvmState {
  const warn = options.warn ?? (() => {});
  const { physicalVolumes, volumeGroups, unreadable } = scanDevices(devices, options);
  return new LvmState(
    physicalVolumes,
    volumeGroups.map((found) => new VolumeGroupState(found, warn)),
    unreadable,
  );
}
