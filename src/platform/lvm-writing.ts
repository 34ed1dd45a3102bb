import type { VolumeSize } from '../volumes/lvm2/writer/edit.ts';

export type { VolumeSize } from '../volumes/lvm2/writer/edit.ts';

/**
 * How LVM2 is changed: the engine writes the metadata itself, the appliance calls lvm(8). Devices are canonical names
 * of drives and partitions. Everything is durable when a call returns.
 *
 * Throws, beside what each call says: ENOENT for what does not exist, EBUSY where a logical volume that would go or
 * change is mounted or a physical volume belongs to a group, EEXIST for a name that is taken, EINVAL for a name that
 * LVM does not allow and for groups that are exported or another host's, EIO where a physical volume of the group is
 * missing, ENOTSUP for shared groups.
 */
export interface LvmWriting {
  /** Make a physical volume; what was on the device is lost. EINVAL for a disk with partitions. */
  createPhysicalVolume(device: string): void;
  /** Take the label away. */
  removePhysicalVolume(device: string): void;
  /** Make it `size` bytes large, or as large as its device. EBUSY where logical volumes lie in what would go. */
  resizePhysicalVolume(device: string, size?: number): void;
  /** Give a PV, or all, a new random UUID. EBUSY while a logical volume of its group is active. */
  changePhysicalVolumeUuid(device?: string): void;
  /** Devices that are no physical volumes become such. */
  createVolumeGroup(name: string, devices: readonly string[]): void;
  /** With all its logical volumes. */
  removeVolumeGroup(name: string): void;
  renameVolumeGroup(from: string, to: string): void;
  /** Give a group, or all, a new random UUID. EBUSY while a logical volume of it is active. */
  changeVolumeGroupUuid(name?: string): void;
  /** A linear volume, active at once; its start is cleared. ENOSPC naming what is needed and what is free. */
  createLogicalVolume(volumeGroup: string, name: string, size: VolumeSize): void;
  /** `/dev/VG/LV` or an alias, or `/dev/VG` for all volumes of a group. ENOTSUP for what cannot go alone. */
  removeLogicalVolume(device: string): void;
  /** Both are `/dev/VG/LV`. EINVAL where their groups differ. */
  renameLogicalVolume(from: string, to: string): void;
  /**
   * A size in bytes is the new one, a percentage is added to what there is. Rounded up to extents. ENOTSUP naming the
   * type of what is neither linear nor striped.
   */
  resizeLogicalVolume(device: string, size: VolumeSize): void;
  /** Every logical volume, group and physical volume but those of other hosts. */
  removeAll(): void;
}
