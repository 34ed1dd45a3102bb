import type { BlockDevice } from '../../../block/device.ts';
import { crc32Raw } from '../../../bytes/crc32.ts';
import { encodeText } from '../../../bytes/text.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { labelSector, readLabelSectors } from '../label.ts';
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
} from '../layout.ts';
import { isMdMember } from '../md-member.ts';
import { writeMetadataHeader } from './metadata.ts';

/** Where LVM puts a label, of the four sectors that it looks in. */
const LABEL_SECTOR = 1;
/** First byte of the metadata area. */
const METADATA_START = 4096;
/** First byte of extent 0: all before it is the label's and the metadata's. */
const DATA_START = 1024 * 1024;
/** lvm.conf(5): devices/pv_min_size, 2 MiB. */
const MINIMUM_SIZE = 2 * 1024 * 1024;
const EXTENSION_VERSION = 2;
/** Bytes at the end of a device in which md keeps its superblock of versions 0.90 and 1.0. */
const MD_TAIL = 128 * 1024;

/**
 * Make a physical volume of a device: what was at its start is gone, and an md superblock at its end. The label comes
 * last, so that a cut leaves a PV or none. Throws EINVAL where the device is too small.
 */
export function writePhysicalVolume(device: BlockDevice, uuid: string): void {
  if (device.size < MINIMUM_SIZE) {
    throw new GuestfsError(
      'EINVAL',
      `a physical volume needs ${MINIMUM_SIZE} bytes, the device has ${device.size}`,
    );
  }
  wipeSignatures(device);
  device.zero(0, DATA_START);
  device.flush();
  writeMetadataHeader(device, { start: METADATA_START, size: DATA_START - METADATA_START }, undefined);
  device.flush();
  device.writeAt(LABEL_SECTOR * SECTOR, newLabel(uuid, device.size - (device.size % SECTOR)));
  device.flush();
}

/** Make the magic of what may be at the ends of a device unreadable: filesystems, LUKS, md and other labels. */
export function wipeSignatures(device: BlockDevice): void {
  const tail = isMdMember(device);
  // Superblocks of btrfs and reiserfs, 64 KiB from the start, are the farthest.
  device.zero(0, Math.min(device.size, 128 * 1024));
  if (tail) device.zero(Math.max(0, device.size - MD_TAIL), Math.min(device.size, MD_TAIL));
}

function newLabel(uuid: string, size: number): Uint8Array {
  const sector = new Uint8Array(SECTOR);
  const label = LabelHeader.view(sector);
  label.id = encodeText(LABEL_ID);
  label.sector_xl = LABEL_SECTOR;
  label.offset_xl = LabelHeader.size;
  label.type = encodeText(LABEL_TYPE);
  let at = LabelHeader.size;
  const header = PvHeader.view(sector, at);
  header.pv_uuid = encodeText(uuid);
  header.device_size_xl = size;
  at += PvHeader.size;
  DiskLocation.view(sector, at).offset = DATA_START;
  at += 2 * DiskLocation.size;
  const metadata = DiskLocation.view(sector, at);
  metadata.offset = METADATA_START;
  metadata.size = DATA_START - METADATA_START;
  at += 2 * DiskLocation.size;
  PvHeaderExtension.view(sector, at).version = EXTENSION_VERSION;
  sealLabel(sector);
  return sector;
}

function sealLabel(sector: Uint8Array): void {
  LabelHeader.view(sector).crc_xl = crc32Raw(CRC_START, sector, 20, SECTOR);
}

/** What of a label changes. */
export interface LabelChange {
  /** 32 characters. */
  uuid?: string;
  /** Bytes. */
  deviceSize?: number;
  /** The flag that a volume group uses the PV; where the label is too old to have it, nothing is noted. */
  used?: boolean;
}

/** Change a label in place with one write of its sector; the caller flushes. Throws EINVAL where there is none. */
export function changeLabel(device: BlockDevice, change: LabelChange): void {
  const head = readLabelSectors(device);
  const number = labelSector(head);
  if (number === undefined) throw new GuestfsError('EINVAL', 'the device has no label of LVM2');
  const sector = head.slice(number * SECTOR, (number + 1) * SECTOR);
  const at = LabelHeader.view(sector).offset_xl;
  const header = PvHeader.view(sector, at);
  if (change.uuid !== undefined) header.pv_uuid = encodeText(change.uuid);
  if (change.deviceSize !== undefined) header.device_size_xl = change.deviceSize;
  if (change.used !== undefined) setUsed(sector, at + PvHeader.size, change.used);
  sealLabel(sector);
  device.writeAt(number * SECTOR, sector);
}

/** The extension follows two lists of areas, each ended by an offset of 0. */
function setUsed(sector: Uint8Array, lists: number, used: boolean): void {
  let at = lists;
  for (let ended = 0; ended < 2; at += DiskLocation.size) {
    if (DiskLocation.view(sector, at).offset === 0) ended++;
  }
  if (at + PvHeaderExtension.size > sector.length) return;
  const extension = PvHeaderExtension.view(sector, at);
  if (extension.version < EXTENSION_VERSION) return;
  extension.flags = used ? extension.flags | PV_EXTENSION_USED : extension.flags & ~PV_EXTENSION_USED;
}

/** Take the label away; the metadata behind it stays, unreachable. Durable when it returns. */
export function eraseLabel(device: BlockDevice): void {
  for (;;) {
    const sector = labelSector(readLabelSectors(device));
    if (sector === undefined) break;
    device.zero(sector * SECTOR, SECTOR);
  }
  device.flush();
}
