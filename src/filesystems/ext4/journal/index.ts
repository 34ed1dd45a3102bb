import type { BlockDevice } from '../../../block/device.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';
import { BlockCache } from '../block-cache.ts';
import { GroupTable } from '../groups.ts';
import { InodeTable } from '../inodes.ts';
import { Inode, S_IFMT, S_IFREG } from '../layout.ts';
import { BlockMapper, fillMapSource, newMapSource } from '../mapping.ts';
import { inodeSize } from '../stat.ts';
import type { Geometry } from '../superblock.ts';
import { JournalLog, readJournalSuperBlock } from './log.ts';
import { recover } from './recover.ts';
import { replayedDevice } from './redirect.ts';

/** Open the journal's file. Throws UnsupportedError where the journal is on another device. */
function openLog(device: BlockDevice, geometry: Geometry): JournalLog {
  const number = geometry.superBlock.s_journal_inum;
  if (number === 0) {
    throw new UnsupportedError(
      'the filesystem was not unmounted cleanly and its journal is on another device, which cannot be replayed here;' +
        ' the mount option noload reads the filesystem as it is without the log',
      { structure: 'ext4_super_block' },
    );
  }
  const blocks = new BlockCache(device, geometry);
  const inodes = new InodeTable(device, geometry, new GroupTable(geometry, blocks));
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

/**
 * The device as it is after the journal's replay, or the device itself where there is nothing to replay. Nothing is
 * written to the device.
 */
export function replayJournal(
  device: BlockDevice,
  geometry: Geometry,
  warn: (message: string) => void,
): BlockDevice {
  const log = openLog(device, geometry);
  const journal = readJournalSuperBlock(log, geometry.blockSize);
  if (journal.errno !== 0)
    warn(`the journal records that the guest met error ${journal.errno} in this filesystem`);
  const replay = recover(log, journal, geometry.blocksCount);
  return replay.blocks.size === 0 ? device : replayedDevice(device, replay, geometry.blockSize);
}
