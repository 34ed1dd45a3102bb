import { GuestfsError } from '../../../errors/index.ts';
import { groupFirstBlock } from '../groups.ts';
import { nextClear, nextSet } from './bits.ts';
import type { WriterSession } from './session.ts';

/** Bytes zeroed between two reports of progress. */
const STEP = 64 * 1024 * 1024;

/** Runs of free blocks, in order, after everything was committed: `[first block, blocks]`. */
function* freeRuns(session: WriterSession): Iterable<readonly [number, number]> {
  const { bitmaps, geometry } = session.core;
  for (let group = 0; group < geometry.groupsCount; group++) {
    const map = bitmaps.block(group);
    const clusters = bitmaps.clustersOf(group);
    const first = groupFirstBlock(geometry, group);
    for (let bit = nextClear(map, 0, clusters); bit < clusters;) {
      const end = nextSet(map, bit, clusters);
      const block = first + bit * geometry.clusterRatio;
      yield [block, Math.min((end - bit) * geometry.clusterRatio, geometry.blocksCount - block)];
      bit = nextClear(map, end, clusters);
    }
  }
}

/** Discard free space as FITRIM does; all of it must be free for good, so that everything is committed first. */
export function trim(session: WriterSession, start: number, length: number, minimum: number): number {
  const { blockSize, blocksCount, firstDataBlock } = session.core.geometry;
  if (start >= blocksCount * blockSize) {
    throw new GuestfsError(
      'EINVAL',
      `trim from ${start} is beyond the filesystem of ${blocksCount * blockSize} bytes`,
    );
  }
  session.commit();
  // Of a transaction whose places were just written, the log must not be needed any more when they are given away.
  session.device.flush();
  const from = Math.max(firstDataBlock, Math.ceil(start / blockSize));
  const to = Math.min(blocksCount, Math.floor((start + length) / blockSize));
  const least = Math.max(1, Math.ceil(minimum / blockSize));
  let discarded = 0;
  for (const [block, count] of freeRuns(session)) {
    const first = Math.max(block, from);
    const end = Math.min(block + count, to);
    if (end - first < least) continue;
    session.device.discard(first * blockSize, (end - first) * blockSize);
    discarded += (end - first) * blockSize;
  }
  return discarded;
}

/** Write zeroes into all free space, where it does not read as zeroes without being stored. */
export function zeroFreeSpace(session: WriterSession, progress: (done: number, total: number) => void): void {
  session.commit();
  session.device.flush();
  const { blockSize, clusterRatio } = session.core.geometry;
  const total = session.core.superBlock.freeClusters * clusterRatio * blockSize;
  let done = 0;
  for (const [block, count] of freeRuns(session)) {
    const end = (block + count) * blockSize;
    for (let at = block * blockSize; at < end;) {
      const length = Math.min(STEP, end - at);
      for (const extent of session.device.extents(at, length)) {
        if (extent.kind === 'data') session.device.zero(extent.offset, extent.length);
      }
      at += length;
      done += length;
      progress(Math.min(done, total), total);
    }
  }
  session.device.flush();
}
