import { allocate } from '../../../bytes/budget.ts';
import { CorruptError, UnsupportedError } from '../../../errors/index.ts';
import { COMPRESSED_HIGH, COPIED_HIGH, OFFSET_HIGH, OFFSET_LOW } from '../layout.ts';
import { readSnapshots, snapshotTableLength } from '../snapshots.ts';
import { TABLE } from './cache.ts';
import { markDirty } from './header-fields.ts';
import type { QcowWriter } from './writer.ts';

const WORD = 0x100000000;
/** Most clusters whose references are counted in memory: 256 MiB of counters. */
const MAX_CLUSTERS = 64 * 1024 * 1024;

/**
 * Count all references anew and put the refcounts right, for an image whose dirty bit says that a crash left them
 * out of date (lazy refcounts). The dirty bit goes when all is durable; a cut before leaves it.
 *
 * Throws CorruptError where two tables claim a cluster, UnsupportedError where the image is too large to be counted.
 */
export function rebuildRefcounts(writer: QcowWriter): void {
  const { file, header } = writer;
  const counts = countReferences(writer);
  apply(writer, counts, header.extensions.bitmaps);
  mendCopied(writer);
  writer.commit();
  markDirty(file, header, false);
  file.flush();
}

/**
 * Give back clusters that are counted and that nothing refers to, as a crash leaves them; returns how many. Of an image
 * with persistent bitmaps nothing is given back, as those have clusters of their own.
 *
 * Throws CorruptError where something is referred to more often than it is counted.
 */
export function freeLostClusters(writer: QcowWriter): number {
  const { header, refcounts, file } = writer;
  if (header.extensions.bitmaps) return 0;
  const counts = countReferences(writer);
  const total = Math.min(counts.length, refcounts.coverage);
  for (let cluster = 0; cluster < counts.length; cluster++) {
    const wanted = counts[cluster] as number;
    if (wanted <= (cluster < total ? refcounts.get(cluster) : 0)) continue;
    throw new CorruptError(
      'qcow2 refcount block',
      `cluster ${cluster} has ${wanted} references, and fewer are counted; "qemu-img check -r all" may repair it`,
      { offset: cluster * header.clusterSize },
    );
  }
  const lost: number[] = [];
  for (let cluster = 0; cluster < total; cluster++) {
    // One that is counted too often stays so: its count and the marks of what refers to it change together or not at all.
    if (counts[cluster] !== 0 || refcounts.get(cluster) === 0) continue;
    refcounts.set(cluster, 0);
    lost.push(cluster);
    writer.relieve();
  }
  writer.commit();
  for (const cluster of lost) file.release(cluster * header.clusterSize, header.clusterSize);
  return lost.length;
}

/** Let the file end with its last cluster that is counted. */
export function cutTail(writer: QcowWriter): void {
  const { file, header, refcounts } = writer;
  if (file.limit !== Infinity) return;
  let last = Math.ceil(file.size / header.clusterSize) - 1;
  while (last > 0 && refcounts.get(last) === 0) last--;
  const end = (last + 1) * header.clusterSize;
  if (end < file.size) file.resize(end);
}

/** Place that an entry of an L1 or L2 table points at. */
function offsetAt({ cache }: QcowWriter, at: number): number {
  return (cache.high(at) & OFFSET_HIGH) * WORD + ((cache.low(at) & OFFSET_LOW) >>> 0);
}

/** How often each cluster of the file is referred to. */
function countReferences(writer: QcowWriter): Uint32Array {
  const { file, header, refcounts } = writer;
  const clusterSize = header.clusterSize;
  const total = Math.ceil(file.size / clusterSize);
  if (total > MAX_CLUSTERS) {
    throw new UnsupportedError(
      `the image has ${total} clusters, more than ${MAX_CLUSTERS} whose references can be counted here; ` +
        '"qemu-img check -r all" can',
    );
  }
  const bytes = allocate(total * 4, 'qcow2 refcounts', MAX_CLUSTERS * 4);
  const counts = new Uint32Array(bytes.buffer, bytes.byteOffset, total);
  const count = (offset: number, length: number): void => {
    const last = Math.floor((offset + length - 1) / clusterSize);
    for (let cluster = Math.floor(offset / clusterSize); cluster <= last && cluster < total; cluster++) {
      counts[cluster] = (counts[cluster] as number) + 1;
    }
  };
  count(0, clusterSize);
  if (header.snapshotCount > 0) count(header.snapshotsOffset, snapshotTableLength(file, header));
  const snapshots = readSnapshots(file, header);
  for (const { l1Offset, l1Size } of [header, ...snapshots]) {
    if (l1Size > 0) count(l1Offset, l1Size * 8);
    for (let i = 0; i < l1Size; i++) {
      const table = offsetAt(writer, l1Offset + i * 8);
      if (table === 0) continue;
      count(table, clusterSize);
      countEntries(writer, table, count);
    }
  }
  // The refcount structures themselves, as they are now.
  const table = header.refcountTableOffset;
  count(table, header.refcountTableClusters * clusterSize);
  const blocks = (header.refcountTableClusters * clusterSize) / 8;
  for (let i = 0; i < blocks; i++) {
    const block = refcounts.blockOffset(i);
    if (block === 0) continue;
    count(block, clusterSize);
    if ((counts[block / clusterSize] as number) > 1) {
      throw new CorruptError(
        'qcow2 refcount block',
        `the block at ${block} is in a cluster that something else claims; "qemu-img check -r all" may repair it`,
        { offset: block },
      );
    }
  }
  return counts;
}

