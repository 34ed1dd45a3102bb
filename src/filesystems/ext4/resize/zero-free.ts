import type { BlockDevice } from '../../../block/device.ts';
import { blankRuns } from '../../../block/file-blank.ts';
import { GuestfsError } from '../../../errors/index.ts';
import { INCOMPAT_RECOVER } from '../features.ts';
import { groupFirstBlock } from '../groups.ts';
import { noSuperBlock } from '../check/index.ts';
import { blocksInGroup } from '../check/places.ts';
import { assertSoundBitmaps, assertSoundDescriptors } from '../check/sound.ts';
import { Volume } from '../check/volume.ts';
import { readGeometry, readSuperBlock } from '../superblock.ts';

/** Bytes looked at once. */
const PIECE_BYTES = 1 << 20;

/** How far it has come. */
export interface ZeroFreeOptions {
  progress?: (done: number, total: number) => void;
  /** Throws where the user has cancelled. */
  checkCancelled?: () => void;
}

/**
 * Write zeroes into the free blocks of ext2, ext3 or ext4 that hold something else; holes are left alone. Returns the
 * bytes that were written. Throws EINVAL where a journal waits to be replayed: what it holds says what is free.
 */
export function zeroFree(device: BlockDevice, options: ZeroFreeOptions = {}): number {
  const view = readSuperBlock(device);
  if (view === null) throw noSuperBlock();
  const geometry = readGeometry(view, device);
  if (geometry.incompat & INCOMPAT_RECOVER) {
    throw new GuestfsError(
      'EINVAL',
      'the journal has not been replayed: check the filesystem first, with e2fsck',
    );
  }
  const volume = new Volume(device, geometry);
  assertSoundDescriptors(volume);
  assertSoundBitmaps(volume);
  const { blockSize, clusterRatio } = geometry;
  const buffer = new Uint8Array(Math.max(PIECE_BYTES, blockSize));
  let written = 0;
  for (let group = 0; group < geometry.groupsCount; group++) {
    options.checkCancelled?.();
    const bitmap = volume.blockBitmap(group);
    const first = groupFirstBlock(geometry, group);
    const size = blocksInGroup(geometry, group);
    const used = (block: number): boolean => {
      const bit = Math.floor(block / clusterRatio);
      return (bitmap[bit >>> 3]! & (1 << (bit & 7))) !== 0;
    };
    for (let block = 0; block < size;) {
      if (used(block)) {
        block++;
        continue;
      }
      let end = block + 1;
      while (end < size && !used(end)) end++;
      written += zeroRun(device, (first + block) * blockSize, (end - block) * blockSize, blockSize, buffer);
      block = end;
    }
    options.progress?.(group + 1, geometry.groupsCount);
  }
  device.flush();
  return written;
}

function zeroRun(
  device: BlockDevice,
  offset: number,
  length: number,
  blockSize: number,
  buffer: Uint8Array,
): number {
  let written = 0;
  for (const extent of device.extents(offset, length)) {
    if (extent.kind !== 'data') continue;
    const end = extent.offset + extent.length;
    for (let at = extent.offset; at < end;) {
      const piece = buffer.subarray(0, Math.min(buffer.length, end - at));
      device.readAt(at, piece);
      for (const run of blankRuns(piece, blockSize)) {
        if (run.blank) continue;
        device.zero(at + run.at, run.end - run.at);
        written += run.end - run.at;
      }
      at += piece.length;
    }
  }
  return written;
}
