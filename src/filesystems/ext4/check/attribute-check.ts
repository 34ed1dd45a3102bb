import { crc32cRaw } from '../../../bytes/crc32c.ts';
import { CorruptError } from '../../../errors/index.ts';
import { crcOfU32, crcOfZeroes } from '../checksum.ts';
import { GOOD_OLD_INODE_SIZE, Inode, XATTR_BLOCK_HEADER_SIZE, XATTR_MAGIC } from '../layout.ts';
import { readXattrEntries } from '../xattr.ts';
import type { CheckState } from './state.ts';
import type { TableInode, Volume } from './volume.ts';

/** Offsets in `struct ext4_xattr_header`. */
export const H_REFCOUNT = 4;
const H_CHECKSUM = 16;

/** Put the checksum of an attribute block right: it covers the block's own number. */
export function sealAttributeBlock(volume: Volume, block: number): void {
  if (!volume.geometry.checksums) return;
  volume.blocks.change(block).view.setUint32(H_CHECKSUM, attributeChecksum(volume, block), true);
}

function attributeChecksum(volume: Volume, block: number): number {
  const { bytes } = volume.blocks.read(block);
  let crc = crcOfU32(volume.geometry.checksumSeed, block % 0x100000000);
  crc = crcOfU32(crc, Math.floor(block / 0x100000000));
  crc = crc32cRaw(crc, bytes, 0, H_CHECKSUM);
  crc = crcOfZeroes(crc, 4);
  return crc32cRaw(crc, bytes, H_CHECKSUM + 4);
}

/**
 * Count the attribute block of an inode and the inodes that its values are in. Returns the clusters of those values,
 * which count as the inode's own.
 */
export function checkAttributes(state: CheckState, inode: TableInode, block: number): number {
  const { volume } = state;
  const owner = `attributes of inode ${inode.number}`;
  const clusterSize = volume.geometry.blockSize * volume.geometry.clusterRatio;
  let clusters = 0;
  const use = (entries: readonly { valueInode: number; valueSize: number }[]): void => {
    for (const { valueInode, valueSize } of entries) {
      if (valueInode === 0) continue;
      clusters += Math.ceil(valueSize / clusterSize);
      state.attributeInodes.set(valueInode, (state.attributeInodes.get(valueInode) ?? 0) + 1);
    }
  };
  try {
    const extra =
      volume.geometry.inodeSize > GOOD_OLD_INODE_SIZE
        ? inode.view.getUint16(inode.base + Inode.i_extra_isize, true)
        : 0;
    const at = inode.base + GOOD_OLD_INODE_SIZE + extra;
    const end = inode.base + volume.geometry.inodeSize;
    if (extra > 0 && at + 4 <= end && inode.view.getUint32(at, true) === XATTR_MAGIC) {
      use(readXattrEntries(inode.bytes, at + 4, end, at + 4, owner));
    }
    if (block === 0) return clusters;
    const known = state.attributeBlocks.get(block);
    const { bytes, view } = volume.blocks.read(block);
    if (view.getUint32(0, true) !== XATTR_MAGIC) {
      throw new CorruptError('ext4_xattr_header', `${owner}: block ${block} has no magic`);
    }
    use(readXattrEntries(bytes, XATTR_BLOCK_HEADER_SIZE, bytes.length, 0, owner));
    if (known !== undefined) {
      known.references++;
      return clusters;
    }
    state.attributeBlocks.set(block, { references: 1, stored: view.getUint32(H_REFCOUNT, true) });
    if (!state.clusters.add(state.clusterOf(block))) {
      state.found('duplicate-block', `attribute block ${block} is held by something else too`);
    }
    if (volume.geometry.checksums && attributeChecksum(volume, block) !== view.getUint32(H_CHECKSUM, true)) {
      state.found('attribute-checksum', `attribute block ${block} has a wrong checksum`, () =>
        sealAttributeBlock(volume, block),
      );
    }
  } catch (error) {
    if (!(error instanceof CorruptError)) throw error;
    state.found('attributes', error.message);
  }
  return clusters;
}

/** Compare how often attribute blocks are used with what they say. */
export function checkAttributeReferences(state: CheckState): void {
  const { volume } = state;
  for (const [block, { references, stored }] of state.attributeBlocks) {
    if (references === stored) continue;
    state.found(
      'attribute-references',
      `attribute block ${block} counts ${stored} references, there are ${references}`,
      () => {
        volume.blocks.change(block).view.setUint32(H_REFCOUNT, references, true);
        sealAttributeBlock(volume, block);
      },
    );
  }
}
