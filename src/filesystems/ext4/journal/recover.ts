import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError } from '../../../errors/index.ts';
import { crc32be, crcOfBe32, crcWithout } from './checksum.ts';
import * as jbd2 from './layout.ts';
import type { JournalGeometry, JournalLog } from './log.ts';

/** Most blocks that one replay may name: 8 GiB of 4 KiB, and about 100 MB of memory. mke2fs makes 1 GiB at most. */
const REPLAY_CAP = 2 ** 21;

/** Where the newest journalled contents of the filesystem's blocks are. */
export interface Replay {
  /** By block of the filesystem: the block of the filesystem that holds its contents, within the journal. */
  readonly blocks: Map<number, number>;
  /** Those of them whose first four bytes were taken out because they looked like a journal block. */
  readonly escaped: Set<number>;
  /** The transaction after the last one that was replayed. */
  readonly end: number;
}

/** A descriptor or revoke block of a committed transaction. */
interface LogBlock {
  readonly number: number;
  readonly sequence: number;
}

interface Scan {
  readonly descriptors: LogBlock[];
  readonly revokes: LogBlock[];
  readonly end: number;
}

/** True if transaction `a` is not before `b`; the numbers wrap. */
function notBefore(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

function next(sequence: number): number {
  return (sequence + 1) >>> 0;
}

/**
 * Follow the log as the kernel's recovery does: find the committed transactions, gather what they revoke, then
 * replay. Nothing is written: the result says where each block's contents are.
 *
 * Throws CorruptError where the kernel would refuse to mount: a checksum that is wrong in a transaction that had
 * been committed.
 */
export function recover(log: JournalLog, journal: JournalGeometry, blocksCount: number): Replay {
  const blocks = new Map<number, number>();
  const escaped = new Set<number>();
  if (journal.start === 0) return { blocks, escaped, end: journal.sequence };
  const scan = scanLog(log, journal);
  const revoked = gatherRevokes(log, journal, scan.revokes);
  for (const { number, sequence } of scan.descriptors) {
    const descriptor = log.read(number).slice();
    let data = number;
    for (const tag of tagsOf(descriptor, journal)) {
      data = following(data, journal);
      const since = revoked.get(tag.block);
      if (since !== undefined && notBefore(since, sequence)) continue;
      if (tag.block >= blocksCount) {
        throw new CorruptError(
          'journal_block_tag_s',
          `transaction ${sequence} writes block ${tag.block}, the filesystem has ${blocksCount}`,
        );
      }
      verifyData(log.read(data), tag, sequence, journal);
      blocks.set(tag.block, log.locate(data));
      if (tag.flags & jbd2.TAG_ESCAPE) escaped.add(tag.block);
      else escaped.delete(tag.block);
      if (blocks.size > REPLAY_CAP) {
        throw new CorruptError('journal', `the log writes more than ${REPLAY_CAP} blocks`);
      }
    }
  }
  return { blocks, escaped, end: scan.end };
}

function following(number: number, journal: JournalGeometry, by = 1): number {
  const sum = number + by;
  return sum >= journal.last ? sum - (journal.last - journal.first) : sum;
}

interface TagData {
  block: number;
  flags: number;
  checksum: number;
}

/** The tags of a descriptor block, in order. */
function* tagsOf(bytes: Uint8Array, journal: JournalGeometry): Iterable<TagData> {
  const v3 = (journal.incompat & jbd2.INCOMPAT_CSUM_V3) !== 0;
  const wide = (journal.incompat & jbd2.INCOMPAT_64BIT) !== 0;
  let size: number = jbd2.Tag3.size;
  // Version 2 added a checksum of 2 bytes at the end that was never filled, beside the one that is.
  if (!v3) size = jbd2.Tag.size + (wide ? 4 : 0) + (journal.incompat & jbd2.INCOMPAT_CSUM_V2 ? 2 : 0);
  const end = bytes.length - (journal.checksums ? jbd2.TAIL_SIZE : 0);
  const data: TagData = { block: 0, flags: 0, checksum: 0 };
  for (let at: number = jbd2.JournalHeader.size; at + size <= end;) {
    if (v3) {
      const tag = jbd2.Tag3.view(bytes, at);
      data.block = tag.t_blocknr + (wide ? tag.t_blocknr_high * 0x100000000 : 0);
      data.flags = tag.t_flags;
      data.checksum = tag.t_checksum;
    } else {
      const tag = jbd2.Tag.view(bytes, at);
      data.block = tag.t_blocknr + (wide ? tag.data.getUint32(at + jbd2.TAG_BLOCKNR_HIGH) * 0x100000000 : 0);
      data.flags = tag.t_flags;
      data.checksum = tag.t_checksum;
    }
    yield data;
    at += size + (data.flags & jbd2.TAG_SAME_UUID ? 0 : 16);
    if (data.flags & jbd2.TAG_LAST) return;
  }
}

function countTags(bytes: Uint8Array, journal: JournalGeometry): number {
  let count = 0;
  for (const _ of tagsOf(bytes, journal)) count++;
  return count;
}

function verifyData(bytes: Uint8Array, tag: TagData, sequence: number, journal: JournalGeometry): void {
  if (!journal.checksums) return;
  const computed = crc32cRaw(crcOfBe32(journal.checksumSeed, sequence), bytes);
  const stored = tag.checksum;
  const v3 = (journal.incompat & jbd2.INCOMPAT_CSUM_V3) !== 0;
  if ((v3 ? computed : computed & 0xffff) !== stored) {
    throw damaged(
      sequence,
      `the data of block ${tag.block} has checksum 0x${computed.toString(16)}, its tag says 0x${stored.toString(16)}`,
    );
  }
}

function damaged(sequence: number, what: string): CorruptError {
  return new CorruptError(
    'journal',
    `transaction ${sequence} of the log is damaged: ${what}. Linux refuses to mount this too; the mount option noload` +
      ' reads the filesystem as it is without the log',
    { checksum: true },
  );
}

/** True if the checksum that ends a descriptor or revoke block is right, or there is none. */
function tailIsRight(bytes: Uint8Array, journal: JournalGeometry): boolean {
  if (!journal.checksums) return true;
  const at = bytes.length - jbd2.TAIL_SIZE;
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
  return crcWithout(journal.checksumSeed, bytes, at) === stored;
}

/** The first pass: which transactions are complete. */
function scanLog(log: JournalLog, journal: JournalGeometry): Scan {
  const v1 = (journal.compat & jbd2.COMPAT_CHECKSUM) !== 0;
  const async = (journal.incompat & jbd2.INCOMPAT_ASYNC_COMMIT) !== 0;
  const descriptors: LogBlock[] = [];
  const revokes: LogBlock[] = [];
  let sequence = journal.sequence;
  let number = journal.start;
  let left = journal.last - journal.first;
  let sum = 0xffffffff;
  let lastTime = 0n;
  /** A descriptor or revoke block had a wrong checksum: the commit decides whether it is stale or damaged. */
  let suspect = false;
  /** The transaction at which replay must end although more follow it. */
  let end: number | undefined;
  while (left > 0) {
    const bytes = log.read(number);
    const header = jbd2.JournalHeader.view(bytes);
    if (header.h_magic !== jbd2.JBD2_MAGIC || header.h_sequence !== sequence) break;
    const here = number;
    number = following(number, journal);
    left--;
    if (header.h_blocktype === jbd2.BLOCK_DESCRIPTOR) {
      if (!tailIsRight(bytes, journal)) suspect = true;
      const tags = countTags(bytes, journal);
      descriptors.push({ number: here, sequence });
      if (v1 && end === undefined) {
        sum = crc32be(sum, bytes);
        for (let i = 0; i < Math.min(tags, left); i++)
          sum = crc32be(sum, log.read(following(here, journal, i + 1)));
      }
      number = following(here, journal, 1 + tags);
      left -= tags;
    } else if (header.h_blocktype === jbd2.BLOCK_REVOKE) {
      if (!tailIsRight(bytes, journal)) suspect = true;
      revokes.push({ number: here, sequence });
    } else if (header.h_blocktype === jbd2.BLOCK_COMMIT) {
      const commit = jbd2.CommitHeader.view(bytes);
      const time = commit.h_commit_sec;
      if (suspect) {
        if (time >= lastTime) throw damaged(sequence, 'a descriptor or revoke block has a wrong checksum');
        // Older than what precedes it: left over from an earlier life of the journal.
        break;
      }
      let right = true;
      if (v1) {
        if (end !== undefined) throw damaged(end, 'its checksum is wrong, and later transactions follow it');
        const stored = commit.h_chksum;
        right =
          (stored === sum && commit.h_chksum_type === 1 && commit.h_chksum_size === 4) ||
          (stored === 0 && commit.h_chksum_type === 0 && commit.h_chksum_size === 0);
        sum = 0xffffffff;
      } else if (journal.checksums) {
        const at = jbd2.CommitHeader.fields.h_chksum.offset;
        right = crcWithout(journal.checksumSeed, bytes, at) === commit.h_chksum;
      }
      if (!right) {
        if (time < lastTime) break;
        // Only commits that do not wait for their data may be found half written.
        if (!async) throw damaged(sequence, 'its commit block has a wrong checksum');
        end ??= sequence;
      } else {
        lastTime = time;
      }
      sequence = next(sequence);
    } else {
      break;
    }
  }
  if (left < 0)
    throw new CorruptError('journal', `transaction ${sequence} of the log runs into its own beginning`);
  const stop = end ?? sequence;
  const committed = (block: LogBlock): boolean => !notBefore(block.sequence, stop);
  return { descriptors: descriptors.filter(committed), revokes: revokes.filter(committed), end: stop };
}

/** By block: the last transaction that revoked it. What that one and those before it wrote is not replayed. */
function gatherRevokes(log: JournalLog, journal: JournalGeometry, blocks: LogBlock[]): Map<number, number> {
  const revoked = new Map<number, number>();
  const wide = (journal.incompat & jbd2.INCOMPAT_64BIT) !== 0;
  const size = wide ? 8 : 4;
  for (const { number, sequence } of blocks) {
    const bytes = log.read(number);
    const { r_count: used, data } = jbd2.RevokeHeader.view(bytes);
    const room = bytes.length - (journal.checksums ? jbd2.TAIL_SIZE : 0);
    if (used > room) {
      throw new CorruptError(
        'jbd2_journal_revoke_header_s',
        `r_count of transaction ${sequence} is ${used}, expected at most ${room}`,
      );
    }
    for (let at: number = jbd2.RevokeHeader.size; at + size <= used; at += size) {
      const block = wide ? data.getUint32(at) * 0x100000000 + data.getUint32(at + 4) : data.getUint32(at);
      const before = revoked.get(block);
      if (before === undefined || !notBefore(before, sequence)) revoked.set(block, sequence);
      if (revoked.size > REPLAY_CAP) {
        throw new CorruptError('journal', `the log revokes more than ${REPLAY_CAP} blocks`);
      }
    }
  }
  return revoked;
}
