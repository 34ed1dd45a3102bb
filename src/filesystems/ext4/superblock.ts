import type { BlockDevice, Identity } from '../../block/device.ts';
import { crc32cRaw } from '../../bytes/crc32c.ts';
import { uuidText } from '../../bytes/guid.ts';
import { divideUp, isPowerOfTwo } from '../../bytes/round.ts';
import { decodeText } from '../../bytes/text.ts';
import { CorruptError, UnsupportedError } from '../../errors/index.ts';
import * as feature from './features.ts';
import {
  EXT_MAGIC,
  GOOD_OLD_INODE_SIZE,
  SUPERBLOCK_CHECKSUM_OFFSET,
  SUPERBLOCK_OFFSET,
  SuperBlock,
  type SuperBlockView,
} from './layout.ts';

/** What the superblock says, checked: every number here is safe to divide by, multiply with and loop over. */
export interface Geometry {
  readonly superBlock: SuperBlockView;
  /** Block that holds the superblock in use; the group descriptors follow it. */
  readonly superBlockPlace: number;
  /** Bytes, 1 KiB to 64 KiB. */
  readonly blockSize: number;
  readonly blocksCount: number;
  readonly inodesCount: number;
  readonly firstDataBlock: number;
  readonly firstInode: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly inodeSize: number;
  readonly descSize: number;
  readonly groupsCount: number;
  /** Blocks in a cluster; 1 without bigalloc. */
  readonly clusterRatio: number;
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;
  /** True if metadata_csum is set: everything carries a CRC-32C. */
  readonly checksums: boolean;
  /** Seed of all those checksums. */
  readonly checksumSeed: number;
}

/**
 * The superblock's 1024 bytes, or null where the device is too small or the magic is not there. `offset` is in
 * bytes: the primary one, or that of a copy.
 */
export function readSuperBlock(device: BlockDevice, offset = SUPERBLOCK_OFFSET): SuperBlockView | null {
  if (device.size < offset + SuperBlock.size) return null;
  const bytes = new Uint8Array(SuperBlock.size);
  device.readAt(offset, bytes);
  const view = SuperBlock.view(bytes);
  return view.s_magic === EXT_MAGIC ? view : null;
}

const EXT2_INCOMPAT = feature.INCOMPAT_FILETYPE | feature.INCOMPAT_META_BG;
const EXT3_INCOMPAT = EXT2_INCOMPAT | feature.INCOMPAT_RECOVER;
/** sparse_super, large_file and the never used btree_dir. */
const EXT3_RO_COMPAT = 0x7;
/** Bit of `s_flags` that marks a filesystem made for testing development code. */
const FLAG_TEST_FILESYS = 0x4;

/** Type as blkid(8) decides it: by what an ext2 or ext3 driver would understand. */
export function typeOf(view: SuperBlockView): 'ext2' | 'ext3' | 'ext4' | 'ext4dev' | 'jbd' {
  const { s_feature_compat: compat, s_feature_incompat: incompat, s_feature_ro_compat: roCompat } = view;
  if (incompat & feature.INCOMPAT_JOURNAL_DEV) return 'jbd';
  const journal = (compat & feature.COMPAT_HAS_JOURNAL) !== 0;
  if ((roCompat & ~EXT3_RO_COMPAT) === 0) {
    if (!journal && (incompat & ~EXT2_INCOMPAT) === 0) return 'ext2';
    if (journal && (incompat & ~EXT3_INCOMPAT) === 0) return 'ext3';
  }
  return view.s_flags & FLAG_TEST_FILESYS ? 'ext4dev' : 'ext4';
}

/** Bytes up to the first NUL as text. */
export function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeText(bytes, 0, end < 0 ? bytes.length : end);
}

/**
 * Recognise ext2, ext3 and ext4 by the superblock's magic. An external journal (`jbd`) is no filesystem and gives
 * null. A superblock whose checksum is wrong is still recognised, though blkid(8) is silent about it: opening it
 * then says what is wrong.
 */
