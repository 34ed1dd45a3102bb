import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { encodeText } from '../../../bytes/text.ts';
import { GuestfsError } from '../../../errors/index.ts';
import {
  EXT_MAGIC,
  GOOD_OLD_INODE_SIZE,
  SUPERBLOCK_CHECKSUM_OFFSET,
  SuperBlock,
  type SuperBlockView,
} from '../layout.ts';
import { EXTRA_SIZE } from './inode.ts';
import type { MakeExtOptions } from './options.ts';
import { FIRST_INODE, type Plan } from './plan.ts';

/** Bit of `s_state`: unmounted cleanly. */
export const STATE_CLEAN = 1;
const ERRORS_CONTINUE = 1;
const HASH_HALF_MD4 = 1;
const CHECKSUM_CRC32C = 1;
const FLAG_SIGNED_HASH = 0x1;
const FLAG_TEST_FILESYS = 0x4;
/** Default mount options of a new filesystem: user_xattr and acl. */
const DEFAULT_MOUNT_OPTIONS = 0xc;
const JOURNAL_BACKUP_BLOCKS = 1;
/** `s_max_mnt_count` of a filesystem that is not checked after a number of mounts. */
const NO_MOUNT_LIMIT = 0xffff;
/** Encoding of names: UTF-8 of Unicode 12.1; flag 1 refuses names that are not. */
const ENCODING_UTF8_12_1 = 1;
const ENCODING_STRICT = 1;
const ENCRYPTION_AES_256_XTS = 1;
const ENCRYPTION_AES_256_CTS = 4;

const CREATORS: Readonly<Record<string, number>> = {
  linux: 0,
  gnu: 1,
  hurd: 1,
  masix: 2,
  freebsd: 3,
  lites: 4,
};

/** Throws EINVAL for a name of no operating system. */
function creatorOf(name: string): number {
  const known = CREATORS[name.toLowerCase()];
  if (known !== undefined) return known;
  if (/^\d+$/.test(name) && Number(name) <= 0xffffffff) return Number(name);
  throw new GuestfsError(
    'EINVAL',
    `${name} is no creator of ext filesystems, expected ${Object.keys(CREATORS).join(', ')} or a number`,
  );
}

/** A text for a field of `size` bytes. Throws EINVAL where it is longer. */
export function fieldBytes(text: string, size: number, what: string): Uint8Array {
  const bytes = encodeText(text);
  if (bytes.length > size) {
    throw new GuestfsError('EINVAL', `the ${what} ${text} has ${bytes.length} bytes, at most ${size} fit`);
  }
  return bytes;
}

/** Set `s_checksum` where the filesystem has checksums. */
export function sealSuperBlock(view: SuperBlockView, checksums: boolean): void {
  if (checksums) {
    view.s_checksum = crc32cRaw(0xffffffff, view.bytes, view.base, view.base + SUPERBLOCK_CHECKSUM_OFFSET);
  }
}

/** What superblocks of filesystems and of external journals share. */
export function commonSuperBlock(blockSize: number, blocks: number, names: Names): SuperBlockView {
  const view = SuperBlock.view(new Uint8Array(SuperBlock.size));
  const log = Math.log2(blockSize / 1024);
  view.s_blocks_count_lo = blocks % 0x100000000;
  view.s_blocks_count_hi = Math.floor(blocks / 0x100000000);
  view.s_first_data_block = blockSize === 1024 ? 1 : 0;
  view.s_log_block_size = log;
  view.s_log_cluster_size = log;
  view.s_wtime = names.now;
  view.s_max_mnt_count = NO_MOUNT_LIMIT;
  view.s_magic = EXT_MAGIC;
  view.s_state = STATE_CLEAN;
  view.s_errors = ERRORS_CONTINUE;
  view.s_lastcheck = names.now;
  view.s_creator_os = names.creator;
  view.s_rev_level = 1;
  view.s_first_ino = FIRST_INODE;
  view.s_uuid = names.uuid;
  view.s_volume_name = names.label;
  view.s_last_mounted = names.lastMounted;
  view.s_hash_seed = Array.from({ length: 4 }, (_, i) =>
    new DataView(names.hashSeed.slice().buffer).getUint32(i * 4, true),
  );
  view.s_def_hash_version = HASH_HALF_MD4;
  view.s_default_mount_opts = DEFAULT_MOUNT_OPTIONS;
  view.s_mkfs_time = names.now;
  // Years after 2106 have an eighth to tenth digit of their own.
  const high = Math.floor(names.now / 0x100000000);
  view.s_wtime_hi = high;
  view.s_lastcheck_hi = high;
  view.s_mkfs_time_hi = high;
  return view;
}

/** What a filesystem is called and when it was made, checked. */
export interface Names {
  uuid: Uint8Array;
  hashSeed: Uint8Array;
  now: number;
  label: Uint8Array;
  lastMounted: Uint8Array;
  creator: number;
}

