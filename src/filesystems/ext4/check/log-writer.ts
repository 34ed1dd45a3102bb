import { JBD2_MAGIC } from '../journal/layout.ts';
import * as jbd2 from '../journal/layout.ts';
import { crcWithout } from '../journal/checksum.ts';
import type { StoredBlock } from '../writer/contract.ts';
import { blockTagChecksum, type JournalFile } from './journal-file.ts';

function tagSize(incompat: number): number {
  if (incompat & jbd2.INCOMPAT_CSUM_V3) return jbd2.Tag3.size;
  const wide = incompat & jbd2.INCOMPAT_64BIT ? 4 : 0;
  return jbd2.Tag.size + wide + (incompat & jbd2.INCOMPAT_CSUM_V2 ? 2 : 0);
}

/** Tags that fit a descriptor block: the first one is followed by 16 bytes of UUID. */
function tagsPerBlock(file: JournalFile, blockSize: number): number {
  const tail = file.journal.checksums ? jbd2.TAIL_SIZE : 0;
  return Math.floor((blockSize - jbd2.JournalHeader.size - 16 - tail) / tagSize(file.journal.incompat));
}

/** Blocks that one transaction of this journal can write. */
export function transactionCapacity(file: JournalFile, blockSize: number): number {
  const room = file.journal.last - file.journal.first - 2;
  const tags = tagsPerBlock(file, blockSize);
  return Math.max(0, room - Math.ceil(room / (tags + 1)) - 1);
}

/** The blocks of the log for one transaction, in the order of the log: descriptors, data, commit. */
export function* transactionBlocks(
  file: JournalFile,
  blockSize: number,
  sequence: number,
  changed: readonly StoredBlock[],
  seconds: number,
): Iterable<Uint8Array> {
  const { journal } = file;
  const v3 = (journal.incompat & jbd2.INCOMPAT_CSUM_V3) !== 0;
  const wide = (journal.incompat & jbd2.INCOMPAT_64BIT) !== 0;
  const size = tagSize(journal.incompat);
  const perBlock = tagsPerBlock(file, blockSize);
  for (let from = 0; from < changed.length; from += perBlock) {
    const part = changed.slice(from, from + perBlock);
    const bytes = new Uint8Array(blockSize);
    header(bytes, jbd2.BLOCK_DESCRIPTOR, sequence);
    const datas: Uint8Array[] = [];
    let at: number = jbd2.JournalHeader.size;
    part.forEach((block, i) => {
      let flags = i === 0 ? 0 : jbd2.TAG_SAME_UUID;
      if (i === part.length - 1) flags |= jbd2.TAG_LAST;
      let data = block.bytes;
      if (block.view.getUint32(0) === JBD2_MAGIC) {
        // A block that looks like one of the journal goes without its first word.
        data = data.slice();
        data.fill(0, 0, 4);
        flags |= jbd2.TAG_ESCAPE;
      }
      datas.push(data);
      const sum = journal.checksums ? blockTagChecksum(file, sequence, data) : 0;
      if (v3) {
        const tag = jbd2.Tag3.view(bytes, at);
        tag.t_blocknr = block.number % 0x100000000;
        tag.t_blocknr_high = Math.floor(block.number / 0x100000000);
        tag.t_flags = flags;
        tag.t_checksum = sum;
      } else {
        const tag = jbd2.Tag.view(bytes, at);
        tag.t_blocknr = block.number % 0x100000000;
        tag.t_flags = flags;
        tag.t_checksum = sum & 0xffff;
        if (wide) tag.data.setUint32(at + jbd2.TAG_BLOCKNR_HIGH, Math.floor(block.number / 0x100000000));
      }
      at += size + (i === 0 ? 16 : 0);
    });
    if (journal.checksums) {
      const tail = blockSize - jbd2.TAIL_SIZE;
      new DataView(bytes.buffer).setUint32(tail, crcWithout(journal.checksumSeed, bytes, tail));
    }
    yield bytes;
    yield* datas;
  }
  const commit = new Uint8Array(blockSize);
  header(commit, jbd2.BLOCK_COMMIT, sequence);
  const view = jbd2.CommitHeader.view(commit);
  view.h_commit_sec = BigInt(seconds);
  if (journal.checksums) {
    view.h_chksum = crcWithout(journal.checksumSeed, commit, jbd2.CommitHeader.fields.h_chksum.offset);
  }
  yield commit;
}

function header(bytes: Uint8Array, type: number, sequence: number): void {
  const view = jbd2.JournalHeader.view(bytes);
  view.h_magic = JBD2_MAGIC;
  view.h_blocktype = type;
  view.h_sequence = sequence;
}
