import type { BlockDevice, Extent } from '../../../block/device.ts';
import type { GrowingFile } from '../../../block/file-growing.ts';
import { roundUp } from '../../../bytes/round.ts';
import type { QcowImageHeader } from '../header.ts';
import { ClusterMap } from '../map.ts';
import { QcowReader, readOrZero } from '../reader.ts';
import { readSnapshots } from '../snapshots.ts';
import { TABLE, TableCache } from './cache.ts';
import { Entries, STATE, type State } from './entries.ts';
import { clearAutoclear, refuseWriting } from './header-fields.ts';
import { PackedArea } from './packed.ts';
import { Refcounts, type ClusterRange } from './refcounts.ts';

/** Largest piece that is put together in memory, where it is not a whole cluster that is larger. */
const SCRATCH = 256 * 1024;

/** Where a writable qcow2 image's bytes are. */
export interface WriterParts {
  file: GrowingFile;
  /** The external data file, if the image uses one. */
  data: GrowingFile | undefined;
  /** Never written to. */
  backing: BlockDevice | undefined;
}

/**
 * A qcow2 image that is written to in place.
 *
 * Data go to the file at once; tables are kept and reach it at a flush or when many have changed, in this order, each
 * step durable before the next: data and refcounts, the refcount table, L2 tables, the L1 table. What is no longer
 * referred to is counted down and given out again only after that. So a cut at any point leaves an image in which
 * everything that is referred to is counted and holds what was written; at worst clusters are counted that nothing
 * refers to.
 */
export class QcowWriter implements BlockDevice {
  readonly size: number;
  readonly sectorSize = 512;
  readonly writable = true;
  readonly header: QcowImageHeader;
  readonly file: GrowingFile;
  readonly backing: BlockDevice | undefined;
  readonly cache: TableCache;
  readonly refcounts: Refcounts;
  readonly entries: Entries;
  /** Where the clusters are: the image file itself, or the external data file. */
  readonly data: GrowingFile;
  readonly #reader: QcowReader;
  readonly #clusterSize: number;
  readonly #subclusterSize: number;
  readonly #scratch: Uint8Array;
  #packed: PackedArea | undefined;
  /** The image was changed since it was opened, and what must be said of that is said. */
  #touched = false;
  /** Something was written since the last flush. */
  #unflushed = false;

