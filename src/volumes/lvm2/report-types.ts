/**
 * What lvm(8) reports of a physical volume, field by field as `lvm pvs -o pv_all` prints it. Sizes in bytes, UUIDs
 * without their dashes (32 characters), lists joined by commas. Same shape as struct `lvm_pv` of the API.
 */
export interface PhysicalVolumeReport {
  pvName: string;
  pvUuid: string;
  pvFmt: string;
  pvSize: number;
  devSize: number;
  pvFree: number;
  pvUsed: number;
  pvAttr: string;
  pvPeCount: number;
  pvPeAllocCount: number;
  pvTags: string;
  peStart: number;
  pvMdaCount: number;
  pvMdaFree: number;
}

/** What lvm(8) reports of a volume group; same shape as struct `lvm_vg` of the API. Sizes in bytes. */
export interface VolumeGroupReport {
  vgName: string;
  vgUuid: string;
  vgFmt: string;
  vgAttr: string;
  vgSize: number;
  vgFree: number;
  vgSysid: string;
  vgExtentSize: number;
  vgExtentCount: number;
  vgFreeCount: number;
  maxLv: number;
  maxPv: number;
  pvCount: number;
  lvCount: number;
  snapCount: number;
  vgSeqno: number;
  vgTags: string;
  vgMdaCount: number;
  vgMdaFree: number;
}

/**
 * What lvm(8) reports of a logical volume; same shape as struct `lvm_lv` of the API. Sizes in bytes, -1 for a
 * device number or a percentage that there is none of.
 */
export interface LogicalVolumeReport {
  lvName: string;
  lvUuid: string;
  lvAttr: string;
  lvMajor: number;
  lvMinor: number;
  lvKernelMajor: number;
  lvKernelMinor: number;
  lvSize: number;
  segCount: number;
  origin: string;
  snapPercent: number;
  copyPercent: number;
  movePv: string;
  lvTags: string;
  mirrorLog: string;
  modules: string;
}