export function probe(device: BlockDevice): Identity | null {
  const view = readSuperBlock(device);
  if (view === null) return null;
  const type = typeOf(view);
  if (type === 'jbd') return null;
  return identityOf(view, type);
}

function identityOf(view: SuperBlockView, type: string): Identity {
  const identity: Identity = { type, version: `${view.s_rev_level}.${view.s_minor_rev_level}` };
  const label = cString(view.s_volume_name).trimEnd();
  if (label !== '') identity.label = label;
  if (view.s_uuid.some((byte) => byte !== 0)) identity.uuid = uuidText(view.s_uuid);
  return identity;
}

/** Recognise an external journal device as blkid(8) names it: type `jbd`. */
export function probeJournalDevice(device: BlockDevice): Identity | null {
  const view = readSuperBlock(device);
  if (view === null || typeOf(view) !== 'jbd') return null;
  return identityOf(view, 'jbd');
}

function bad(field: string, found: number | string, expected: string): CorruptError {
  return new CorruptError('ext4_super_block', `${field} is ${found}, expected ${expected}`, {
    offset: SUPERBLOCK_OFFSET,
  });
}

/** Throws unless the superblock's checksum, where it has one, is right. */
function verifySuperBlock(view: SuperBlockView): void {
  if ((view.s_feature_ro_compat & feature.RO_COMPAT_METADATA_CSUM) === 0) return;
  if (view.s_checksum_type !== 1) {
    throw new UnsupportedError(
      `ext4 metadata checksums of type ${view.s_checksum_type}, only 1 (crc32c) is defined`,
    );
  }
  const computed = crc32cRaw(0xffffffff, view.bytes, 0, SUPERBLOCK_CHECKSUM_OFFSET);
  if (computed !== view.s_checksum) {
    throw new CorruptError(
      'ext4_super_block',
      `s_checksum is 0x${view.s_checksum.toString(16)}, the contents have 0x${computed.toString(16)};` +
        ' the mount option sb=8193 (blocks of 1 KiB) or sb=131072 (4 KiB) may find a copy',
      { offset: SUPERBLOCK_OFFSET, checksum: true },
    );
  }
}

/** Throws UnsupportedError naming every incompatible feature that this driver does not know. */
function checkFeatures(view: SuperBlockView): void {
  const unknown = view.s_feature_incompat & ~feature.INCOMPAT_SUPPORTED;
  if (unknown === 0) return;
  if (unknown & feature.INCOMPAT_JOURNAL_DEV) {
    throw new UnsupportedError('this is an external ext4 journal (journal_dev), it holds no files', {
      structure: 'ext4_super_block',
      offset: SUPERBLOCK_OFFSET,
    });
  }
  const bits = featureBits(unknown);
  throw new UnsupportedError(
    `ext4 filesystem has the incompatible feature ${feature.featureNames('incompat', unknown).join(', ')}` +
      ` (bit ${bits.join(', ')}), which is not known here`,
    { structure: 'ext4_super_block', offset: SUPERBLOCK_OFFSET },
  );
}

function featureBits(word: number): string[] {
  const bits: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    if ((word >>> bit) & 1) bits.push(`0x${((1 << bit) >>> 0).toString(16)}`);
  }
  return bits;
}

/**
 * Check the superblock against its specification and the device, and work out the geometry. Throws CorruptError
 * naming the field that cannot be, UnsupportedError for a feature that is not known.
 */
