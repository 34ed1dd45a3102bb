/**
 * ISO 9660 with Rock Ridge and Joliet, read as the isofs driver of Linux shows it. See `layout.ts` for the sources.
 */
import type { BlockDevice, Identity } from '../../block/device.ts';
import type { FileSystemFormat, OpenFileSystemOptions } from '../filesystem.ts';
import { identifyAs } from '../identify/index.ts';
import { IsoFileSystem } from './filesystem.ts';

export { IsoFileSystem, type IsoExtension } from './filesystem.ts';
export { parseIsoInfo, PRIMARY_DESCRIPTOR, readIsoInfo, type IsoInfo } from './info.ts';

/**
 * Open a disc. Rock Ridge is preferred to Joliet and that to the plain tree. Throws EINVAL where there is no volume
 * descriptor and for an unknown mount option, CorruptError where the disc is damaged.
 */
export function openIso9660(device: BlockDevice, options: OpenFileSystemOptions = {}): IsoFileSystem {
  return new IsoFileSystem(device, options);
}

function probe(device: BlockDevice): Identity | null {
  const tags = identifyAs('iso9660', device);
  if (tags === null) return null;
  const identity: Identity = { type: 'iso9660' };
  if (tags['VERSION'] !== undefined) identity.version = tags['VERSION'];
  if (tags['LABEL'] !== undefined) identity.label = tags['LABEL'];
  if (tags['UUID'] !== undefined) identity.uuid = tags['UUID'];
  return identity;
}

/** ISO 9660 in the registry of filesystems. */
export const iso9660Format: FileSystemFormat = { name: 'iso9660', probe, open: openIso9660 };