  constructor(parts: WriterParts, header: QcowImageHeader) {
    refuseWriting(header);
    this.header = header;
    this.size = header.size;
    this.file = parts.file;
    this.backing = parts.backing;
    this.data = parts.data ?? parts.file;
    this.#clusterSize = header.clusterSize;
    this.#subclusterSize = header.extendedL2 ? header.clusterSize / 32 : header.clusterSize;
    this.#scratch = new Uint8Array(Math.max(SCRATCH, header.clusterSize));
    this.cache = new TableCache(parts.file);
    const fixed = snapshotClusters(parts.file, header);
    this.refcounts = new Refcounts(parts.file, header, this.cache, () => [
      [0, 0],
      clusters(header.refcountTableOffset, header.refcountTableClusters * header.clusterSize, header),
      clusters(header.l1Offset, header.l1Size * 8, header),
      ...fixed,
    ]);
    this.entries = new Entries(header, this.cache, this.refcounts);
    this.#reader = new QcowReader(parts, header, header, header.size, 0, {
      tables: this.cache,
      bounds: this.refcounts,
    });
  }

  readAt(offset: number, into: Uint8Array): void {
    this.#packed?.flush();
    this.#reader.readAt(offset, into);
  }

  extents(offset: number, length: number): Iterable<Extent> {
    return this.#reader.extents(offset, length);
  }

  writeAt(offset: number, from: Uint8Array): void {
    this.#touch();
    // A part of a cluster that was just compressed may be kept.
    this.#packed?.flush();
    const end = offset + from.length;
    for (let at = offset; at < end;) {
      this.relieve();
      at = this.#writeRun(at, offset, from, end);
    }
  }

  /** Write the tables out where many have changed. Between two changes only. */
  relieve(): void {
    if (this.cache.crowded || this.refcounts.crowded) this.commit();
  }

  /** The image is about to be changed. */
  #touch(): void {
    this.#unflushed = true;
    if (this.#touched) return;
    clearAutoclear(this.file, this.header);
    this.#touched = true;
  }

  /** Write one run of clusters that are in the same state, from `at` on; returns where it ends. */
  #writeRun(at: number, offset: number, from: Uint8Array, end: number): number {
    const { entries } = this;
    const size = this.#clusterSize;
    const cluster = Math.floor(at / size);
    const index = Math.floor(cluster / entries.perTable);
    const table = entries.ownTable(index);
    const stop = Math.min(end, (index + 1) * entries.perTable * size);
    const entry = table + (cluster - index * entries.perTable) * entries.entrySize;
    const state = entries.look(entry);
    const part = (to: number): Uint8Array => from.subarray(at - offset, to - offset);
    if (state === STATE.OWN && (!this.header.extendedL2 || entries.allocatedBits === 0xffffffff)) {
      const { host } = entries;
      const reached = this.#ownRun(entry, host, at, stop);
      this.data.writeAt(host + (at % size), part(reached));
      return reached;
    }
    const wholeEnd = this.#wholeEnd(at, stop);
    if (this.header.extendedL2 && (at % size !== 0 || wholeEnd === at)) {
      const reached = Math.min(stop, (cluster + 1) * size);
      this.#writeSubclusters(entry, state, at, part(reached));
      return reached;
    }
    if (state === STATE.RESERVED || state === STATE.OWN) {
      const reached = Math.min(stop, (cluster + 1) * size);
      this.#fillClusters(entries.host, 1, at, part(reached), false);
      entries.store(entry, entries.host);
      return reached;
    }
    return this.#writeNew(entry, at, this.header.extendedL2 ? wholeEnd : stop, part);
  }

  /** End of the last cluster that a write from `at` to `stop` covers in full, where `at` begins one. */
  #wholeEnd(at: number, stop: number): number {
    if (stop === this.size) return stop;
    return Math.max(at, stop - (stop % this.#clusterSize));
  }

  /** How far clusters go on that are written in place and follow each other in the file. */
  #ownRun(entry: number, host: number, at: number, stop: number): number {
    const { entries } = this;
    const size = this.#clusterSize;
    let reached = at - (at % size) + size;
    this.#mend(entry, host);
    for (let next = 1; reached < stop; next++, reached += size) {
      const nextEntry = entry + next * entries.entrySize;
      if (entries.look(nextEntry) !== STATE.OWN || entries.host !== host + next * size) break;
      if (this.header.extendedL2 && entries.allocatedBits !== 0xffffffff) break;
      this.#mend(nextEntry, entries.host);
    }
    return Math.min(reached, stop);
  }

  /** A cluster that has become the only one of its place, because a snapshot went, gets the mark of that. */
  #mend(entry: number, host: number): void {
    if ((this.cache.high(entry) & 0x80000000) === 0) {
      this.entries.store(entry, host, this.entries.allocatedBits, this.entries.zeroBits);
    }
  }

  /** Write clusters that have no place of their own yet. */
  #writeNew(entry: number, at: number, stop: number, part: (to: number) => Uint8Array): number {
    const { entries, refcounts } = this;
    const size = this.#clusterSize;
    const start = at - (at % size);
    let wanted = 1;
    const most = Math.ceil((stop - start) / size);
    for (; wanted < most; wanted++) {
      const state = entries.look(entry + wanted * entries.entrySize);
      if (state === STATE.OWN || state === STATE.RESERVED) break;
    }
    const external = this.header.externalData;
    const count = external ? wanted : refcounts.allocate(wanted);
    const first = external ? start / size : refcounts.first;
    const reached = Math.min(stop, start + count * size);
    // What was never part of the file holds zeroes, also after a cut.
    const pristine = first * size >= this.data.size;
    try {
      this.#fillClusters(first * size, count, at, part(reached), pristine);
    } catch (error) {
      if (!external) refcounts.unallocate(first, count);
      throw error;
    }
    for (let i = 0; i < count; i++) {
      const place = entry + i * entries.entrySize;
      entries.release(place);
      entries.store(place, (first + i) * size);
    }
    return reached;
  }

  /** Write `count` clusters from `host` on with `bytes` for the guest's `at`, and what is there now around them. */
  #fillClusters(host: number, count: number, at: number, bytes: Uint8Array, pristine: boolean): void {
    const size = this.#clusterSize;
    const start = at - (at % size);
    const end = start + count * size;
    const after = at + bytes.length;
    if (start === at && after === end) {
      this.#store(host, bytes);
      return;
    }
    const around = this.#reader;
    if (pristine && this.#allZero(start, at) && this.#allZero(after, Math.min(end, this.size))) {
      this.#store(host + (at - start), bytes);
      return;
    }
    const head = this.#scratch;
    if (end - start <= head.length) {
      const whole = head.subarray(0, end - start);
      if (at > start) around.readAt(start, whole.subarray(0, at - start));
      this.#readTail(after, whole.subarray(after - start));
      whole.set(bytes, at - start);
      this.#store(host, whole);
      return;
    }
    let from = 0;
    if (at > start) {
      from = size - (at - start);
      around.readAt(start, head.subarray(0, at - start));
      head.set(bytes.subarray(0, from), at - start);
      this.#store(host, head.subarray(0, size));
    }
    const last = after === end ? end : end - size;
    const middle = last - (at + from);
    this.#store(host + (at + from - start), bytes.subarray(from, from + middle));
    if (last < end) {
      const tail = this.#scratch.subarray(0, size);
      this.#readTail(after, tail.subarray(after - last));
      tail.set(bytes.subarray(from + middle));
      this.#store(host + (last - start), tail);
    }
  }

  /** Write into the data file; one that is a raw image does not become longer than the disk. */
  #store(host: number, bytes: Uint8Array): void {
    const room = this.header.rawExternalData ? Math.max(0, this.size - host) : bytes.length;
    this.data.writeAt(host, bytes.length <= room ? bytes : bytes.subarray(0, room));
  }

  /** What the guest has from `at` on, with zeroes behind the end of the disk. */
  #readTail(at: number, into: Uint8Array): void {
    const there = Math.max(0, Math.min(into.length, this.size - at));
    if (there > 0) this.#reader.readAt(at, into.subarray(0, there));
    into.fill(0, there);
  }

  #allZero(from: number, to: number): boolean {
    if (to <= from) return true;
    for (const extent of this.#reader.extents(from, to - from)) if (extent.kind === 'data') return false;
    return true;
  }

  /** Write a part of one cluster of an image with extended L2 entries. */
  #writeSubclusters(entry: number, state: State, at: number, bytes: Uint8Array): void {
    const { entries, refcounts } = this;
    const size = this.#clusterSize;
    const start = at - (at % size);
    const { allocatedBits, zeroBits } = entries;
    if (state === STATE.FOREIGN) {
      refcounts.allocate(1);
      const { first } = refcounts;
      try {
        this.#fillClusters(first * size, 1, at, bytes, false);
      } catch (error) {
        refcounts.unallocate(first, 1);
        throw error;
      }
      entries.release(entry);
      entries.store(entry, first * size);
      return;
    }
    let { host } = entries;
    const absent = state === STATE.ABSENT;
    if (absent && this.header.externalData) host = start;
    else if (absent) {
      refcounts.allocate(1);
      host = refcounts.first * size;
    }
    const unit = this.#subclusterSize;
    const firstSub = Math.floor((at - start) / unit);
    const lastSub = Math.floor((at + bytes.length - 1 - start) / unit);
    const has = (sub: number): boolean => ((allocatedBits >>> sub) & 1) === 1;
    const from = has(firstSub) ? at : start + firstSub * unit;
    const to = has(lastSub) ? at + bytes.length : start + (lastSub + 1) * unit;
    try {
      if (from === at && to === at + bytes.length) this.#store(host + (at - start), bytes);
      else {
        const whole = this.#scratch.subarray(0, to - from);
        if (from < at) this.#reader.readAt(from, whole.subarray(0, at - from));
        this.#readTail(at + bytes.length, whole.subarray(at + bytes.length - from));
        whole.set(bytes, at - from);
        this.#store(host + (from - start), whole);
      }
    } catch (error) {
      if (absent && !this.header.externalData) refcounts.unallocate(host / size, 1);
      throw error;
    }
    const mask =
      lastSub - firstSub === 31 ? 0xffffffff : ((2 ** (lastSub - firstSub + 1) - 1) << firstSub) >>> 0;
    entries.store(entry, host, allocatedBits | mask, zeroBits & ~mask);
  }

  /**
   * Store the cluster at a guest offset compressed. What compressed it must use the method that the header states, and
   * give fewer bytes than the cluster has. Not for images with an external data file.
   */
  writeCompressed(offset: number, stream: Uint8Array): void {
    const area = this.#packedArea();
    const entry = this.#foreignEntry(offset);
    const host = area.append(stream);
    this.entries.storeCompressed(entry, host, area.count(host, stream.length));
  }

  /**
   * Store clusters whose streams follow each other, as they are in another image of the same method: `bytes` has them
   * all, `residue` is the offset of the first one in its sector there. `clusters` gives for each the guest's offset, where
   * its stream begins in `bytes`, and how long it is.
   */
  copyCompressed(bytes: Uint8Array, residue: number, clusters: readonly number[]): void {
    const area = this.#packedArea();
    const host = area.append(bytes, residue);
    for (let i = 0; i < clusters.length; i += 3) {
      const start = host + (clusters[i + 1] as number);
      const entry = this.#foreignEntry(clusters[i] as number);
      this.entries.storeCompressed(entry, start, area.count(start, clusters[i + 2] as number));
    }
  }

  #packedArea(): PackedArea {
    this.#touch();
    this.relieve();
    // A stream may come to where another one was.
    if (this.#packed === undefined) this.#reader.forgetCompressed();
    this.#packed ??= new PackedArea(this.file, this.refcounts, this.#clusterSize);
    return this.#packed;
  }

  /** The entry of the cluster at a guest offset, with nothing that it refers to any more. */
  #foreignEntry(offset: number): number {
    const { entries } = this;
    const cluster = offset / this.#clusterSize;
    const index = Math.floor(cluster / entries.perTable);
    const entry = entries.ownTable(index) + (cluster % entries.perTable) * entries.entrySize;
    if (entries.look(entry) !== STATE.ABSENT) entries.release(entry);
    return entry;
  }

  zero(offset: number, length: number): void {
    this.#touch();
    this.#clear(offset, length, true);
  }

  /** Whole clusters lose their place and read as zeroes; where that cannot be said in the tables they stay as they are. */
  discard(offset: number, length: number): void {
    this.#touch();
    this.#clear(offset, length, false);
  }

  #clear(offset: number, length: number, exact: boolean): void {
    const size = this.#clusterSize;
    const end = offset + length;
    const first = roundUp(offset, size);
    // The last cluster of the disk may be cut short by its end.
    const last = end === this.size ? roundUp(end, size) : end - (end % size);
    if (last <= first) {
      if (exact) this.#zeroPart(offset, end);
      return;
    }
    if (exact && offset < first) this.#zeroPart(offset, first);
    this.#clearClusters(first / size, last / size, exact);
    if (exact && last < end) this.#zeroPart(last, end);
  }

  /** Write zeroes where the guest has something else. */
  #zeroPart(from: number, to: number): void {
    // All of them first: writing moves what the reader looks at.
    const extents = Array.from(this.#reader.extents(from, to - from));
    for (const extent of extents) {
      if (extent.kind !== 'data') continue;
      const zeroes = new Uint8Array(Math.min(extent.length, SCRATCH));
      for (let done = 0; done < extent.length; done += zeroes.length) {
        const part = Math.min(zeroes.length, extent.length - done);
        this.writeAt(extent.offset + done, zeroes.subarray(0, part));
      }
    }
  }

  #clearClusters(first: number, last: number, exact: boolean): void {
    const { entries, header } = this;
    const size = this.#clusterSize;
    if (header.rawExternalData) {
      const end = Math.min(last * size, this.size);
      if (end > first * size) this.data.zero(first * size, this.#dataLength(first * size, end));
    }
    const behind = Math.ceil((this.backing?.size ?? 0) / size);
    for (let cluster = first; cluster < last;) {
      this.relieve();
      const index = Math.floor(cluster / entries.perTable);
      const stop = Math.min(last, (index + 1) * entries.perTable);
      if (entries.table(index) === 0 && cluster >= behind) {
        cluster = stop;
        continue;
      }
      if (header.version < 3 && cluster < behind) {
        if (exact) this.#zeroPart(cluster * size, Math.min(this.size, (cluster + 1) * size));
        cluster++;
        continue;
      }
      const table = entries.ownTable(index);
      for (; cluster < stop && !this.cache.crowded; cluster++) {
        if (header.version < 3 && cluster < behind) break;
        this.#clearEntry(table + (cluster % entries.perTable) * entries.entrySize, cluster, behind);
      }
    }
  }

  #dataLength(from: number, to: number): number {
    return Math.max(0, Math.min(to, this.data.size) - from);
  }

  #clearEntry(entry: number, cluster: number, behind: number): void {
    const { entries } = this;
    const state = entries.look(entry);
    const zero = cluster < behind;
    if (state === STATE.ABSENT) {
      const { zeroBits } = entries;
      const isZero = this.header.extendedL2 ? zeroBits === 0xffffffff : (this.cache.low(entry) & 1) === 1;
      if (isZero || !zero) return;
    } else {
      // An external file that is a raw image keeps its clusters: they hold zeroes already.
      if (this.header.rawExternalData) return;
      if (this.header.externalData) {
        const at = cluster * this.#clusterSize;
        const length = this.#dataLength(at, at + this.#clusterSize);
        if (length > 0) this.data.release(at, length);
      }
      entries.release(entry);
    }
    entries.clear(entry, zero);
  }

  flush(): void {
    if (this.#unflushed) this.commit();
  }

  /** Bring everything to the disk, in the order that this class states. */
  commit(): void {
    const { cache, file, refcounts } = this;
    this.#packed?.flush();
    if (refcounts.hasFrees) {
      // Some of what is freed may be in the clusters that are being filled.
      this.#packed?.close();
      this.#packed = undefined;
    }
    if (refcounts.size > file.size) file.resize(refcounts.size);
    if (this.data !== file) this.data.flush();
    cache.write(TABLE.REFCOUNT_BLOCK);
    file.flush();
    if (cache.isDirty(TABLE.REFCOUNT_TABLE)) {
      cache.write(TABLE.REFCOUNT_TABLE);
      file.flush();
    }
    if (cache.isDirty(TABLE.L2)) {
      cache.write(TABLE.L2);
      file.flush();
    }
    if (cache.isDirty(TABLE.L1)) {
      cache.write(TABLE.L1);
      file.flush();
    }
    refcounts.applyFrees();
    this.#unflushed = false;
  }

  /** Bring everything to the disk, also that what was freed is free. */
  settle(): void {
    this.flush();
    if (this.refcounts.hasFrees) this.commit();
    if (this.cache.isDirty(TABLE.REFCOUNT_BLOCK)) this.commit();
  }

  /** A failing flush is thrown when all is closed. */
  close(): void {
    try {
      this.settle();
    } finally {
      this.#reader.close();
    }
  }

  /** Close without bringing anything to the disk that is not there yet: for an image that is all flushed, or given up. */
  abandon(): void {
    this.#reader.close();
  }

  /** Where clusters are now, without what is below the image; good until the image is changed. */
  clusterMap(): ClusterMap {
    return new ClusterMap(this.refcounts, this.header, this.header, this.cache);
  }

  /** Fill with what the guest has below this image, zeroes where there is nothing. */
  readBacking(offset: number, into: Uint8Array): void {
    if (this.backing === undefined) into.fill(0);
    else readOrZero(this.backing, offset, into);
  }
}

function clusters(offset: number, length: number, header: QcowImageHeader): ClusterRange {
  const { clusterSize } = header;
  return [Math.floor(offset / clusterSize), Math.floor((offset + Math.max(1, length) - 1) / clusterSize)];
}

/** The clusters of the snapshot table and of the L1 tables of snapshots. */
function snapshotClusters(file: BlockDevice, header: QcowImageHeader): ClusterRange[] {
  const snapshots = readSnapshots(file, header);
  if (snapshots.length === 0) return [];
  return [
    clusters(header.snapshotsOffset, 1, header),
    ...snapshots
      .filter((each) => each.l1Size > 0)
      .map((each) => clusters(each.l1Offset, each.l1Size * 8, header)),
  ];
}
