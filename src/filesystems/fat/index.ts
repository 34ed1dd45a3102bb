/**
 * FAT12, FAT16 and FAT32 with long names, read and written as the vfat driver of Linux does. See `layout.ts` for the
 * sources.
 */
import type { BlockDevice, Identity } from '../../block/device.ts';
import type { FileSystemFormat, OpenFileSystemOptions } from '../filesystem.ts';
import { identifyAs } from '../identify/index.ts';
import { FatFileSystem } from './filesystem.ts';
import { readGeometry } from './geometry.ts';
import { labelBytes } from './label-bytes.ts';
import { BootSector } from './layout.ts';

export { FatFileSystem } from './filesystem.ts';
export { makeFat, type MakeFatOptions } from './mkfs/index.ts';

/**
 * Open a FAT volume. Throws CorruptError where its boot sector is wrong, EINVAL for a mount option that is not
 * vfat's.
 */
export function openFat(device: BlockDevice, options: OpenFileSystemOptions = {}): FatFileSystem {
  return new FatFileSystem(device, options);
}

/**
 * Set the label of a volume that is not mounted, as fatlabel(8) does: in the root directory and in the boot sectors; ''
 * removes it. Throws EINVAL for what cannot be a label, ENOSPC where the root directory is full.
 */
export function setFatLabel(device: BlockDevice, label: string): void {
  const bytes = labelBytes(label);
  const volume = openFat(device);
  try {
    volume.openWriter().setLabel(bytes);
  } finally {
    volume.close();
  }
}

/** Set the 32 bits of the volume's serial number, which blkid shows as its UUID. */
export function setFatVolumeId(device: BlockDevice, id: number): void {
  const { fatBits, backupOffset } = readGeometry(device);
  const sector = new Uint8Array(BootSector.size);
  for (const offset of backupOffset === 0 ? [0] : [backupOffset, 0]) {
    device.readAt(offset, sector);
    BootSector.view(sector)[fatBits === 32 ? 'BS_VolID_32' : 'BS_VolID'] = id >>> 0;
    device.writeAt(offset, sector);
  }
  device.flush();
}

function probe(device: BlockDevice): Identity | null {
  const tags = identifyAs('vfat', device);
  if (tags === null) return null;
  const identity: Identity = { type: 'vfat' };
  if (tags['VERSION'] !== undefined) identity.version = tags['VERSION'];
  if (tags['LABEL'] !== undefined) identity.label = tags['LABEL'];
  if (tags['UUID'] !== undefined) identity.uuid = tags['UUID'];
  return identity;
}

/** FAT in the registry of filesystems. */
export const fatFormat: FileSystemFormat = { name: 'vfat', probe, open: openFat };
