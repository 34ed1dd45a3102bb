import { clusterOffset } from '../directory.ts';
import { FIRST_CLUSTER } from '../geometry.ts';
import { FREE } from '../table.ts';
import type { FatVolume } from '../volume.ts';

/** Bytes zeroed between two reports of progress. */
const STEP = 16 * 1024 * 1024;

/** Runs of free clusters, as byte ranges of the device. */
function* freeRuns({ table, geometry, device }: FatVolume): Generator<{ offset: number; length: number }> {
  const end = geometry.clusterCount + FIRST_CLUSTER;
  for (let cluster = FIRST_CLUSTER; ;) {
    cluster = table.findFree(cluster, end);
    if (cluster >= end) return;
    let next = cluster + 1;
    while (next < end && table.value(next) === FREE) next++;
    const offset = clusterOffset(geometry, cluster);
    const length = Math.min((next - cluster) * geometry.clusterSize, device.size - offset);
    if (length > 0) yield { offset, length };
    cluster = next;
  }
}

/** Discard free clusters within a range of the device, runs of at least `minimum` bytes; returns the bytes discarded. */
export function trimFree(volume: FatVolume, start: number, length: number, minimum: number): number {
  const { clusterSize } = volume.geometry;
  let discarded = 0;
  for (const run of freeRuns(volume)) {
    // Whole clusters of what is left of the run within the range.
    const before = Math.max(0, start - run.offset);
    const from = run.offset + Math.ceil(before / clusterSize) * clusterSize;
    const end = Math.min(run.offset + run.length, start + length);
    const bytes = Math.floor((end - from) / clusterSize) * clusterSize;
    if (bytes <= 0 || bytes < minimum) continue;
    volume.device.discard(from, bytes);
    discarded += bytes;
  }
  return discarded;
}

/** Write zeroes into free clusters; what is a hole already stays one. */
export function zeroFree(volume: FatVolume, progress: (done: number, total: number) => void): void {
  const { device, geometry } = volume;
  const total = geometry.clusterCount * geometry.clusterSize;
  for (const run of freeRuns(volume)) {
    for (const extent of device.extents(run.offset, run.length)) {
      if (extent.kind !== 'data') continue;
      for (let done = 0; done < extent.length; done += STEP) {
        device.zero(extent.offset + done, Math.min(STEP, extent.length - done));
        progress(Math.min(total, extent.offset + done - geometry.dataOffset), total);
      }
    }
  }
  progress(total, total);
}
