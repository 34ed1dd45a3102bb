import type { BlockDevice } from '../../../block/device.ts';
import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { BlockCache } from '../block-cache.ts';
import { COMPAT_HAS_JOURNAL } from '../features.ts';
import { GroupTable } from '../groups.ts';
import { InodeTable } from '../inodes.ts';
import * as jbd2 from '../journal/layout.ts';
import { crcWithout } from '../journal/checksum.ts';
import { JournalLog, readJournalSuperBlock, type JournalGeometry } from '../journal/log.ts';
import { BlockMapper, fillMapSource, newMapSource } from '../mapping.ts';
import { inodeSize } from '../stat.ts';
import type { Geometry } from '../superblock.ts';

/** The journal of a filesystem with the places of its blocks. */
export interface JournalFile {
  readonly log: JournalLog;
  readonly journal: JournalGeometry;
  /** Block of the filesystem of each block of the log, from 0 to `journal.last`. */
  readonly places: Float64Array;
}

/**
 * Open the journal that lies in the filesystem; undefined where there is none or it is on another device. Throws
 * CorruptError where it contradicts itself.
 */
export function openJournal(device: BlockDevice, geometry: Geometry): JournalFile | undefined {
  const number = geometry.superBlock.s_journal_inum;
  if ((geometry.compat & COMPAT_HAS_JOURNAL) === 0 || number === 0) return undefined;
  const blocks = new BlockCache(device, geometry);
  const inodes = new InodeTable(device, geometry, new GroupTable(geometry, blocks));
  const inode = inodes.aim(number);
  const size = inodeSize(inode, geometry);
  const source = fillMapSource(newMapSource(), inode, geometry);
  const log = new JournalLog(device, geometry, new BlockMapper(geometry, blocks), source, size);
  const journal = readJournalSuperBlock(log, geometry.blockSize);
  const places = new Float64Array(journal.last);
  for (let i = 0; i < journal.last; i++) places[i] = log.locate(i);
  return { log, journal, places };
}

/**
 * Write where the log begins, 0 for an empty one, and flush. The fields and the checksum are within one sector, so
 * that the write is there or not.
 */
export function writeLogStart(
  device: BlockDevice,
  geometry: Geometry,
  file: JournalFile,
  start: number,
  sequence: number,
): void {
  const bytes = new Uint8Array(jbd2.JournalSuperBlock.size);
  const offset = file.places[0]! * geometry.blockSize;
  device.readAt(offset, bytes);
  const view = jbd2.JournalSuperBlock.view(bytes);
  view.s_start = start;
  view.s_sequence = sequence;
  if (file.journal.checksums) {
    view.s_checksum = crcWithout(0xffffffff, bytes, jbd2.JournalSuperBlock.fields.s_checksum.offset);
  }
  device.writeAt(offset, bytes.subarray(0, 512));
  device.flush();
}

/** Checksum seed parts for what a transaction writes. */
export function blockTagChecksum(file: JournalFile, sequence: number, bytes: Uint8Array): number {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, sequence);
  return crc32cRaw(crc32cRaw(file.journal.checksumSeed, number), bytes);
}
