import type {
  LogicalVolumeReport,
  PhysicalVolumeReport,
  VolumeGroupReport,
} from '../volumes/lvm2/report-types.ts';
import type { LvmWriting } from './lvm-writing.ts';

export type {
  LogicalVolumeReport,
  PhysicalVolumeReport,
  VolumeGroupReport,
} from '../volumes/lvm2/report-types.ts';

/** A logical volume with the volume group that it belongs to. */
export interface LvmVolumeReport extends LogicalVolumeReport {
  vgName: string;
  /** True while it is active: it has a device, `/dev/VG/LV`. */
  active: boolean;
  /** False for what has a name in `lvs_full` but no use of its own: a thin pool, a cache pool. */
  public: boolean;
  /** True where `vgchange -ay` leaves it inactive (`lvchange -ky`), as thin snapshots are made. */
  skipActivation: boolean;
}

/**
 * What the daemon needs of LVM2: the platform's capability `lvm`. The engine reads the metadata itself, the
 * appliance asks lvm(8). Every answer is of the last scan; a first call scans.
 */
export interface LvmCapability {
  /** How it is changed. */
  readonly write: LvmWriting;
  /** Names of the devices with an LVM2 label, sorted; other hosts' too. */
  physicalVolumeNames(): string[];
  /** Every PV, those of no volume group too, in the order in which lvm(8) lists them; a missing one is `[unknown]`. */
  physicalVolumes(): PhysicalVolumeReport[];
  /** Every volume group but those of other hosts, in the order in which lvm(8) lists them. */
  volumeGroups(): VolumeGroupReport[];
  /**
   * Every logical volume that is not hidden, in the order in which lvm(8) lists them, but those of groups that are
   * exported or another host's. Reads how full thin volumes and snapshots are.
   */
  logicalVolumes(): LvmVolumeReport[];
  /**
   * `/dev/VG/LV` of the logical volumes that lvs(8) calls public, active or not, but for those that activation skips
   * and those of groups that are exported or another host's; sorted.
   */
  listedNames(): string[];
  /** UUIDs with dashes of the PVs of a volume group, in the order lvm(8) prints them. Throws ENOENT. */
  physicalVolumeUuids(volumeGroup: string): string[];
  /** UUIDs with dashes of the visible LVs of a volume group, in the order lvm(8) prints them. Throws ENOENT. */
  logicalVolumeUuids(volumeGroup: string): string[];
  /** `/dev/VG/LV` of a name or an alias of it (`/dev/mapper/VG-LV`, `/dev/dm-N`); undefined where it is no LV's. */
  canonicalName(name: string): string | undefined;
  /** `/dev/VG/LV` of the active logical volumes that have extents on the PV of that device, sorted. */
  activeVolumesOn(device: string): string[];
  /** Names below /dev/mapper of active devices that are no logical volumes of their own, sorted: `VG-LV-real`, ... */
  hiddenMapperNames(): string[];
  /** The volume group's metadata as vgcfgbackup(8) would write it. Throws ENOENT. */
  metadata(volumeGroup: string): Uint8Array;
  /** Look at all devices again; then activate everything if asked to. */
  scan(activate: boolean): void;
  /** Activate or deactivate named volume groups, or all. Throws ENOENT for a name, EBUSY where one is in use. */
  activate(active: boolean, volumeGroups?: readonly string[]): void;
  /**
   * See only these devices (a disk's partitions with it) from now on, and activate what is there. Undefined sees
   * all again. Throws EBUSY while a logical volume is in use, ENOENT for a device that does not exist.
   */
  setFilter(devices: readonly string[] | undefined): void;
}
