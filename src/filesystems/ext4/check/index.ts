/**
 * Checks ext2, ext3 and ext4 and repairs what a crash or an interrupted tool can leave, as e2fsck(8) does.
 */
import { clockMilliseconds } from '../../../bytes/clock.ts';
import type { BlockDevice } from '../../../block/device.ts';
import { overlayDevice } from '../../../block/overlay.ts';
import { CorruptError, GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import { INCOMPAT_RECOVER } from '../features.ts';
import { replayJournal } from '../journal/index.ts';
import { SUPERBLOCK_OFFSET } from '../layout.ts';
import { readGeometry, readSuperBlock, type Geometry } from '../superblock.ts';
import { checkAttributeReferences } from './attribute-check.ts';
import { checkBitmaps } from './bitmap-pass.ts';
import { Committer, STATE_CLEAN } from './commit.ts';
import { checkConnections, checkLinks } from './connect.ts';
import { checkDirectories } from './directory-pass.ts';
import { checkInodes } from './inode-pass.ts';
import { releaseOrphans } from './orphans.ts';
import { checkQuotas } from './quota.ts';
import { sealSuperBlock } from './superblock-write.ts';
import { replayOntoDevice } from './replay.ts';
import { CheckState, type Problem } from './state.ts';
import { Volume } from './volume.ts';

export type { Problem } from './state.ts';

/** Exit statuses of fsck(8) that a check may give. */
export const STATUS_CLEAN = 0;
export const STATUS_CORRECTED = 1;
export const STATUS_UNCORRECTED = 4;
/** Bit of `s_state`: the kernel met errors. */
const STATE_ERRORS = 0x2;

/** How a filesystem is checked. */
export interface CheckOptions {
  /**
   * Put right what is wrong, or only what is safe to be put right; the device must be writable. The journal is
   * replayed in both cases.
   */
  repair?: boolean | 'safe';
  /** Check a filesystem that says that it is clean. */
  force?: boolean;
}

/** What a check found. */
export interface CheckReport {
  /** 0 where nothing is wrong, 1 where all of it was corrected, 4 where something is left; as e2fsck's. */
  status: number;
  /** What was wrong, in the order it was found; the first ten thousand. */
  problems: Problem[];
  /** How much was wrong in all. */
  problemCount: number;
  /** True where the filesystem was believed clean and nothing was looked at. */
  skipped: boolean;
  /** Blocks that the journal's replay wrote; undefined where there was nothing to replay. */
  replayed?: number;
}

/** There is nothing to be checked or resized. */
export function noSuperBlock(): CorruptError {
  return new CorruptError('ext4_super_block', 'there is no ext2, ext3 or ext4 superblock', {
    offset: SUPERBLOCK_OFFSET,
  });
}

/** The geometry, from the primary superblock or the first copy of it that is whole. */
function findGeometry(device: BlockDevice): { geometry: Geometry; problem?: string } {
  const primary = readSuperBlock(device);
  try {
    if (primary !== null) return { geometry: readGeometry(primary, device) };
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    return { geometry: fromCopy(device, error), problem: error.message };
  }
  const missing = noSuperBlock();
  return { geometry: fromCopy(device, missing), problem: missing.message };
}

/** Copies are at the start of group 1, which the block size tells: bitmaps have 8 bits to the byte. */
function fromCopy(device: BlockDevice, reason: CorruptError): Geometry {
  for (let blockSize = 1024; blockSize <= 65536; blockSize *= 2) {
    const offset = (blockSize * 8 + (blockSize === 1024 ? 1 : 0)) * blockSize;
    const view = readSuperBlock(device, offset);
    if (view === null) continue;
    try {
      const geometry = readGeometry(view, device, offset);
      if (geometry.blockSize === blockSize) return geometry;
    } catch (error) {
      if (!(error instanceof CorruptError)) throw error;
    }
  }
  throw reason;
}

/**
 * Check ext2, ext3 or ext4. With `repair`, the journal is replayed onto the device first, orphans are finished off,
 * and what is wrong is put right in one transaction of the journal; without, nothing is written, and a journal that
 * was not replayed is an error of its own.
 *
 * Repaired: checksums, bitmaps and counts, link counts, i_blocks and i_size, wrong `.`, `..`, types and entries,
 * damaged directory indexes (dropped), files and directories without a name (into lost+found, which is made if it is
 * not there), the resize inode, usage counts of quotas, a superblock that has a copy. Left, and reported so: damaged
 * block maps and attributes, blocks that two files hold, directories whose entries do not add up, inodes of no type.
 *
 * Throws UnsupportedError for features that are not known, external journals with content and fast commits;
 * CorruptError where superblock or descriptors leave nothing to go by.
 */
export function checkExt(device: BlockDevice, options: CheckOptions = {}): CheckReport {
  const repair = options.repair ?? false;
  if (repair && !device.writable) {
    throw new GuestfsError('EROFS', 'the filesystem cannot be repaired: its device is read-only');
  }
  const located = findGeometry(device);
  let { geometry } = located;
  let replayed: number | undefined;
  if (geometry.incompat & INCOMPAT_RECOVER && located.problem === undefined) {
    if (!repair) return behindJournal(device, geometry, options);
    ({ geometry, blocks: replayed } = replayOntoDevice(device, geometry));
  }
  const report = (state: CheckState | undefined, skipped: boolean): CheckReport => {
    let status = STATUS_CLEAN;
    if (state !== undefined && state.uncorrected > 0) status = STATUS_UNCORRECTED;
    else if (state !== undefined && state.problemCount > 0) status = STATUS_CORRECTED;
    return {
      status,
      problems: state?.problems ?? [],
      problemCount: state?.problemCount ?? 0,
      skipped,
      ...(replayed === undefined ? {} : { replayed }),
    };
  };
  if (!options.force && located.problem === undefined && isClean(geometry)) return report(undefined, true);
  const wholeTables = new Set<number>();
  for (;;) {
    const volume = new Volume(device, geometry);
    // While it is mounted, Linux keeps the counts in the descriptors only.
    if (replayed !== undefined) volume.sumFree();
    const state = new CheckState(volume, repair, wholeTables);
    runPasses(state, located.problem);
    if (state.distrusted.size > 0) {
      // A name led to an inode behind what the descriptor says is used: read those tables to their ends.
      for (const group of state.distrusted) wholeTables.add(group);
      continue;
    }
    if (repair) finish(state, located.problem !== undefined);
    return report(state, false);
  }
}

/** Check without writing what a journal that was not replayed makes of the filesystem. */
function behindJournal(device: BlockDevice, geometry: Geometry, options: CheckOptions): CheckReport {
  const replay = replayJournal(device, geometry, SUPERBLOCK_OFFSET, () => {});
  if (replay.patches !== undefined) {
    throw new UnsupportedError('the journal holds fast commits, which a check does not look behind', {
      structure: 'journal',
    });
  }
  const after = readSuperBlock(replay.device);
  if (after === null) throw noSuperBlock();
  const overlay = overlayDevice(replay.device, 'check of ext4');
  const superBlock = after.bytes;
  after.s_feature_incompat &= ~INCOMPAT_RECOVER;
  sealSuperBlock(superBlock);
  overlay.writeAt(SUPERBLOCK_OFFSET, superBlock);
  const volume = new Volume(overlay, readGeometry(after, overlay));
  volume.sumFree();
  sealSuperBlock(volume.superBytes);
  overlay.writeAt(SUPERBLOCK_OFFSET, volume.superBytes);
  return checkExt(overlay, options);
}

function isClean(geometry: Geometry): boolean {
  const { s_state, s_last_orphan, s_error_count } = geometry.superBlock;
  return (
    (s_state & STATE_CLEAN) !== 0 &&
    (s_state & STATE_ERRORS) === 0 &&
    s_last_orphan === 0 &&
    s_error_count === 0 &&
    (geometry.roCompat & 0x10000) === 0
  );
}

function runPasses(state: CheckState, superBlockProblem: string | undefined): void {
  if (superBlockProblem !== undefined) {
    state.found('superblock', `${superBlockProblem}; a copy is used`, () => {});
  }
  releaseOrphans(state);
  checkInodes(state);
  checkAttributeReferences(state);
  checkDirectories(state);
  if (state.distrusted.size > 0) return;
  checkConnections(state);
  checkLinks(state);
  checkQuotas(state);
  checkBitmaps(state);
}

/** Write the repairs, and mark the filesystem as checked. */
function finish(state: CheckState, fromCopy: boolean): void {
  const { volume } = state;
  const view = volume.superBlock;
  view.s_block_group_nr = 0;
  // A descriptor that is wrong on disk does not lead to the journal.
  const direct = fromCopy || state.problems.some(({ code }) => code === 'group-checksum');
  const committer = new Committer(volume, { loose: true, direct });
  const seconds = Math.floor(clockMilliseconds() / 1000);
  view.s_lastcheck = seconds % 0x100000000;
  view.s_lastcheck_hi = Math.floor(seconds / 0x100000000);
  view.s_mnt_count = 0;
  if (state.uncorrected === 0) {
    view.s_state = (view.s_state | STATE_CLEAN) & ~STATE_ERRORS;
    view.s_error_count = 0;
  } else {
    view.s_state &= ~STATE_CLEAN;
  }
  committer.commit();
  committer.finish();
  if (fromCopy) volume.writeBackups();
  volume.device.flush();
}
