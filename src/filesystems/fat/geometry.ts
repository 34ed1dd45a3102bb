import type { BlockDevice } from '../../block/device.ts';
import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import { isPowerOfTwo } from '../../bytes/round.ts';
import { BootSector, ENTRY } from './layout.ts';

/** Most clusters that FAT12, FAT16 and FAT32 can number: what Linux takes for the limits. */
const MAX_FAT12 = 0xff4;
const MAX_FAT16 = 0xfff4;
const MAX_FAT32 = 0x0ffffff6;

/** First cluster of the data area has this number. */
export const FIRST_CLUSTER = 2;

/** Where everything is; offsets and sizes in bytes unless said otherwise. */
export interface Geometry {
  fatBits: 12 | 16 | 32;
  sectorSize: number;
  clusterSize: number;
  /** Clusters in the data area. */
  clusterCount: number;
  /** The table that is read: the first, or on FAT32 without mirroring the active one. */
  fatOffset: number;
  fatLength: number;
  /** Offsets of all tables that are kept equal, {@link fatOffset} first. */
  tables: readonly number[];
  /** FAT32: offset of the information sector; 0 where there is none. */
  informationOffset: number;
  /** FAT32: offset of the boot sector's copy; 0 where there is none. */
  backupOffset: number;
  /** FAT12 and FAT16: the root directory's own area. */
  rootOffset: number;
  rootLength: number;
  /** FAT32: first cluster of the root directory; else 0. */
  rootCluster: number;
  dataOffset: number;
  /** The volume says that it was not unmounted. */
  dirty: boolean;
  serial: number;
}

function wrong(message: string, offset: number): never {
  throw new CorruptError('FAT boot sector', message, { offset });
}

/**
 * Read and check the BIOS parameter block. The checks are those that Linux makes before it mounts; the type follows
 * from the number of clusters, as the specification has it.
 */
export function readGeometry(device: BlockDevice): Geometry {
  const sector = new Uint8Array(512);
  if (device.size < sector.length) wrong(`the device has ${device.size} bytes, expected at least 512`, 0);
  device.readAt(0, sector);
  const bpb = BootSector.view(sector);
  const sectorSize = bpb.BPB_BytsPerSec;
  const perCluster = bpb.BPB_SecPerClus;
  const fats = bpb.BPB_NumFATs;
  if (bpb.BPB_RsvdSecCnt === 0) wrong('BPB_RsvdSecCnt is 0, expected at least 1', 14);
  if (fats === 0) wrong('BPB_NumFATs is 0, expected at least 1', 16);
  if (bpb.BPB_Media < 0xf8 && bpb.BPB_Media !== 0xf0) {
    wrong(`BPB_Media is 0x${bpb.BPB_Media.toString(16)}, expected 0xf0 or 0xf8 to 0xff`, 21);
  }
  if (!isPowerOfTwo(sectorSize) || sectorSize < 512 || sectorSize > 4096) {
    wrong(`BPB_BytsPerSec is ${sectorSize}, expected 512, 1024, 2048 or 4096`, 11);
  }
  if (!isPowerOfTwo(perCluster)) wrong(`BPB_SecPerClus is ${perCluster}, expected a power of two`, 13);
  const isFat32 = bpb.BPB_FATSz16 === 0;
  const fatSectors = bpb.BPB_FATSz16 || bpb.BPB_FATSz32;
  if (fatSectors === 0) wrong('BPB_FATSz16 and BPB_FATSz32 are 0, expected the length of a table', 22);
  if (isFat32 && bpb.BPB_FSVer !== 0) {
    throw new UnsupportedError(
      `FAT32 version ${bpb.BPB_FSVer >> 8}.${bpb.BPB_FSVer & 0xff} is not known, expected 0.0`,
      { structure: 'FAT boot sector', offset: 42 },
    );
  }
  const rootLength = bpb.BPB_RootEntCnt * ENTRY;
  if (rootLength % sectorSize !== 0) {
    wrong(`BPB_RootEntCnt is ${bpb.BPB_RootEntCnt}, expected whole sectors of ${sectorSize} bytes`, 17);
  }
  const rootSector = bpb.BPB_RsvdSecCnt + fats * fatSectors;
  const dataSector = rootSector + rootLength / sectorSize;
  const totalSectors = bpb.BPB_TotSec16 || bpb.BPB_TotSec32;
  if (totalSectors < dataSector) {
    wrong(`the volume has ${totalSectors} sectors, but its data begins at sector ${dataSector}`, 32);
  }
  const clusters = Math.floor((totalSectors - dataSector) / perCluster);
  const fatBits = isFat32 ? 32 : clusters > MAX_FAT12 ? 16 : 12;
  const fatLength = fatSectors * sectorSize;
  const numbered = Math.max(0, Math.floor((fatLength * 8) / fatBits) - FIRST_CLUSTER);
  const clusterCount = Math.min(clusters, numbered);
  const maximum = fatBits === 32 ? MAX_FAT32 : fatBits === 16 ? MAX_FAT16 : MAX_FAT12;
  if (clusterCount > maximum) {
    wrong(`the volume has ${clusterCount} clusters, FAT${fatBits} can number ${maximum}`, 32);
  }
  const rootCluster = isFat32 ? bpb.BPB_RootClus : 0;
  if (isFat32 && (rootCluster < FIRST_CLUSTER || rootCluster >= clusterCount + FIRST_CLUSTER)) {
    wrong(
      `BPB_RootClus is ${rootCluster}, expected ${FIRST_CLUSTER} to ${clusterCount + FIRST_CLUSTER - 1}`,
      44,
    );
  }
  const active = activeTable(isFat32, bpb.BPB_ExtFlags, fats);
  const tables: number[] = [];
  for (let number = 0; number < fats; number++) {
    const offset = (bpb.BPB_RsvdSecCnt + number * fatSectors) * sectorSize;
    if (active === undefined || active === number) tables.push(offset);
  }
  const backup = isFat32 ? bpb.BPB_BkBootSec : 0;
  const information = isFat32 ? bpb.BPB_FSInfo : 0;
  return {
    fatBits,
    sectorSize,
    clusterSize: perCluster * sectorSize,
    clusterCount,
    fatOffset: tables[0]!,
    tables,
    backupOffset: backup < bpb.BPB_RsvdSecCnt ? backup * sectorSize : 0,
    informationOffset: information < bpb.BPB_RsvdSecCnt ? information * sectorSize : 0,
    fatLength,
    rootOffset: rootSector * sectorSize,
    rootLength,
    rootCluster,
    dataOffset: dataSector * sectorSize,
    dirty: ((isFat32 ? bpb.BS_Reserved1_32 : bpb.BS_Reserved1) & 1) !== 0,
    serial: isFat32 ? bpb.BS_VolID_32 : bpb.BS_VolID,
  };
}

/** Bit 7 of BPB_ExtFlags turns mirroring off; then the low four bits number the one table that is kept. */
function activeTable(isFat32: boolean, flags: number, fats: number): number | undefined {
  if (!isFat32 || (flags & 0x80) === 0) return undefined;
  const active = flags & 0x0f;
  if (active >= fats) wrong(`BPB_ExtFlags makes table ${active} the active one of ${fats}`, 40);
  return active;
}
