import { JBD2_MAGIC, BLOCK_SUPER_V2, JournalSuperBlock } from '../journal/layout.ts';
import { freeClusters, groupOf, groupStart, type Groups } from './groups.ts';
import type { Plan } from './plan.ts';

/** A journal's superblock, in a block of its own. */
export function journalSuperBlock(journal: {
  blockSize: number;
  /** Blocks of the journal, fast commits included. */
  blocks: number;
  /** First block of the log. */
  first: number;
  uuid: Uint8Array;
  users: number;
  fastCommitBlocks: number;
}): Uint8Array {
  const bytes = new Uint8Array(journal.blockSize);
  const view = JournalSuperBlock.view(bytes);
  view.h_magic = JBD2_MAGIC;
  view.h_blocktype = BLOCK_SUPER_V2;
  view.s_blocksize = journal.blockSize;
  view.s_maxlen = journal.blocks;
  view.s_first = journal.first;
  view.s_sequence = 1;
  view.s_uuid = journal.uuid;
  view.s_nr_users = journal.users;
  // The feature bit is set by who first commits in this way; what is set aside is known from here on.
  view.s_num_fc_blks = journal.fastCommitBlocks;
  return bytes;
}

/**
 * Where the journal begins: in the middle of the filesystem, where the way of a disk's head is shortest, at the
 * start of the group with the most room there.
 */
export function journalGoal(plan: Plan, groups: Groups): number {
  const middle = groupOf(
    plan,
    plan.firstDataBlock + Math.floor((plan.blocksCount - plan.firstDataBlock) / 2),
  );
  const packed = plan.groupsPerFlex > 1 && middle > plan.groupsPerFlex;
  const first = packed ? middle - (middle % plan.groupsPerFlex) : Math.max(0, middle - 1);
  const last = Math.min(packed ? first + 1 : middle + 1, plan.groupsCount - 1);
  let best = first;
  let most = freeClusters(plan, groups, first);
  for (let group = first + 1; group <= last; group++) {
    const free = freeClusters(plan, groups, group);
    if (free > most) {
      most = free;
      best = group;
    }
  }
  return groupStart(plan, best);
}
