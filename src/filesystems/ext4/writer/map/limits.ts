import { RO_COMPAT_HUGE_FILE } from '../../features.ts';
import type { Geometry } from '../../superblock.ts';

/** Blocks that `i_blocks` can count: it has 32 bits and counts 512 bytes, or has 48 bits where there is huge_file. */
export function countableBlocks(geometry: Geometry): number {
  const most = geometry.roCompat & RO_COMPAT_HUGE_FILE ? 2 ** 48 - 1 : 2 ** 32 - 1;
  return Math.floor(most / (geometry.blockSize / 512));
}
