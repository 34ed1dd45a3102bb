import type { BlockDevice } from '../../block/device.ts';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import type { FileSystem } from '../../filesystems/filesystem.ts';
import { filesystemFormats } from '../../filesystems/registry.ts';

/** Types that one driver answers for. */
const ANSWERS_FOR: Readonly<Record<string, readonly string[]>> = {
  ext4: ['ext2', 'ext3', 'ext4'],
  vfat: ['vfat', 'msdos', 'fat'],
  iso9660: ['iso9660'],
};

/** Types that hold no files, so that no platform can mount them. */
const NOT_FILES = /_member$|^(swap|swsuspend|crypto_LUKS|BitLocker|jbd|linux_raid_member|DM_.*)$/;

/** What to open, for the messages. */
export interface OpenRequest {
  device: BlockDevice;
  /** Name of the device or file. */
  name: string;
  /** Type that identification found, undefined where it found nothing. */
  identified: string | undefined;
  /** Type that the caller states. */
  stated?: string;
  options?: readonly string[];
  warn(message: string): void;
}

/** Types that can be mounted. */
export function mountableTypes(): string[] {
  return filesystemFormats.flatMap(({ name }) => ANSWERS_FOR[name] ?? [name]);
}

/**
 * Open the filesystem on a device. Throws UnsupportedError where its type is known but not read here, EINVAL where
 * there is no filesystem, and whatever the driver throws where it is damaged.
 */
export function openFileSystem(request: OpenRequest): FileSystem {
  const { device, name, identified } = request;
  const type = request.stated ?? identified;
  const options = { warn: request.warn, mountOptions: request.options ?? [] };
  for (const format of filesystemFormats) {
    const matches = type === undefined || type === 'auto' || answersFor(format.name, type);
    if (matches && format.probe(device) !== null) return format.open(device, options);
  }
  if (type === undefined) {
    throw new GuestfsError('EINVAL', `${name} holds no filesystem that is recognised`, { device: name });
  }
  if (mountableTypes().includes(type)) {
    const found = identified === undefined ? 'nothing that is recognised' : identified;
    throw new GuestfsError('EINVAL', `${name} holds ${found}, expected ${type}`, { device: name });
  }
  if (NOT_FILES.test(type)) {
    throw new GuestfsError('EINVAL', `${name} holds ${type}, which is not a filesystem`, { device: name });
  }
  const problem = request.stated === undefined ? `holds ${type}` : `was to be mounted as ${type}`;
  throw new UnsupportedError(`${name} ${problem}, which the engine cannot read; the appliance backend can`, {
    device: name,
  });
}

function answersFor(format: string, type: string): boolean {
  return format === type || (ANSWERS_FOR[format] ?? []).includes(type);
}
