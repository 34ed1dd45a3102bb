import type { BlockDevice } from '../block/device.ts';
import type { FileTree } from '../vfs/tree.ts';
import type { LvmCapability } from './lvm-capability.ts';
import type { ToolsCapability } from './tools-capability.ts';
import type { WatchCapability } from './watch-capability.ts';

/** What a device name stands for. */
export type DeviceKind = 'disk' | 'partition' | 'lv' | 'md' | 'dm';

/** A block device of the guest. */
export interface GuestDevice {
  /** Canonical name: `/dev/sda`, `/dev/sda1`, `/dev/VG/LV`. */
  readonly name: string;
  readonly kind: DeviceKind;
  /** For a partition, its disk; for an opened encrypted device, the one that is encrypted; for a logical volume, undefined. */
  readonly parent?: string;
  /** Partition number, from 1. */
  readonly partitionNumber?: number;
  /** True for an MBR partition that only holds logical partitions. */
  readonly extended?: boolean;
}

/** All block devices that the guest's drives give, by the names that the API uses. */
export interface DeviceTable {
  /** Whole drives in the order they were added: /dev/sda, /dev/sdb, ... */
  disks(): GuestDevice[];
  /** Partitions of all disks, in order of disk and number. */
  partitions(): GuestDevice[];
  /** Active logical volumes, sorted by name. */
  logicalVolumes(): GuestDevice[];
  /**
   * The device of a name, aliases included (/dev/vda, /dev/hda, /dev/mapper/VG-LV, /dev/dm-N,
   * /dev/disk/by-uuid/..., /dev/disk/by-label/...). Throws ENOENT naming what was looked for.
   */
  find(name: string): GuestDevice;
  /** The bytes of a device; shared, so that the caller must not close it. Throws as {@link find}. */
  open(name: string): BlockDevice;
  /** Active software RAID arrays, where the platform assembles them. */
  mdDevices?(): GuestDevice[];
  /** Active devices of the mapper that are no logical volumes: opened encrypted ones. Sorted by name. */
  mappedDevices?(): GuestDevice[];
  /** True where the drive below refuses writes. Throws as {@link find}. */
  isReadonly(name: string): boolean;
  /** Read the partition table of a disk again. */
  reread(name: string): void;
  /**
   * The content of a device was written over: what is known of it is forgotten, and the partition table of a whole
   * disk is read again. Throws as {@link find}.
   */
  changed?(name: string): void;
  /** Labels that were given to drives when they were added, and those of their partitions, with the devices. */
  labels(): Record<string, string>;
}

/** One mounted filesystem. */
export interface MountEntry {
  /** Mountable as it was given: `/dev/sda1` or `btrfsvol:/dev/sda1/subvolume`. */
  mountable: string;
  /** Absolute guest path. */
  mountpoint: string;
  /** Filesystem type. */
  type: string;
  readonly: boolean;
  /** Mount options as given, split at commas. */
  options: readonly string[];
}

/** How a filesystem is mounted. */
export interface MountRequest {
  mountable: string;
  mountpoint: string;
  /** Options as after `mount -o`, without `ro`/`rw`. */
  options?: readonly string[];
  readonly?: boolean;
  /** Filesystem type; probed if absent. */
  type?: string;
}

/** How a kernel is asked to unmount what is in use. */
export interface UnmountOptions {
  force?: boolean;
  lazy?: boolean;
}

/** The guest's mounts. */
export interface MountControl {
  /** True for those of a machine that runs: they stay when the library goes. */
  readonly outlast?: boolean;
  mount(request: MountRequest): void;
  /** Mount the filesystem that is in the file `path` of the tree. */
  mountLoop(path: string, mountpoint: string): void;
  /** By mount point or by device. Throws EINVAL where nothing is mounted there, EBUSY where something is below. */
  unmount(where: { path: string } | { device: string }, how?: UnmountOptions): void;
  unmountAll(): void;
  remount(mountpoint: string, readonly: boolean): void;
  /** In the order they were mounted. */
  list(): MountEntry[];
  makeMountpoint(path: string): void;
  removeMountpoint(path: string): void;
}

/** What blkid(8) tells of a device: keys as it prints them (TYPE, UUID, LABEL, USAGE, VERSION, PART_ENTRY_*, ...). */
export type BlkidTags = Record<string, string>;

/** Identification of what is on a device, without opening it. */
export interface Identification {
  /** Type as vfs_type gives it (`ext4`, `crypto_LUKS`, `LVM2_member`, `swap`), or undefined where blank. */
  type(device: string): string | undefined;
  /** Tags of what is on the device, without those of the device and its partition table entry. */
  superblock(device: string): BlkidTags;
  /** First device with a tag (`UUID`, `LABEL`, `PARTUUID`, `PARTLABEL`) of that value. */
  findByTag(tag: string, value: string): string | undefined;
  /** All tags. Throws where the device does not exist. */
  blkid(device: string): BlkidTags;
}

/**
 * What the daemon needs from the world below. The engine implements it over TypeScript drivers, the appliance
 * over a Linux kernel. Optional capabilities are properties that may be undefined: an action whose capability is
 * missing fails with ENOTSUP and says which backend has it.
 */
export interface Platform {
  readonly name: 'engine' | 'linux';
  readonly devices: DeviceTable;
  readonly mounts: MountControl;
  /** The mounted tree. Throws EINVAL "you must mount the root filesystem first" while nothing is on `/`. */
  readonly files: FileTree;
  readonly identify: Identification;
  /** LVM2. */
  readonly lvm?: LvmCapability;
  /** Programs of a real Linux. */
  readonly tools?: ToolsCapability;
  /** Watches for changes of files. */
  readonly watches?: WatchCapability;
  /** Why a feature group is missing here, naming the program that is; undefined where it is not. */
  unavailable?(group: string): string | undefined;
  /**
   * The subvolumes of a btrfs as mountables, without the one that is mounted where none is named. Throws where they
   * cannot be listed.
   */
  subvolumes?(device: string): string[];
  /** Filesystem types that can be mounted, as vfs_type spells them. */
  filesystemTypes(): readonly string[];
  /** Write everything through. */
  sync(): void;
  close(): void;
}
