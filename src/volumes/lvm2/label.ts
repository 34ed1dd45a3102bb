import type { BlockDevice } from '../../block/device.ts';
import { crc32Raw } from '../../bytes/crc32.ts';
import { latin1 } from '../../bytes/text.ts';
import { CorruptError } from '../../errors/index.ts';
import {
  CRC_START,
  DiskLocation,
  LABEL_ID,
  LABEL_TYPE,
  LabelHeader,
  PV_EXTENSION_USED,
  PvHeader,
  PvHeaderExtension,
  SECTOR,
} from './layout.ts';

/** A part of a device, in bytes. */
export interface Area {
  offset: number;
  /** 0: up to the end of the device. */
  size: number;
}

/** What a PV's label tells. */
export interface PvLabel {
  /** 32 characters, without dashes. */
  uuid: string;
  /** Bytes the device had when the PV was made or resized. */
  deviceSize: number;
  dataAreas: Area[];
  metadataAreas: Area[];
  /** The extension says that a volume group uses this PV; undefined where there is no extension. */
  used: boolean | undefined;
}

/** Sectors in which LVM looks for a label. */
const LABEL_SCAN_SECTORS = 4;

/** Number of the sector, 0 to 3, that has a label of LVM2; undefined where none has. */
export function labelSector(head: Uint8Array): number | undefined {
  for (let sector = 0; sector < LABEL_SCAN_SECTORS; sector++) {
    const at = sector * SECTOR;
    if (at + SECTOR > head.length) return undefined;
    if (head[at] === 0x4c && latin1(head, at, at + 8) === LABEL_ID) {
      const type = latin1(head, at + 24, at + 32);
      if (type === LABEL_TYPE) return sector;
    }
  }
  return undefined;
}

/** The first four sectors of a device, or what it has of them. */
export function readLabelSectors(device: BlockDevice): Uint8Array {
  const head = new Uint8Array(Math.min(device.size, LABEL_SCAN_SECTORS * SECTOR));
  device.readAt(0, head);
  return head;
}

/** The label of a PV; null where the device has none. Throws CorruptError where the label is damaged. */
export function readLabel(device: BlockDevice): PvLabel | null {
  const head = readLabelSectors(device);
  const sector = labelSector(head);
  if (sector === undefined) return null;
  const base = sector * SECTOR;
  const bytes = head.subarray(base, base + SECTOR);
  const label = LabelHeader.view(bytes);
  if (label.sector_xl !== sector) {
    throw new CorruptError(LabelHeader.name, `sector_xl is ${label.sector_xl}, found in sector ${sector}`, {
      offset: base,
    });
  }
  const computed = crc32Raw(CRC_START, bytes, 20, SECTOR);
  if (label.crc_xl !== computed) {
    throw new CorruptError(
      LabelHeader.name,
      `crc_xl is 0x${label.crc_xl.toString(16)}, computed 0x${computed.toString(16)}`,
      { offset: base, checksum: true },
    );
  }
  return readPvHeader(bytes, label.offset_xl, base);
}

function readPvHeader(bytes: Uint8Array, at: number, base: number): PvLabel {
  const header = PvHeader.view(bytes, at);
  const uuid = latin1(header.pv_uuid);
  if (!/^[!-~]{32}$/.test(uuid)) {
    throw new CorruptError(PvHeader.name, 'pv_uuid is not 32 printable characters', { offset: base + at });
  }
  const data = readAreaList(bytes, at + PvHeader.size);
  const metadata = readAreaList(bytes, data.next);
  return {
    uuid,
    deviceSize: header.device_size_xl,
    dataAreas: data.areas,
    metadataAreas: metadata.areas,
    used: readUsed(bytes, metadata.next),
  };
}

function readAreaList(bytes: Uint8Array, start: number): { areas: Area[]; next: number } {
  const areas: Area[] = [];
  let at = start;
  // Ends at the terminator, or where the view finds the sector's end and throws.
  for (;;) {
    const location = DiskLocation.view(bytes, at);
    at += DiskLocation.size;
    if (location.offset === 0) return { areas, next: at };
    areas.push({ offset: location.offset, size: location.size });
  }
}

function readUsed(bytes: Uint8Array, at: number): boolean | undefined {
  if (at + PvHeaderExtension.size > bytes.length) return undefined;
  const extension = PvHeaderExtension.view(bytes, at);
  if (extension.version < 2) return undefined;
  return (extension.flags & PV_EXTENSION_USED) !== 0;
}
