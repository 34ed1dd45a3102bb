import type { BlockDevice } from '../../../block/device.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { Committer } from '../check/commit.ts';
import { assertSoundDescriptors } from '../check/sound.ts';
import { sealSuperBlock, writeSuperBlock } from '../check/superblock-write.ts';
import { Volume } from '../check/volume.ts';
import { COMPAT_HAS_JOURNAL, INCOMPAT_CSUM_SEED, RO_COMPAT_GDT_CSUM } from '../features.ts';
import { groupFirstBlock, groupHasSuper } from '../groups.ts';
import { SuperBlock } from '../layout.ts';
import { readSuperBlock, type Geometry } from '../superblock.ts';
import { openForTuning } from './open.ts';

/**
 * Give a filesystem that is not mounted another UUID, of 16 bytes. Durable when it returns; a crash leaves the old or
 * the new one.
 *
 * With metadata checksums the UUID is their seed. Rewriting every checksum could not be done at once, so the old seed
 * is kept beside the new UUID instead: the feature metadata_csum_seed, which Linux knows since 4.4, tune2fs(8) sets
 * for the same purpose, and GRUB before 2.12 does not know. The journal keeps its own UUID, which is of no use to anyone
 * but its checksums. With uninit_bg the descriptors are rewritten, through the journal where there is one.
 *
 * Returns true if metadata_csum_seed was newly set. Throws EINVAL for an external journal in use, and as tuneExt.
 */
export function setExtUuid(device: BlockDevice, uuid: Uint8Array): boolean {
  if (uuid.length !== 16) {
    throw new GuestfsError('EINVAL', `the UUID has ${uuid.length} bytes, expected 16`);
  }
  const { view, geometry } = openForTuning(device);
  if (geometry.compat & COMPAT_HAS_JOURNAL && view.s_journal_inum === 0) {
    throw new GuestfsError(
      'EINVAL',
      'the journal of this filesystem is on another device and knows it by its UUID, which cannot be changed here',
    );
  }
  if ((geometry.roCompat & RO_COMPAT_GDT_CSUM) !== 0 && !geometry.checksums) {
    return withDescriptors(device, geometry, uuid);
  }
  const old = view.bytes.slice(view.base, view.base + SuperBlock.size);
  const seeds = geometry.checksums && (geometry.incompat & INCOMPAT_CSUM_SEED) === 0;
  if (seeds) {
    view.s_checksum_seed = geometry.checksumSeed;
    view.s_feature_incompat |= INCOMPAT_CSUM_SEED;
  }
  view.s_uuid = uuid;
  const next = view.bytes.slice(view.base, view.base + SuperBlock.size);
  writeSuperBlock(device, old, next);
  device.flush();
  writeCopies(device, geometry, next);
  return seeds;
}

/** Checksums of group descriptors begin with the UUID: all of them change with it. */
function withDescriptors(device: BlockDevice, geometry: Geometry, uuid: Uint8Array): false {
  const volume = new Volume(device, geometry);
  assertSoundDescriptors(volume);
  // It finds the journal by descriptors whose checksums are still those of the old UUID.
  const committer = new Committer(volume, { loose: true });
  volume.superBlock.s_uuid = uuid;
  for (let group = 0; group < geometry.groupsCount; group++) volume.descriptors.dirty.add(group);
  committer.commit();
  committer.finish();
  writeCopies(device, geometry, volume.superBytes);
  return false;
}

/** Bring the copies of the superblock up to date, one after the other; the primary one is durable already. */
function writeCopies(device: BlockDevice, geometry: Geometry, primary: Uint8Array): void {
  const view = SuperBlock.view(primary.slice());
  for (let group = 1; group < geometry.groupsCount; group++) {
    if (!groupHasSuper(geometry, group)) continue;
    const offset = groupFirstBlock(geometry, group) * geometry.blockSize;
    const copy = readSuperBlock(device, offset);
    if (copy === null) continue;
    view.s_block_group_nr = copy.s_block_group_nr;
    view.s_state = copy.s_state;
    sealSuperBlock(view.bytes);
    device.writeAt(offset, view.bytes);
  }
  device.flush();
}
