import { GuestfsError } from '../../../errors/index.ts';
import { TABLE } from './cache.ts';
import { MAX_L1_BYTES } from '../layout.ts';
import { writeSizeAndL1 } from './header-fields.ts';
import type { QcowWriter } from './writer.ts';

/**
 * Make the L1 table large enough for a disk of `size` bytes, in another place where it must move; the disk keeps its size.
 * The new table is durable before the header refers to it; nothing waits in memory afterwards. Throws EFBIG where no table can be so large.
 */
export function moveL1(writer: QcowWriter, size: number): void {
  const { header, entries, refcounts, cache, file } = writer;
  const { clusterSize, l1Offset, l1Size } = header;
  const needed = Math.ceil(size / (entries.perTable * clusterSize));
  if (needed <= l1Size) return;
  if (needed * 8 > MAX_L1_BYTES) {
    throw new GuestfsError(
      'EFBIG',
      `a disk of ${size} bytes with clusters of ${clusterSize} bytes needs an L1 table of ${needed} entries, expected at ` +
        `most ${MAX_L1_BYTES / 8}; convert the image to larger clusters`,
    );
  }
  writer.commit();
  const clusters = Math.ceil((needed * 8) / clusterSize);
  refcounts.allocate(clusters, true);
  const place = refcounts.first * clusterSize;
  const content = new Uint8Array(clusters * clusterSize);
  cache.copy(l1Offset, content.subarray(0, l1Size * 8));
  cache.fill(place, content.length, TABLE.L1, content);
  writer.commit();
  writeSizeAndL1(file, header, { size: header.size, l1Offset: place, l1Size: needed });
  file.flush();
  refcounts.moved();
  if (l1Size > 0) {
    refcounts.release(l1Offset / clusterSize, Math.ceil((l1Size * 8) / clusterSize));
    writer.settle();
  }
}