export function readGeometry(
  view: SuperBlockView,
  device: BlockDevice,
  offset = SUPERBLOCK_OFFSET,
): Geometry {
  verifySuperBlock(view);
  checkFeatures(view);
  const incompat = view.s_feature_incompat;
  const roCompat = view.s_feature_ro_compat;
  const is64Bit = (incompat & feature.INCOMPAT_64BIT) !== 0;

  if (view.s_log_block_size > 6) throw bad('s_log_block_size', view.s_log_block_size, '0 to 6');
  const blockSize = 1024 << view.s_log_block_size;

  const bigalloc = (roCompat & feature.RO_COMPAT_BIGALLOC) !== 0;
  if (bigalloc && (view.s_log_cluster_size < view.s_log_block_size || view.s_log_cluster_size > 20)) {
    throw bad('s_log_cluster_size', view.s_log_cluster_size, `${view.s_log_block_size} to 20`);
  }
  const clusterRatio = bigalloc ? 2 ** (view.s_log_cluster_size - view.s_log_block_size) : 1;

  const old = view.s_rev_level === 0;
  const inodeSize = old ? GOOD_OLD_INODE_SIZE : view.s_inode_size;
  if (!isPowerOfTwo(inodeSize) || inodeSize < GOOD_OLD_INODE_SIZE || inodeSize > blockSize) {
    throw bad('s_inode_size', inodeSize, `a power of two from 128 to ${blockSize}`);
  }
  const firstInode = old ? 11 : view.s_first_ino;
  if (firstInode < 11) throw bad('s_first_ino', firstInode, '11 or more');

  const descSize = is64Bit ? view.s_desc_size : 32;
  if (is64Bit && (!isPowerOfTwo(descSize) || descSize < 64 || descSize > 1024)) {
    throw bad('s_desc_size', descSize, 'a power of two from 64 to 1024');
  }

  const blocksPerGroup = view.s_blocks_per_group;
  const bitmapBits = blockSize * 8;
  if (blocksPerGroup === 0 || blocksPerGroup / clusterRatio > bitmapBits) {
    throw bad('s_blocks_per_group', blocksPerGroup, `1 to ${bitmapBits * clusterRatio}`);
  }
  if (bigalloc && view.s_clusters_per_group * clusterRatio !== blocksPerGroup) {
    throw bad('s_clusters_per_group', view.s_clusters_per_group, `${blocksPerGroup / clusterRatio}`);
  }
  const inodesPerGroup = view.s_inodes_per_group;
  if (inodesPerGroup < blockSize / inodeSize || inodesPerGroup > bitmapBits) {
    throw bad('s_inodes_per_group', inodesPerGroup, `${blockSize / inodeSize} to ${bitmapBits}`);
  }

  const high = is64Bit ? view.s_blocks_count_hi : 0;
  if (high > 0xffff) throw bad('s_blocks_count_hi', high, 'at most 65535');
  const blocksCount = high * 0x100000000 + view.s_blocks_count_lo;
  const deviceBlocks = Math.floor(device.size / blockSize);
  if (blocksCount > deviceBlocks) {
    throw bad(
      's_blocks_count',
      blocksCount,
      `at most the device's ${deviceBlocks} blocks of ${blockSize} bytes`,
    );
  }
  const firstDataBlock = view.s_first_data_block;
  if (
    firstDataBlock >= blocksCount ||
    firstDataBlock > 1 ||
    (firstDataBlock === 1) !== (blockSize === 1024)
  ) {
    const allowed = bigalloc && blockSize === 1024 && firstDataBlock === 0 && blocksCount > 0;
    if (!allowed) throw bad('s_first_data_block', firstDataBlock, blockSize === 1024 ? '1' : '0');
  }

  const groupsCount = divideUp(blocksCount - firstDataBlock, blocksPerGroup);
  if (groupsCount * inodesPerGroup !== view.s_inodes_count) {
    throw bad('s_inodes_count', view.s_inodes_count, `${groupsCount} groups of ${inodesPerGroup}`);
  }

  const checksums = (roCompat & feature.RO_COMPAT_METADATA_CSUM) !== 0;
  return {
    superBlock: view,
    superBlockPlace: Math.floor(offset / blockSize),
    blockSize,
    blocksCount,
    inodesCount: view.s_inodes_count,
    firstDataBlock,
    firstInode,
    blocksPerGroup,
    inodesPerGroup,
    inodeSize,
    descSize,
    groupsCount,
    clusterRatio,
    compat: view.s_feature_compat,
    incompat,
    roCompat,
    checksums,
    checksumSeed:
      (incompat & feature.INCOMPAT_CSUM_SEED) !== 0
        ? view.s_checksum_seed
        : crc32cRaw(0xffffffff, view.s_uuid),
  };
}
