/**
 * ext2, ext3 and ext4: one driver. Reads everything that mke2fs(8) can make; see `layout.ts` for the sources.
 */
import type { BlockDevice } from '../../block/device.ts';
import { CorruptError } from '../../errors/index.ts';
import type { FileSystemFormat, OpenFileSystemOptions } from '../filesystem.ts';
import { INCOMPAT_RECOVER } from './features.ts';
import { Ext4FileSystem, isNoRecovery } from './filesystem.ts';
import { replayJournal } from './journal/index.ts';
import { probe, readGeometry, readSuperBlock, typeOf } from './superblock.ts';
import { tune2fsList } from './tune2fs.ts';

export { Ext4FileSystem } from './filesystem.ts';
export { probeJournalDevice } from './superblock.ts';

function noSuperBlock(): CorruptError {
  return new CorruptError('ext4_super_block', 'there is no ext2, ext3 or ext4 superblock on the device', {
    offset: 1024,
  });
}

/** Open ext2, ext3 or ext4. Throws CorruptError or UnsupportedError where it cannot be read, EUCLEAN where it is none. */
export function openExt4(device: BlockDevice, options: OpenFileSystemOptions = {}): Ext4FileSystem {
  const superBlock = readSuperBlock(device);
  if (superBlock === null) {
    throw noSuperBlock();
  }
  const geometry = readGeometry(superBlock, device);
  if ((geometry.incompat & INCOMPAT_RECOVER) === 0 || options.mountOptions?.some(isNoRecovery)) {
    return new Ext4FileSystem(typeOf(superBlock), device, geometry, options);
  }
  const replayed = replayJournal(device, geometry, options.warn ?? (() => {}));
  const type = typeOf(replayed.geometry.superBlock);
  return new Ext4FileSystem(type, replayed.device, replayed.geometry, options, replayed.patches);
}

/**
 * The superblock of ext2, ext3, ext4 or an external journal as tune2fs(8) lists it, without looking at the rest.
 * Throws EUCLEAN where there is none.
 */
export function listSuperBlock(device: BlockDevice): Map<string, string> {
  const superBlock = readSuperBlock(device);
  if (superBlock === null) throw noSuperBlock();
  return tune2fsList(superBlock);
}

/** Bytes to which the filesystem could be shrunk, estimated; see {@link Ext4FileSystem.minimumSize}. */
export function minimumSize(filesystem: Ext4FileSystem): number {
  return filesystem.minimumSize();
}

/** ext2, ext3 and ext4 in the registry of filesystems. */
export const ext4Format: FileSystemFormat = { name: 'ext4', probe, open: openExt4 };
