import type { BlockDevice } from '../../../block/device.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';
import { INCOMPAT_RECOVER } from '../features.ts';
import { readFastCommits } from '../journal/fast-commit.ts';
import { JBD2_MAGIC } from '../journal/layout.ts';
import { recover } from '../journal/recover.ts';
import { SUPERBLOCK_OFFSET, SuperBlock } from '../layout.ts';
import { readGeometry, readSuperBlock, type Geometry } from '../superblock.ts';
import { openJournal, writeLogStart } from './journal-file.ts';
import { writeSuperBlock } from './superblock-write.ts';

/**
 * Replay the journal onto the device, and mark it as done. Idempotent until the mark is written, so that a cut means
 * that it begins anew. Returns the geometry after it and how many blocks were written.
 *
 * Throws UnsupportedError for a journal on another device and for fast commits, CorruptError for a damaged log.
 */
export function replayOntoDevice(
  device: BlockDevice,
  geometry: Geometry,
): { geometry: Geometry; blocks: number } {
  const file = openJournal(device, geometry);
  if (file === undefined) {
    throw new UnsupportedError(
      'the filesystem was not unmounted cleanly and its journal is on another device, which cannot be replayed here',
      { structure: 'ext4_super_block' },
    );
  }
  const { blockSize } = geometry;
  const replay = recover(file.log, file.journal, geometry.blocksCount);
  const fast = readFastCommits(file.log, file.journal, replay.end, blockSize);
  if (fast.length > 0) {
    throw new UnsupportedError(
      `the journal holds fast commits with ${fast.length} operations, which are read but not written to the device here`,
      { structure: 'journal' },
    );
  }
  const superPlace = Math.floor(SUPERBLOCK_OFFSET / blockSize);
  const numbers = [...replay.blocks.keys()].sort((a, b) => a - b);
  const bytes = new Uint8Array(blockSize);
  const old = new Uint8Array(SuperBlock.size);
  for (const number of numbers) {
    device.readAt(replay.blocks.get(number)! * blockSize, bytes);
    if (replay.escaped.has(number)) new DataView(bytes.buffer).setUint32(0, JBD2_MAGIC);
    if (number !== superPlace) {
      device.writeAt(number * blockSize, bytes);
      continue;
    }
    device.readAt(SUPERBLOCK_OFFSET, old);
    const at = SUPERBLOCK_OFFSET % blockSize;
    const next = bytes.slice(at, at + SuperBlock.size);
    SuperBlock.view(next).s_feature_incompat |= INCOMPAT_RECOVER;
    writeSuperBlock(device, old, next);
  }
  device.flush();
  if (file.journal.start !== 0) writeLogStart(device, geometry, file, 0, (replay.end + 1) >>> 0);
  const view = readSuperBlock(device);
  if (view === null) {
    throw new CorruptError('ext4_super_block', 'the journal overwrites it with something else', {
      offset: SUPERBLOCK_OFFSET,
    });
  }
  const before = view.bytes.slice();
  view.s_feature_incompat &= ~INCOMPAT_RECOVER;
  writeSuperBlock(device, before, view.bytes);
  device.flush();
  return { geometry: readGeometry(view, device), blocks: numbers.length };
}
