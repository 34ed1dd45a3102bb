import { CorruptError } from '../../../errors/index.ts';
import { GROUP_BLOCK_UNINIT, GROUP_INODE_UNINIT, groupChecksum, hasGroupChecksums } from './descriptors.ts';
import { inodeTableBlocks } from './places.ts';
import type { Volume } from './volume.ts';

/**
 * Throws CorruptError where a group's descriptor has a wrong checksum or leads out of the filesystem: nothing may be
 * written by it then.
 */
export function assertSoundDescriptors(volume: Volume): void {
  const { geometry, descriptors } = volume;
  const { firstDataBlock, blocksCount, groupsCount, descSize } = geometry;
  const places = [
    ['bg_block_bitmap', 1],
    ['bg_inode_bitmap', 1],
    ['bg_inode_table', inodeTableBlocks(geometry)],
  ] as const;
  for (let group = 0; group < groupsCount; group++) {
    if (hasGroupChecksums(geometry)) {
      const computed = groupChecksum(geometry, group, descriptors.bytes, group * descSize);
      const stored = descriptors.checksum(group);
      if (computed !== stored) {
        throw unsound('ext4_group_desc', `bg_checksum of group ${group}`, stored, computed);
      }
    }
    for (const [name, count] of places) {
      const block = descriptors.get(group, name);
      if (block > firstDataBlock && block + count <= blocksCount) continue;
      throw new CorruptError(
        'ext4_group_desc',
        `${name} of group ${group} is block ${block}, expected ${firstDataBlock + 1} to ${blocksCount - count}; e2fsck must repair it first`,
      );
    }
  }
}

/** Throws CorruptError where the checksum of a bitmap is wrong. */
export function assertSoundBitmaps(volume: Volume): void {
  const { geometry, descriptors, blocks } = volume;
  if (!geometry.checksums) return;
  const kinds = [
    ['block', 'bg_block_bitmap', 'bg_block_bitmap_csum', GROUP_BLOCK_UNINIT],
    ['inode', 'bg_inode_bitmap', 'bg_inode_bitmap_csum', GROUP_INODE_UNINIT],
  ] as const;
  for (let group = 0; group < geometry.groupsCount; group++) {
    for (const [kind, place, sum, uninitialised] of kinds) {
      if (descriptors.flags(group) & uninitialised) continue;
      const computed = volume.bitmapChecksum(kind, blocks.read(descriptors.get(group, place)).bytes);
      const stored = descriptors.get(group, sum);
      if (computed !== stored) {
        throw unsound(
          `${kind} bitmap`,
          `the checksum of the ${kind} bitmap of group ${group}`,
          stored,
          computed,
        );
      }
    }
  }
}

function unsound(structure: string, what: string, stored: number, computed: number): CorruptError {
  return new CorruptError(
    structure,
    `${what} is 0x${stored.toString(16)}, the contents have 0x${computed.toString(16)}; e2fsck must repair it first`,
    { checksum: true },
  );
}