/** Throws EINVAL where a name does not fit its field. */
export function namesOf(
  options: MakeExtOptions,
  random: { uuid: () => Uint8Array; now: () => number },
): Names {
  const now = options.now ?? random.now();
  if (!Number.isSafeInteger(now) || now < 0) {
    throw new GuestfsError('EINVAL', `the time is ${now}, expected seconds since 1970`);
  }
  const names = {
    uuid: options.uuid ?? random.uuid(),
    hashSeed: options.hashSeed ?? random.uuid(),
    now,
    label: fieldBytes(options.label ?? '', 16, 'label'),
    lastMounted: fieldBytes(options.lastMounted ?? '', 63, 'directory'),
    creator: creatorOf(options.creatorOs ?? 'linux'),
  };
  for (const [name, bytes] of [['UUID', names.uuid] as const, ['hash seed', names.hashSeed] as const]) {
    if (bytes.length !== 16) {
      throw new GuestfsError('EINVAL', `the ${name} has ${bytes.length} bytes, expected 16`);
    }
  }
  return names;
}

/** Numbers of a filesystem that are known when everything has its place. */
export interface Totals {
  freeClusters: number;
  freeInodes: number;
  overheadClusters: number;
}

/** Inodes and blocks that the superblock points to. */
export interface SpecialFiles {
  journal?: { map: Uint8Array; size: number };
  mmpBlock: number;
  userQuota: number;
  groupQuota: number;
  projectQuota: number;
  orphanFile: number;
}

/** The superblock of a new filesystem, but for group number, state and checksum. */
export function makeSuperBlock(
  plan: Plan,
  options: MakeExtOptions,
  names: Names,
  totals: Totals,
  files: SpecialFiles,
): SuperBlockView {
  const view = commonSuperBlock(plan.blockSize, plan.blocksCount, names);
  const { features } = plan;
  view.s_inodes_count = plan.groupsCount * plan.inodesPerGroup;
  view.s_r_blocks_count_lo = plan.reservedBlocks % 0x100000000;
  view.s_r_blocks_count_hi = Math.floor(plan.reservedBlocks / 0x100000000);
  const free = totals.freeClusters * plan.clusterRatio;
  view.s_free_blocks_count_lo = free % 0x100000000;
  view.s_free_blocks_count_hi = Math.floor(free / 0x100000000);
  view.s_free_inodes_count = totals.freeInodes;
  view.s_first_data_block = plan.firstDataBlock;
  view.s_log_cluster_size = Math.log2((plan.blockSize * plan.clusterRatio) / 1024);
  view.s_blocks_per_group = plan.blocksPerGroup;
  view.s_clusters_per_group = plan.clustersPerGroup;
  view.s_inodes_per_group = plan.inodesPerGroup;
  view.s_inode_size = plan.inodeSize;
  const words = features.words();
  view.s_feature_compat = words.compat;
  view.s_feature_incompat = words.incompat;
  view.s_feature_ro_compat = words.roCompat;
  view.s_reserved_gdt_blocks = plan.reservedGdtBlocks;
  if (features.has('64bit')) view.s_desc_size = plan.descSize;
  if (plan.inodeSize > GOOD_OLD_INODE_SIZE) {
    view.s_min_extra_isize = EXTRA_SIZE;
    view.s_want_extra_isize = EXTRA_SIZE;
  }
  view.s_flags = FLAG_SIGNED_HASH | (plan.testing ? FLAG_TEST_FILESYS : 0);
  view.s_raid_stride = options.stride ?? 0;
  view.s_raid_stripe_width = options.stripeWidth ?? 0;
  if (plan.groupsPerFlex > 1) view.s_log_groups_per_flex = Math.log2(plan.groupsPerFlex);
  if (features.has('metadata_csum')) view.s_checksum_type = CHECKSUM_CRC32C;
  if (features.has('metadata_csum_seed')) view.s_checksum_seed = crc32cRaw(0xffffffff, names.uuid);
  if (features.has('sparse_super2')) view.s_backup_bgs = [...plan.backupGroups];
  view.s_overhead_blocks = Math.min(totals.overheadClusters, 0xffffffff);
  if (features.has('casefold')) {
    view.s_encoding = ENCODING_UTF8_12_1;
    view.s_encoding_flags = options.strictEncoding ? ENCODING_STRICT : 0;
  }
  if (features.has('encrypt')) {
    view.s_encrypt_algos = Uint8Array.of(ENCRYPTION_AES_256_XTS, ENCRYPTION_AES_256_CTS, 0, 0);
  }
  putSpecialFiles(view, options, files);
  return view;
}

function putSpecialFiles(view: SuperBlockView, options: MakeExtOptions, files: SpecialFiles): void {
  if (files.journal !== undefined) {
    view.s_journal_inum = 8;
    view.s_jnl_backup_type = JOURNAL_BACKUP_BLOCKS;
    const map = new DataView(files.journal.map.buffer);
    const { size } = files.journal;
    view.s_jnl_blocks = [
      ...Array.from({ length: 15 }, (_, i) => map.getUint32(i * 4, true)),
      Math.floor(size / 0x100000000),
      size % 0x100000000,
    ];
  }
  if (options.externalJournal !== undefined) {
    view.s_journal_uuid = options.externalJournal.uuid;
    view.s_journal_dev = options.externalJournal.deviceNumber;
  }
  if (files.mmpBlock !== 0) {
    view.s_mmp_block = files.mmpBlock;
    view.s_mmp_interval = options.mmpInterval ?? DEFAULT_MMP_INTERVAL;
  }
  view.s_usr_quota_inum = files.userQuota;
  view.s_grp_quota_inum = files.groupQuota;
  view.s_prj_quota_inum = files.projectQuota;
  view.s_orphan_file_inum = files.orphanFile;
}

/** Seconds between updates of the multiple mount protection block. */
export const DEFAULT_MMP_INTERVAL = 5;
