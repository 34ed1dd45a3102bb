/**
 * FAT12, FAT16 and FAT32 with long names, read as the vfat driver of Linux shows them. See `layout.ts` for the
 * sources.
 */
import type { BlockDevice, Identity } from '../../block/device.ts';
import type { FileSystemFormat, OpenFileSystemOptions } from '../filesystem.ts';
import { identifyAs } from '../identify/index.ts';
import { FatFileSystem } from './filesystem.ts';

export { FatFileSystem } from './filesystem.ts';

/**
 * Open a FAT volume. Throws CorruptError where its boot sector is wrong, EINVAL for a mount option that is not
 * vfat's.
 */
export function openFat(device: BlockDevice, options: OpenFileSystemOptions = {}): FatFileSystem {
  return new FatFileSystem(device, options);
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
