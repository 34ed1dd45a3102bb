/**
 * ext2, ext3 and ext4: one driver. Reads everything that mke2fs(8) can make; see `layout.ts` for the sources.
 */
import type { BlockDevice } from '../../block/device.ts';
import { CorruptError, GuestfsError } from '../../errors/index.ts';
import type { FileSystemFormat, OpenFileSystemOptions } from '../filesystem.ts';
import { INCOMPAT_RECOVER } from './features.ts';
import { Ext4FileSystem, isNoRecovery } from './filesystem.ts';
import { SUPERBLOCK_OFFSET } from './layout.ts';
import { replayJournal } from './journal/index.ts';
import { probe, readGeometry, readSuperBlock, typeOf } from './superblock.ts';
import { tune2fsList } from './tune2fs.ts';
import { writerSource } from './writer/source.ts';

export { Ext4FileSystem } from './filesystem.ts';
export { probeJournalDevice } from './superblock.ts';

function noSuperBlock(offset: number): CorruptError {
  return new CorruptError(
    'ext4_super_block',
    `there is no ext2, ext3 or ext4 superblock at byte ${offset} of the device`,
    { offset },
  );
}

/** Byte offset of the superblock to use: the mount option `sb=` gives that of a copy, in KiB. */
function superBlockOffset(options: OpenFileSystemOptions): number {
  const option = options.mountOptions?.findLast((text) => text.startsWith('sb='));
  if (option === undefined) return SUPERBLOCK_OFFSET;
  const place = Number(option.slice(3));
  if (!/^sb=\d+$/.test(option) || place > Number.MAX_SAFE_INTEGER / 1024) {
    throw new GuestfsError('EINVAL', `mount option ${option}: expected the place of a superblock in KiB`);
  }
  return place * 1024;
}

/**
 * Open ext2, ext3 or ext4. A journal that was not replayed is replayed in memory; the device stays as it is until the
 * first change through {@link Ext4FileSystem.openWriter}. Of the mount options of ext4(5) those count that say what is read: `noload` or `norecovery`, `sb=`, `minixdf`
 * or `bsddf`; the others are accepted and ignored.
 *
 * Throws CorruptError where the filesystem contradicts itself or there is none, UnsupportedError for a feature that
 * is not known or a journal on another device.
 */
export function openExt4(device: BlockDevice, options: OpenFileSystemOptions = {}): Ext4FileSystem {
  const offset = superBlockOffset(options);
  const superBlock = readSuperBlock(device, offset);
  if (superBlock === null) throw noSuperBlock(offset);
  const geometry = readGeometry(superBlock, device, offset);
  const recovers = !options.mountOptions?.some(isNoRecovery);
  const writing = writerSource(device, geometry, recovers);
  if ((geometry.incompat & INCOMPAT_RECOVER) === 0 || !recovers) {
    return new Ext4FileSystem(typeOf(superBlock), device, geometry, options, undefined, writing);
  }
  const replayed = replayJournal(device, geometry, offset, options.warn ?? (() => {}));
  const type = typeOf(replayed.geometry.superBlock);
  return new Ext4FileSystem(type, replayed.device, replayed.geometry, options, replayed.patches, writing);
}

/**
 * The superblock of ext2, ext3, ext4 or an external journal as tune2fs(8) lists it, without looking at the rest.
 * Throws EUCLEAN where there is none.
 */
export function listSuperBlock(device: BlockDevice): Map<string, string> {
  const superBlock = readSuperBlock(device);
  if (superBlock === null) throw noSuperBlock(SUPERBLOCK_OFFSET);
  return tune2fsList(superBlock);
}

/** ext2, ext3 and ext4 in the registry of filesystems. */
export const ext4Format: FileSystemFormat = { name: 'ext4', probe, open: openExt4 };
