import type { BlockDevice } from '../../../../block/device.ts';
import { CorruptError, UnsupportedError } from '../../../../errors/index.ts';
import { writeSuperBlock } from '../../check/superblock-write.ts';
import { readFastCommits } from '../../journal/fast-commit.ts';
import { openJournalLog } from '../../journal/index.ts';
import { JBD2_MAGIC } from '../../journal/layout.ts';
import { readJournalSuperBlock } from '../../journal/log.ts';
import { recover } from '../../journal/recover.ts';
import { SUPERBLOCK_OFFSET, SuperBlock } from '../../layout.ts';
import { readGeometry, readSuperBlock, type Geometry } from '../../superblock.ts';
import { BlockGatherer } from '../write-blocks.ts';
import { LogFile } from './log-file.ts';

/** A filesystem whose log has been played onto its device, and which still counts as in need of that. */
export interface Replayed {
  readonly geometry: Geometry;
  /** The first transaction that the log may have next. */
  readonly sequence: number;
}

/**
 * Play the log onto the device. It can be cut anywhere: the log stays until all of it is in place, and playing it twice
 * does the same. Throws UnsupportedError where fast commits would have to be played, before anything is written.
 */
export function replayOntoDevice(device: BlockDevice, geometry: Geometry): Replayed {
  const log = openJournalLog(device, geometry);
  const journal = readJournalSuperBlock(log, geometry.blockSize);
  const replay = recover(log, journal, geometry.blocksCount);
  if (journal.start !== 0 && readFastCommits(log, journal, replay.end, geometry.blockSize).length > 0) {
    throw new UnsupportedError(
      'the journal of this ext4 filesystem holds fast commits, which can be read but not applied to the image here;' +
        ' let the guest boot, or run e2fsck, before it is changed',
    );
  }
  const { blockSize } = geometry;
  const superBlockPlace = Math.floor(SUPERBLOCK_OFFSET / blockSize);
  const gatherer = new BlockGatherer(device, blockSize);
  const bytes = new Uint8Array(blockSize);
  let superBlock: Uint8Array | undefined;
  for (const block of [...replay.blocks.keys()].sort((a, b) => a - b)) {
    device.readAt(replay.blocks.get(block)! * blockSize, bytes);
    if (replay.escaped.has(block)) new DataView(bytes.buffer).setUint32(0, JBD2_MAGIC);
    if (block === superBlockPlace) superBlock = bytes.slice();
    else gatherer.add(block, bytes);
  }
  gatherer.end();
  if (superBlock !== undefined) replaceSuperBlock(device, superBlock, superBlockPlace * blockSize);
  device.flush();
  const view = readSuperBlock(device);
  if (view === null) {
    throw new CorruptError('ext4_super_block', 'the journal overwrites it with something else', {
      offset: SUPERBLOCK_OFFSET,
    });
  }
  const after = readGeometry(view, device);
  const sequence = ((journal.start === 0 ? journal.sequence : replay.end) + 1) >>> 0;
  new LogFile(device, after).writeSuperBlock(0, sequence);
  device.flush();
  return { geometry: after, sequence };
}

/** Write the block with the superblock so that a torn write leaves a valid one. */
function replaceSuperBlock(device: BlockDevice, block: Uint8Array, start: number): void {
  const base = SUPERBLOCK_OFFSET - start;
  const end = base + SuperBlock.size;
  if (base > 0) device.writeAt(start, block.subarray(0, base));
  if (end < block.length) device.writeAt(start + end, block.subarray(end));
  const old = new Uint8Array(SuperBlock.size);
  device.readAt(SUPERBLOCK_OFFSET, old);
  writeSuperBlock(device, old, block.slice(base, end));
}
