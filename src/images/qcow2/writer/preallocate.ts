import type { QcowWriter } from './writer.ts';
import { STATE } from './entries.ts';

/**
 * Give every cluster of an empty image a place in the file, where it reads as zeroes. Returns those places, each as offset
 * and bytes; tables are between them.
 */
export function preallocateMetadata(writer: QcowWriter): [offset: number, length: number][] {
  const places: [number, number][] = [];
  const { entries, refcounts, header } = writer;
  const { clusterSize } = header;
  const total = Math.ceil(header.size / clusterSize);
  for (let cluster = 0; cluster < total;) {
    writer.relieve();
    const index = Math.floor(cluster / entries.perTable);
    const table = entries.ownTable(index);
    const stop = Math.min(total, (index + 1) * entries.perTable);
    const count = header.externalData ? stop - cluster : refcounts.allocate(stop - cluster);
    const first = header.externalData ? cluster : refcounts.first;
    for (let i = 0; i < count; i++) {
      const at = table + ((cluster + i) % entries.perTable) * entries.entrySize;
      if (entries.look(at) === STATE.ABSENT) entries.store(at, (first + i) * clusterSize);
    }
    places.push([first * clusterSize, count * clusterSize]);
    cluster += count;
  }
  writer.commit();
  writer.settle();
  return places;
}
