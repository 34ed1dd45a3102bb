import { clockMilliseconds } from '../../../bytes/clock.ts';
import type { BlockDevice } from '../../../block/device.ts';
import { randomUuid } from '../../../crypto/random.ts';
import { GuestfsError } from '../../../errors/index.ts';
import type { IdentifyOptions } from '../../identify/signature.ts';
import { eraseSignatures } from '../../wipe/index.ts';
import { INCOMPAT_JOURNAL_DEV } from '../features.ts';
import { JournalSuperBlock, JBD2_MAGIC } from '../journal/layout.ts';
import { SUPERBLOCK_OFFSET, SuperBlock } from '../layout.ts';
import { readSuperBlock } from '../superblock.ts';
import { journalSuperBlock } from './journal.ts';
import type { MakeExtOptions } from './options.ts';
import { commonSuperBlock, namesOf } from './superblock.ts';
import { writeSuperBlock, zeroRange } from './write.ts';

/** Fewest and most blocks of a journal. */
const MINIMUM = 1024;
const DEFAULT_BLOCK_SIZE = 4096;
/** The list of filesystems that use a journal: 48 UUIDs in its superblock. */
const USERS_AT = 0x100;
const USERS_MOST = 48;
const UUID_SIZE = 16;

/** Block of the journal's superblock on its device: after the one with the filesystem-like superblock. */
function journalBlock(blockSize: number): number {
  return blockSize === 1024 ? 2 : 1;
}

/**
 * Make the whole device an external journal, as `mke2fs -O journal_dev`. Of the options those count that name and
 * measure: `blockSize`, `blocksCount`, `label`, `uuid`, `now`, `creatorOs`, `hashSeed`. Crash-safe as
 * {@link makeExt}. Throws EINVAL for what cannot be, EROFS, and what the device throws.
 */
export function makeExtJournal(
  device: BlockDevice,
  options: MakeExtOptions = {},
  identify: IdentifyOptions = {},
): void {
  if (!device.writable)
    throw new GuestfsError('EROFS', 'the device is read-only, a journal cannot be made on it');
  const blockSize = options.blockSize ?? (device.size < 512 * 1024 * 1024 ? 1024 : DEFAULT_BLOCK_SIZE);
  if (![1024, 2048, 4096, 8192, 16384, 32768, 65536].includes(blockSize)) {
    throw new GuestfsError(
      'EINVAL',
      `the block size is ${blockSize} bytes, expected a power of two from 1024 to 65536`,
    );
  }
  const pages = Math.max(1, 4096 / blockSize);
  const most = Math.floor(device.size / blockSize);
  const blocks = options.blocksCount ?? Math.floor(most / pages) * pages;
  if (blocks < MINIMUM || blocks > most || blocks > 0xffffffff) {
    throw new GuestfsError(
      'EINVAL',
      `the journal has ${blocks} blocks of ${blockSize} bytes, expected ${MINIMUM} to ${most} on this device`,
    );
  }
  const names = namesOf(options, { uuid: randomUuid, now: () => Math.floor(clockMilliseconds() / 1000) });
  const view = commonSuperBlock(blockSize, blocks, names);
  view.s_blocks_per_group = Math.min(blockSize * 8, 65528);
  view.s_clusters_per_group = view.s_blocks_per_group;
  view.s_inode_size = 256;
  view.s_feature_incompat = INCOMPAT_JOURNAL_DEV;
  view.s_min_extra_isize = 32;
  view.s_want_extra_isize = 32;
  eraseSignatures(device, identify);
  zeroRange(device, 0, SUPERBLOCK_OFFSET + SuperBlock.size);
  device.flush();
  const at = journalBlock(blockSize);
  device.writeAt(
    at * blockSize,
    journalSuperBlock({ blockSize, blocks, first: at + 1, uuid: names.uuid, users: 0, fastCommitBlocks: 0 }),
  );
  device.flush();
  writeSuperBlock(device, view);
}

/**
 * Enter a filesystem into the list of those that use an external journal. Returns the journal's UUID. Throws EINVAL
 * where the device is none, or one of another block size, ENOSPC where the list is full.
 */
export function useExtJournal(device: BlockDevice, user: Uint8Array, blockSize: number): Uint8Array {
  const view = readSuperBlock(device);
  if (view === null || (view.s_feature_incompat & INCOMPAT_JOURNAL_DEV) === 0) {
    throw new GuestfsError('EINVAL', 'the device is no external journal, as mke2journal makes it');
  }
  const size = 1024 * 2 ** view.s_log_block_size;
  if (size !== blockSize) {
    throw new GuestfsError(
      'EINVAL',
      `the journal has blocks of ${size} bytes, the filesystem of ${blockSize}`,
    );
  }
  const offset = journalBlock(size) * size;
  const bytes = new Uint8Array(JournalSuperBlock.size);
  device.readAt(offset, bytes);
  const journal = JournalSuperBlock.view(bytes);
  if (journal.h_magic !== JBD2_MAGIC) {
    throw new GuestfsError('EUCLEAN', `the journal has no superblock at byte ${offset}`, { offset });
  }
  const users = journal.s_nr_users;
  if (users >= USERS_MOST) {
    throw new GuestfsError('ENOSPC', `the journal is used by ${users} filesystems, more do not fit`);
  }
  bytes.set(user, USERS_AT + users * UUID_SIZE);
  // The list's end lies beyond the first sector: the new entry is made durable before the count names it.
  device.writeAt(offset + 512, bytes.subarray(512));
  device.flush();
  journal.s_nr_users = users + 1;
  device.writeAt(offset, bytes.subarray(0, 512));
  device.flush();
  return view.s_uuid.slice();
}
