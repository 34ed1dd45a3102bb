import { GuestfsError } from '../../../errors/index.ts';
import { FeatureSet } from './feature-set.ts';
import type { MakeExtOptions } from './options.ts';

/**
 * The defaults of mke2fs.conf(5) as Debian ships it with e2fsprogs 1.47: what a filesystem type and a use mean.
 */
const BASE_FEATURES = ['sparse_super', 'large_file', 'filetype', 'resize_inode', 'dir_index', 'ext_attr'];

const TYPE_FEATURES: Readonly<Record<string, readonly string[]>> = {
  ext2: [],
  ext3: ['has_journal'],
  ext4: [
    'has_journal',
    'extent',
    'huge_file',
    'flex_bg',
    'metadata_csum',
    '64bit',
    'dir_nlink',
    'extra_isize',
  ],
};

interface Usage {
  blockSize?: number;
  bytesPerInode?: number;
  inodeSize?: number;
}

const USAGES: Readonly<Record<string, Usage>> = {
  small: { blockSize: 1024, bytesPerInode: 4096 },
  floppy: { blockSize: 1024, bytesPerInode: 8192 },
  default: {},
  big: { bytesPerInode: 32768 },
  huge: { bytesPerInode: 65536 },
  news: { bytesPerInode: 4096 },
  largefile: { bytesPerInode: 1048576, blockSize: 4096 },
  largefile4: { bytesPerInode: 4194304, blockSize: 4096 },
  hurd: { blockSize: 4096, inodeSize: 128 },
};

const MIB = 1024 * 1024;
const TIB = 1024 * 1024 * MIB;

/** What a type, a use and a size come to. */
export interface Profile {
  type: 'ext2' | 'ext3' | 'ext4';
  features: FeatureSet;
  blockSize: number;
  bytesPerInode: number;
  inodeSize: number;
  testing: boolean;
}

function usageBySize(size: number): string {
  if (size < 3 * MIB) return 'floppy';
  if (size < 512 * MIB) return 'small';
  if (size < 4 * TIB) return 'default';
  return size < 16 * TIB ? 'big' : 'huge';
}

/** The defaults for a device of `size` bytes. Throws EINVAL for a type or use that does not exist. */
export function profileOf(size: number, options: MakeExtOptions): Profile {
  const stated = options.type ?? 'ext2';
  const type = stated === 'ext4dev' ? 'ext4' : stated;
  if (type !== 'ext2' && type !== 'ext3' && type !== 'ext4') {
    throw new GuestfsError('EINVAL', `${stated} is no type of ext filesystem, expected ext2, ext3 or ext4`);
  }
  const hurd = options.creatorOs?.toLowerCase() === 'hurd' || options.creatorOs === 'GNU';
  const names = (options.usage ?? usageBySize(size)).split(',');
  if (hurd) names.push('hurd');
  const usage: Usage = {};
  for (const name of names) {
    const found = USAGES[name];
    if (found === undefined) {
      throw new GuestfsError(
        'EINVAL',
        `${name} is no use of an ext filesystem, expected one of ${Object.keys(USAGES).join(', ')}`,
      );
    }
    Object.assign(usage, found);
  }
  const features = new FeatureSet();
  features.edit(BASE_FEATURES);
  features.edit(TYPE_FEATURES[type] ?? []);
  if (hurd)
    for (const name of ['filetype', 'large_file', 'huge_file', 'metadata_csum', 'ea_inode', 'casefold'])
      features.set(name, false);
  return {
    type,
    features,
    blockSize: usage.blockSize ?? 4096,
    bytesPerInode: usage.bytesPerInode ?? 16384,
    inodeSize: usage.inodeSize ?? 256,
    testing: options.testing ?? stated === 'ext4dev',
  };
}
