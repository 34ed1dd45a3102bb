import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';
import type { JournalGeometry, JournalLog } from './log.ts';

/**
 * Fast commits: a log of operations behind the log of blocks, as tags with a length and a value, little-endian.
 *
 * Source: "ext4 Data Structures and Algorithms", section "Fast commits"; layouts as the kernel writes them.
 */
export const TAG_ADD_RANGE = 1;
export const TAG_DEL_RANGE = 2;
export const TAG_CREAT = 3;
const TAG_LINK = 4;
export const TAG_UNLINK = 5;
export const TAG_INODE = 6;
const TAG_PAD = 7;
const TAG_TAIL = 8;
const TAG_HEAD = 9;

/** Most operations that are taken from one journal. */
const TAG_CAP = 2 ** 18;

/** Bytes of `struct ext4_fc_tl`, which begins every tag. */
const TL_SIZE = 4;
/** Bytes of a tail that its own checksum covers, and of the whole. */
const TAIL_COVERED = 4;
const TAIL_SIZE = 8;
/** Smallest value by tag; tags that are not here are unknown. */
const MINIMUM: Record<number, number> = {
  [TAG_ADD_RANGE]: 16,
  [TAG_DEL_RANGE]: 12,
  [TAG_CREAT]: 9,
  [TAG_LINK]: 9,
  [TAG_UNLINK]: 9,
  [TAG_INODE]: 4 + 128,
  [TAG_PAD]: 0,
  [TAG_TAIL]: TAIL_SIZE,
  [TAG_HEAD]: 8,
};

/** One operation of a fast commit. */
export interface FastCommitTag {
  readonly tag: number;
  /** A copy of the value. */
  readonly value: Uint8Array;
}

/**
 * The operations of all complete fast commits that follow transaction `expected - 1`. A commit whose end is missing
 * or wrong, and all after it, did not happen; if that is the first one, Linux finds the journal damaged.
 */
export function readFastCommits(
  log: JournalLog,
  journal: JournalGeometry,
  expected: number,
  blockSize: number,
): FastCommitTag[] {
  const complete: FastCommitTag[] = [];
  if (journal.fastFirst === 0) return complete;
  let open: FastCommitTag[] = [];
  let crc = 0;
  for (let number = journal.fastFirst; number < journal.fastEnd; number++) {
    const bytes = log.read(number);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + TL_SIZE <= blockSize;) {
      const tag = view.getUint16(at, true);
      const length = view.getUint16(at + 2, true);
      const value = at + TL_SIZE;
      const least = MINIMUM[tag];
      if (least === undefined || length < least || value + length > blockSize) return complete;
      if (tag === TAG_HEAD) {
        const features = view.getUint32(value, true);
        if (features !== 0) {
          throw new UnsupportedError(`the journal's fast commits need features 0x${features.toString(16)}`);
        }
        // Left over from before the last full commit.
        if (view.getUint32(value + 4, true) !== expected) return complete;
      }
      if (tag === TAG_TAIL) {
        crc = crc32cRaw(crc, bytes, at, value + TAIL_COVERED);
        const sequence = view.getUint32(value, true);
        const stored = view.getUint32(value + TAIL_COVERED, true);
        if (sequence !== expected || stored !== crc) {
          if (complete.length > 0) return complete;
          throw new CorruptError(
            'ext4_fc_tail',
            `the first fast commit ends with transaction ${sequence} and checksum 0x${stored.toString(16)}, expected` +
              ` ${expected} and 0x${crc.toString(16)}; the mount option noload reads the filesystem without the log`,
            { checksum: true },
          );
        }
        for (const item of open) complete.push(item);
        open = [];
        crc = 0;
      } else {
        crc = crc32cRaw(crc, bytes, at, value + length);
        if (tag !== TAG_HEAD && tag !== TAG_PAD)
          open.push({ tag, value: bytes.slice(value, value + length) });
      }
      if (complete.length + open.length > TAG_CAP) {
        throw new CorruptError('ext4_fc_tl', `the journal has more than ${TAG_CAP} fast commit operations`);
      }
      at = value + length;
    }
  }
  return complete;
}
