import type { BlockDevice } from '../../../block/device.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';
import { BlockCache } from '../block-cache.ts';
import { GroupTable } from '../groups.ts';
import { InodeTable } from '../inodes.ts';
import { Inode, S_IFMT, S_IFREG } from '../layout.ts';
import { BlockMapper, fillMapSource, newMapSource } from '../mapping.ts';
import { inodeSize } from '../stat.ts';
import type { Patches } from '../patches.ts';
import { readGeometry, readSuperBlock, type Geometry } from '../superblock.ts';
import { applyFastCommits } from './apply.ts';
import { readFastCommits } from './fast-commit.ts';
import { JournalLog, readJournalSuperBlock } from './log.ts';
import { recover } from './recover.ts';
import { replayedDevice } from './redirect.ts';

/** Open the journal's file. Throws UnsupportedError where the journal is on another device. */
export function openJournalLog(device: BlockDevice, geometry: Geometry): JournalLog {
  const number = geometry.superBlock.s_journal_inum;
  if (number === 0) {
    throw new UnsupportedError(
      'the filesystem was not unmounted cleanly and its journal is on another device, which cannot be replayed here;' +
        ' the mount option noload reads the filesystem as it is without the log',
      { structure: 'ext4_super_block' },
    );
  }
  const blocks = new BlockCache(device, geometry);
  const inodes = new InodeTable(device, geometry, new GroupTable(geometry, blocks, false));
  const inode = inodes.aim(number);
  const mode = inode.view.getUint16(inode.base + Inode.i_mode, true);
  const links = inode.view.getUint16(inode.base + Inode.i_links_count, true);
  if ((mode & S_IFMT) !== S_IFREG || links === 0) {
    throw new CorruptError(
      'ext4_inode',
      `the journal's inode ${number} has mode 0${mode.toString(8)} and ${links} links, expected a file with 1`,
      { offset: inodes.offset },
    );
  }
  const size = inodeSize(inode, geometry);
  const source = fillMapSource(newMapSource(), inode, geometry);
  return new JournalLog(device, geometry, new BlockMapper(geometry, blocks), source, size);
}

/** A filesystem after its journal's replay. */
interface Replayed {
  readonly device: BlockDevice;
  readonly geometry: Geometry;
  /** What fast commits changed. */
  readonly patches: Patches | undefined;
}

/**
 * The filesystem as it is after the journal's replay. Nothing is written to the device. `superBlockOffset` is where
 * the superblock in use is, in bytes.
 */
export function replayJournal(
  device: BlockDevice,
  geometry: Geometry,
  superBlockOffset: number,
  warn: (message: string) => void,
): Replayed {
  const log = openJournalLog(device, geometry);
  const journal = readJournalSuperBlock(log, geometry.blockSize);
  if (journal.errno !== 0)
    warn(`the journal records that the guest met error ${journal.errno} in this filesystem`);
  const replay = recover(log, journal, geometry.blocksCount);
  const replayed = replay.blocks.size === 0 ? device : replayedDevice(device, replay, geometry.blockSize);
  // The log may have written the superblock too.
  const superBlock = readSuperBlock(replayed, superBlockOffset);
  if (superBlock === null) {
    throw new CorruptError('ext4_super_block', 'the journal overwrites it with something else', {
      offset: superBlockOffset,
    });
  }
  const after = readGeometry(superBlock, replayed, superBlockOffset);
  const tags = readFastCommits(log, journal, replay.end, geometry.blockSize);
  if (tags.length === 0) return { device: replayed, geometry: after, patches: undefined };
  return { ...applyFastCommits(replayed, after, tags), geometry: after };
}
