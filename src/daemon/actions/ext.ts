import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { listSuperBlock } from '../../filesystems/ext4/index.ts';
import { minimumSizeOf } from '../../filesystems/ext4/resize/index.ts';
import { ATTRIBUTE_LETTERS } from '../../vfs/attribute-letters.ts';
import type { FileRef } from '../../vfs/tree.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../filesystems/mode.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { parseMountable } from '../mountable.ts';

/** What tune2fs prints for nothing; the hash has an empty string there. */
const NOTHING = new Set(['<none>', '<not available>', '(none)']);

/** A file that has flags at all: Linux gives those of regular files and directories only. */
export function fileWithFlags({ platform }: ActionContext, path: string): FileRef {
  const file = platform.files.resolve(path, { followLast: false });
  const type = platform.files.stat(file).mode & S_IFMT;
  if (type !== S_IFREG && type !== S_IFDIR) {
    throw new GuestfsError('ENOTSUP', `${path}: only regular files and directories have ext2 attributes`, {
      path,
    });
  }
  return file;
}

/** ext2, ext3 and ext4. */
export const extActions = {
  tune2fs_l({ platform }, device) {
    const fields: Record<string, string> = {};
    for (const [key, value] of listSuperBlock(platform.devices.open(device))) {
      fields[key] = NOTHING.has(value) ? '' : value;
    }
    return fields;
  },

  get_e2attrs(context, path) {
    const flags = context.platform.files.flags(fileWithFlags(context, path));
    return ATTRIBUTE_LETTERS.filter(([bit]) => (flags & bit) !== 0)
      .map(([, letter]) => letter)
      .sort()
      .join('');
  },

  get_e2generation: (context, path) => context.platform.files.generation(fileWithFlags(context, path)),

  get_e2label: ({ platform }, device) => platform.identify.superblock(device)['LABEL'] ?? '',

  get_e2uuid: ({ platform }, device) => platform.identify.superblock(device)['UUID'] ?? '',

  vfs_minimum_size({ platform }, mountable) {
    const { device } = parseMountable(mountable);
    const type = platform.identify.type(device);
    if (type === undefined || !/^ext[234]$/.test(type)) {
      throw new UnsupportedError(
        `${device}: the minimum size of ${type === undefined ? 'an unknown filesystem' : type} cannot be told here, only that of ext2, ext3 and ext4`,
        { device },
      );
    }
    return minimumSizeOf(platform.devices.open(device));
  },
} satisfies Partial<DaemonActions>;