function countEntries(
  writer: QcowWriter,
  table: number,
  count: (offset: number, length: number) => void,
): void {
  const { cache, header, entries } = writer;
  const shift = 62 - (header.clusterBits - 8) - 32;
  for (let at = table; at < table + header.clusterSize; at += entries.entrySize) {
    const high = cache.high(at);
    const low = cache.low(at);
    if ((high & COMPRESSED_HIGH) !== 0) {
      const host = (high & (2 ** shift - 1)) * WORD + low;
      const sectors = (high & 0x3fffffff) >>> shift;
      count(host, (sectors + 1) * 512 - (host % 512));
      continue;
    }
    const host = (high & OFFSET_HIGH) * WORD + ((low & OFFSET_LOW) >>> 0);
    if (host !== 0 && !header.externalData) count(host, header.clusterSize);
  }
}

/** Give every cluster its count; new refcount blocks are made where there are none, in clusters that nothing uses. */
function apply(writer: QcowWriter, counts: Uint32Array, keepMore: boolean): void {
  const { refcounts } = writer;
  const missing: number[] = [];
  const covered = refcounts.coverage;
  if (counts.length > covered && counts.subarray(covered).some((value) => value > 0)) {
    throw new CorruptError(
      'qcow2 refcount table',
      `covers ${covered} clusters, but clusters behind them are in use; "qemu-img check -r all" may repair it`,
    );
  }
  for (let cluster = 0; cluster < Math.min(covered, counts.length); cluster++) {
    const block = Math.floor(cluster / refcounts.perBlock);
    if (refcounts.blockOffset(block) === 0) {
      // Left for when it is known which clusters are free.
      const end = Math.min(counts.length, (block + 1) * refcounts.perBlock);
      if (counts.subarray(cluster, end).some((value) => value > 0)) missing.push(block);
      cluster = end - 1;
      continue;
    }
    setCount(writer, cluster, counts[cluster] as number, keepMore);
    // In any order: the dirty bit says that they are not to be trusted.
    if (writer.cache.crowded) writer.cache.write(TABLE.REFCOUNT_BLOCK);
  }
  for (const block of missing) {
    refcounts.addBlock(block, (cluster) => (counts[cluster] ?? 0) === 0);
    const start = block * refcounts.perBlock;
    for (let i = start; i < Math.min(counts.length, start + refcounts.perBlock); i++) {
      if ((counts[i] as number) > 0) setCount(writer, i, counts[i] as number, true);
    }
  }
}

function setCount(writer: QcowWriter, cluster: number, wanted: number, keepMore: boolean): void {
  const { refcounts } = writer;
  const present = refcounts.get(cluster);
  if (present === wanted || (keepMore && present > wanted)) return;
  if (wanted > refcounts.most) {
    throw new CorruptError(
      'qcow2 refcount block',
      `cluster ${cluster} has ${wanted} references, more than ${refcounts.most} cannot be counted in this image`,
    );
  }
  refcounts.set(cluster, wanted);
}

/** Put the marks "is the only reference" of the active tables right. */
function mendCopied(writer: QcowWriter): void {
  const { cache, header, refcounts, entries } = writer;
  const { clusterSize } = header;
  const mend = (at: number, host: number, kind: typeof TABLE.L1 | typeof TABLE.L2): void => {
    const high = cache.high(at);
    const wanted = refcounts.get(host / clusterSize) === 1;
    if (((high & COPIED_HIGH) !== 0) === wanted) return;
    cache.set(at, (wanted ? high | COPIED_HIGH : high & ~COPIED_HIGH) >>> 0, cache.low(at), kind);
  };
  for (let i = 0; i < header.l1Size; i++) {
    const table = offsetAt(writer, header.l1Offset + i * 8);
    if (table === 0) continue;
    mend(header.l1Offset + i * 8, table, TABLE.L1);
    if (header.externalData) continue;
    for (let at = table; at < table + clusterSize; at += entries.entrySize) {
      if ((cache.high(at) & COMPRESSED_HIGH) !== 0) continue;
      const host = offsetAt(writer, at);
      if (host !== 0) mend(at, host, TABLE.L2);
    }
    writer.relieve();
  }
}
