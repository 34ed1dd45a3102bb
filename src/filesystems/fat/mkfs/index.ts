/** Makes FAT12, FAT16 and FAT32 as mkfs.fat(8) of dosfstools 4.2 does, with its defaults. */
import { clockMilliseconds } from '../../../bytes/clock.ts';
import type { BlockDevice } from '../../../block/device.ts';
import {
  ENTRY,
  FSI_LEAD_SIGNATURE,
  FSI_STRUCTURE_SIGNATURE,
  FSI_TRAIL_SIGNATURE,
  InformationSector,
  BootSector,
} from '../layout.ts';
import { eraseSignatures } from '../../wipe/index.ts';
import { labelBytes, noLabel } from '../label-bytes.ts';
import { labelEntry } from '../writer/new-entry.ts';
import { backupSector, bootSector, INFORMATION_SECTOR } from './boot-sector.ts';
import { planFat, type FatPlan } from './plan.ts';

/** How a volume is made; what is absent follows from the size of the device. */
export interface MakeFatOptions {
  /** -F */
  fatBits?: 12 | 16 | 32;
  /** -s: a power of two up to 128. */
  sectorsPerCluster?: number;
  /** -S: bytes, 512 to 4096; default that of the device. */
  sectorSize?: number;
  /** -r: at least so many entries of the root directory of FAT12 and FAT16. */
  rootEntries?: number;
  /** -R: at least so many sectors before the first table. */
  reservedSectors?: number;
  /** -f: how many tables, default 2. */
  fats?: number;
  /** -n: at most 11 characters. */
  label?: string;
  /** -i: 32 bits; default from the time. */
  volumeId?: number;
  /** -h: sectors of the disk before the partition. */
  hiddenSectors?: number;
  /** -M: BPB_Media. */
  media?: number;
  /** False is -a: parts are not aligned to clusters. */
  align?: boolean;
  /** Milliseconds since 1970 that the volume is said to be made at. */
  time?: number;
}

/** Bytes at the start and the end of the device in which other formats have their signatures. */
const START = 68 * 1024;
const END = 68 * 1024;
/** Where the signatures themselves are; wiped before all else. */
const SIGNATURES = 4096;
const MARK_32 = 0x0fffffff;
/** The root directory of FAT32 has this cluster. */
const ROOT_CLUSTER = 2;

/**
 * Make a volume. What was on the device is not recognised any more from the first write on, and the new volume is only
 * from the last one on: killed in between, nothing is there. Throws EINVAL where the options or the size make no volume.
 */
export function makeFat(device: BlockDevice, options: MakeFatOptions = {}): void {
  const plan = planFat(device.size, device.sectorSize, options);
  const time = options.time ?? clockMilliseconds();
  const label = labelBytes(options.label ?? '');
  const serial = (options.volumeId ?? Math.imul(Math.floor(time / 1000), 0x9e3779b1) ^ time) >>> 0;
  const boot = bootSector(plan, label ?? noLabel(), serial);
  const { sectorSize, reserved, fats, fatLength, rootEntries, sectorsPerCluster } = plan;
  const fatStart = reserved * sectorSize;
  const rootStart = fatStart + fats * fatLength * sectorSize;
  const rootLength = plan.fatBits === 32 ? sectorsPerCluster * sectorSize : rootEntries * ENTRY;

  eraseSignatures(device);
  device.zero(0, Math.min(SIGNATURES, device.size));
  device.flush();
  const end = Math.max(0, device.size - END);
  device.zero(0, Math.min(device.size, Math.max(START, rootStart + rootLength)));
  device.zero(end, device.size - end);
  device.flush();

  const table = firstEntries(plan);
  for (let number = 0; number < fats; number++) {
    device.writeAt(fatStart + number * fatLength * sectorSize, table);
  }
  if (label !== undefined) device.writeAt(rootStart, sectorOf(labelEntry(label, time)));
  if (plan.fatBits === 32) {
    const information = informationSector(plan.clusters - 1);
    device.writeAt(INFORMATION_SECTOR * sectorSize, information);
    const backup = backupSector(plan);
    if (backup !== 0) {
      device.writeAt(backup * sectorSize, boot);
      if (backup + 1 < reserved) device.writeAt((backup + 1) * sectorSize, information);
    }
  }
  device.flush();
  device.writeAt(0, boot);
  device.flush();
}

/** The first sector of a table: the media byte, the mark of a clean volume, and the root directory of FAT32. */
function firstEntries({ fatBits, media }: FatPlan): Uint8Array {
  const sector = new Uint8Array(BootSector.size);
  const view = new DataView(sector.buffer);
  if (fatBits === 32) {
    view.setUint32(0, ((MARK_32 & ~0xff) | media) >>> 0, true);
    view.setUint32(4, MARK_32, true);
    view.setUint32(ROOT_CLUSTER * 4, MARK_32 & ~7, true);
  } else {
    sector.fill(0xff, 0, (fatBits * 2) / 8);
    sector[0] = media;
  }
  return sector;
}

function informationSector(free: number): Uint8Array {
  const sector = new Uint8Array(InformationSector.size);
  const view = InformationSector.view(sector);
  view.FSI_LeadSig = FSI_LEAD_SIGNATURE;
  view.FSI_StrucSig = FSI_STRUCTURE_SIGNATURE;
  view.FSI_Free_Count = free;
  view.FSI_Nxt_Free = ROOT_CLUSTER;
  view.FSI_TrailSig = FSI_TRAIL_SIGNATURE;
  return sector;
}

function sectorOf(entry: Uint8Array): Uint8Array {
  const sector = new Uint8Array(BootSector.size);
  sector.set(entry);
  return sector;
}
