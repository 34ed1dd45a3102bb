/** A volume group as its metadata text tells it. Sizes are in bytes unless a name says extents. */
export interface VolumeGroup {
  name: string;
  /** 32 characters, without dashes. */
  uuid: string;
  /** Counts up with every change: of several texts the highest is the valid one. */
  seqno: number;
  format: string;
  /** `RESIZEABLE`, `READ`, `WRITE`, `EXPORTED`, `CLUSTERED`, `PARTIAL`, `PVMOVE`, ... */
  status: ReadonlySet<string>;
  flags: ReadonlySet<string>;
  tags: readonly string[];
  /** Host that owns the group; empty where none does. */
  systemId: string;
  /** `none`, `dlm`, `sanlock`, ...; empty where the text has none. */
  lockType: string;
  extentSize: number;
  maxLogicalVolumes: number;
  maxPhysicalVolumes: number;
  allocationPolicy: string;
  /** By the names that segments use: `pv0`, `pv1`, ... */
  physicalVolumes: ReadonlyMap<string, GroupPhysicalVolume>;
  /** In the order of the text, hidden ones and the pseudo volumes of snapshots too. */
  logicalVolumes: ReadonlyMap<string, LogicalVolume>;
  /** The text as it stands on disk. */
  text: Uint8Array;
}

/** A physical volume as its volume group's text tells it. */
export interface GroupPhysicalVolume {
  /** `pv0` */
  key: string;
  uuid: string;
  /** Where the writer of the text saw it. */
  deviceHint: string;
  status: ReadonlySet<string>;
  flags: ReadonlySet<string>;
  tags: readonly string[];
  /** Size of the device when the text was written; 0 where it does not say. */
  deviceSize: number;
  /** First byte of extent 0. */
  start: number;
  extentCount: number;
}

/** A logical volume, a hidden part of one, or the pseudo volume that links a snapshot with its origin. */
export interface LogicalVolume {
  name: string;
  uuid: string;
  /** `READ`, `WRITE`, `VISIBLE`, `FIXED_MINOR`, `PVMOVE`, `LOCKED`, ... */
  status: ReadonlySet<string>;
  /** `ACTIVATION_SKIP`, `CACHE_VOL`, `LV_NOTSYNCED`, ... */
  flags: ReadonlySet<string>;
  tags: readonly string[];
  allocationPolicy: string;
  /** Device numbers that it wants to have; -1 where it does not care. */
  major: number;
  minor: number;
  /** In order of their place, without gaps. */
  segments: readonly Segment[];
  extentCount: number;
}

/** Where a part of a segment lies: at an extent of a PV or of another LV. */
export interface SegmentArea {
  /** `pv0` or the name of an LV of the same group. */
  name: string;
  extent: number;
}

/** A run of extents of a logical volume that are mapped in one way. */
export interface Segment {
  startExtent: number;
  extentCount: number;
  /** Without the flags that may follow a plus sign: `striped`, `thin`, `raid1`, ... */
  type: string;
  /** `METADATA_FORMAT` of `cache-pool+METADATA_FORMAT`. */
  typeFlags: readonly string[];
  tags: readonly string[];
  /** Stripes, mirror legs or RAID images, in order. */
  areas: readonly SegmentArea[];
  /** RAID: metadata volume of each image; empty where there are none. */
  metadataAreas: readonly string[];
  /** Bytes in a chunk of a stripe; 0 where there is only one stripe. */
  stripeSize: number;
  /** Bytes that are copied or tracked at once: thin pools, snapshots, caches. */
  chunkSize: number;
  /** Other logical volumes by the part they play: `metadata`, `pool`, `thin_pool`, `origin`, `cow_store`, ... */
  references: ReadonlyMap<string, string>;
  /** Numbers that a segment type has of its own: `device_id`, `transaction_id`, ... */
  numbers: ReadonlyMap<string, number>;
}
