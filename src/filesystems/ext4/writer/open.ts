import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError, UnsupportedError } from '../../../errors/index.ts';
import * as feature from '../features.ts';
import { SUPERBLOCK_OFFSET } from '../layout.ts';
import type { Geometry } from '../superblock.ts';

/** Features that an old driver may read past, and this one writes. Bit 0x4 is the never used btree_dir. */
const RO_COMPAT_WRITTEN =
  0x4 |
  feature.RO_COMPAT_SPARSE_SUPER |
  feature.RO_COMPAT_LARGE_FILE |
  feature.RO_COMPAT_HUGE_FILE |
  feature.RO_COMPAT_GDT_CSUM |
  feature.RO_COMPAT_DIR_NLINK |
  feature.RO_COMPAT_EXTRA_ISIZE |
  feature.RO_COMPAT_QUOTA |
  feature.RO_COMPAT_BIGALLOC |
  feature.RO_COMPAT_METADATA_CSUM |
  feature.RO_COMPAT_PROJECT |
  feature.RO_COMPAT_VERITY |
  feature.RO_COMPAT_ORPHAN_PRESENT;

/** Bit of `s_state`: errors were found. */
const STATE_ERRORS = 0x2;
/** `mmp_magic`, and `mmp_seq` while nobody uses the filesystem. */
const MMP_MAGIC = 0x004d4d50;
const MMP_CLEAN = 0xff4d4d50;

function refused(why: string): GuestfsError {
  return new GuestfsError('EROFS', `the ext4 filesystem cannot be written: ${why}`);
}

/**
 * Throws EROFS, or ENOTSUP for a journal on another device, where a filesystem must not be written; the message says
 * why.
 */
export function assertWritable(device: BlockDevice, geometry: Geometry): void {
  if (!device.writable) throw refused('its device is read-only');
  const { superBlock, roCompat, compat, incompat } = geometry;
  if (geometry.superBlockPlace !== Math.floor(SUPERBLOCK_OFFSET / geometry.blockSize)) {
    throw refused('it was opened by a copy of its superblock (mount option sb=)');
  }
  if (roCompat & feature.RO_COMPAT_READONLY) throw refused('it has the feature read-only');
  if (roCompat & feature.RO_COMPAT_SHARED_BLOCKS) {
    throw refused('files share blocks in it (feature shared_blocks)');
  }
  const unknown = (roCompat & ~RO_COMPAT_WRITTEN) >>> 0;
  if (unknown !== 0) {
    throw refused(
      `it has the feature ${feature.featureNames('ro_compat', unknown).join(', ')} (ro_compat 0x${unknown.toString(16)}),` +
        ' which is not known here',
    );
  }
  if (superBlock.s_state & STATE_ERRORS) {
    throw refused('errors were found in it (s_state has the error bit), e2fsck must repair it first');
  }
  if (compat & feature.COMPAT_HAS_JOURNAL && superBlock.s_journal_inum === 0) {
    throw new UnsupportedError(
      'the ext4 filesystem has its journal on another device, it cannot be written here',
    );
  }
  if (incompat & feature.INCOMPAT_MMP) assertNobodyElse(device, geometry);
}

/** Multiple mount protection: a block that whoever uses the filesystem keeps changing. */
function assertNobodyElse(device: BlockDevice, geometry: Geometry): void {
  const place = geometry.superBlock.s_mmp_block;
  if (place === 0) return;
  if (place <= geometry.firstDataBlock || place >= geometry.blocksCount) {
    throw refused(`s_mmp_block is ${place}, expected a block of the filesystem`);
  }
  const bytes = new Uint8Array(512);
  device.readAt(place * geometry.blockSize, bytes);
  const view = new DataView(bytes.buffer);
  const magic = view.getUint32(0, true);
  const sequence = view.getUint32(4, true);
  if (magic !== MMP_MAGIC) throw refused(`mmp_magic in block ${place} is 0x${magic.toString(16)}`);
  if (sequence !== MMP_CLEAN) {
    throw refused(
      `it may be in use on another node: its multiple mount protection says 0x${sequence.toString(16)}, not clean;` +
        ' e2fsck or tune2fs -f -E clear_mmp clears that',
    );
  }
}
