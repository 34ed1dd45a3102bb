import { CorruptError } from '../../errors/index.ts';
import type { QcowImageHeader } from './header.ts';
import { COMPRESSED_HIGH, COPIED_HIGH, OFFSET_HIGH, OFFSET_LOW, ZERO_LOW } from './layout.ts';
import { windowSize, type Tables } from './windows.ts';

/** Where the bytes of a run come from. */
export const RUN = { UNALLOCATED: 0, ZERO: 1, DATA: 2, COMPRESSED: 3 } as const;
/** One of {@link RUN}. */
export type RunKind = (typeof RUN)[keyof typeof RUN];

const WORD = 0x100000000;
const L2 = 'qcow2 L2 table';

/** The active L1 table: of the image itself or of one of its snapshots. */
export interface ActiveTable {
  l1Offset: number;
  l1Size: number;
}

/** The file as far as it goes at present; an image that is written to grows. */
export interface Sized {
  /** Bytes. */
  readonly size: number;
}

/**
 * Translates guest offsets: {@link locate} describes the run that begins at an offset in the fields of this object,
 * so that no object is made per run or cluster. Neighbouring clusters that lie together are one run.
 */
export class ClusterMap {
  /** What the last located run is. */
  kind: RunKind = RUN.UNALLOCATED;
  /** Bytes of the last located run. */
  length = 0;
  /** Offset of the run's first byte in the data file (DATA), or of the compressed bytes (COMPRESSED). */
  host = 0;
  /** COMPRESSED: bytes at {@link host} that the cluster's stream may use. */
  compressedLength = 0;
  /** Offset of the L2 entry that the run begins with, for messages. */
  entryOffset = 0;

  readonly #tables: Tables;
  readonly #file: Sized;
  readonly #clusterSize: number;
  readonly #entrySize: 8 | 16;
  /** Guest bytes that one L2 table maps. */
  readonly #tableSpan: number;
  readonly #active: ActiveTable;
  readonly #extended: boolean;
  readonly #version: number;
  readonly #externalData: boolean;
  readonly #compressedShift: number;

  /** `tables` reads the tables of the image; several maps of one image may share it. */
  constructor(file: Sized, header: QcowImageHeader, active: ActiveTable, tables: Tables) {
    this.#tables = tables;
    this.#file = file;
    this.#clusterSize = header.clusterSize;
    this.#extended = header.extendedL2;
    this.#entrySize = header.extendedL2 ? 16 : 8;
    this.#tableSpan = (header.clusterSize / this.#entrySize) * header.clusterSize;
    this.#active = active;
    this.#version = header.version;
    this.#externalData = header.externalData;
    this.#compressedShift = 70 - header.clusterBits - 32;
  }

  /** Describe the run that begins at `offset` and ends at `end` at the latest; `offset` is below `end`. */
  locate(offset: number, end: number): void {
    let table = this.#tableOffset(offset);
    if (table !== 0) {
      this.#locateInTable(table, offset, end);
      return;
    }
    let next = offset;
    do {
      next = Math.floor(next / this.#tableSpan + 1) * this.#tableSpan;
      if (next >= end) break;
      table = this.#tableOffset(next);
    } while (table === 0);
    this.#set(RUN.UNALLOCATED, Math.min(next, end) - offset, 0);
  }

  #set(kind: RunKind, length: number, host: number): void {
    this.kind = kind;
    this.length = length;
    this.host = host;
  }

  /** Offset of the L2 table for a guest offset, 0 where there is none. */
  #tableOffset(offset: number): number {
    const index = Math.floor(offset / this.#tableSpan);
    if (index >= this.#active.l1Size) return 0;
    const at = this.#active.l1Offset + index * 8;
    const view = this.#tables.at(at);
    const low = view.getUint32((at % windowSize) + 4);
    const table = (view.getUint32(at % windowSize) & OFFSET_HIGH) * WORD + ((low & OFFSET_LOW) >>> 0);
    if (table === 0) return 0;
    if (table % this.#clusterSize !== 0) {
      throw new CorruptError(
        'qcow2 L1 table',
        `entry ${index} points at ${table}, expected a multiple of ${this.#clusterSize}`,
        { offset: at },
      );
    }
    if (table > this.#file.size - this.#clusterSize) {
      throw new CorruptError(
        'qcow2 L1 table',
        `entry ${index} points at ${table}, a table of ${this.#clusterSize} bytes there ends after the file of ${this.#file.size} bytes`,
        { offset: at },
      );
    }
    return table;
  }

  #locateInTable(table: number, offset: number, end: number): void {
    const cluster = Math.floor((offset % this.#tableSpan) / this.#clusterSize);
    const at = table + cluster * this.#entrySize;
    const inCluster = offset % this.#clusterSize;
    const stop = Math.min(end, Math.floor(offset / this.#tableSpan + 1) * this.#tableSpan);
    this.entryOffset = at;
    if (this.#extended) this.#locateExtended(at, offset, inCluster, stop);
    else this.#locateStandard(at, offset, inCluster, stop);
  }

  #locateStandard(at: number, offset: number, inCluster: number, stop: number): void {
    const clusterSize = this.#clusterSize;
    let view = this.#tables.at(at);
    let position = at % windowSize;
    let high = view.getUint32(position);
    let low = view.getUint32(position + 4);
    const kind = this.#entryKind(high, low, at);
    if (kind === RUN.COMPRESSED) {
      this.#setCompressed(high, low, at);
      this.length = Math.min(stop, offset - inCluster + clusterSize) - offset;
      return;
    }
    const host = kind === RUN.DATA ? this.#hostOffset(high, low, at) : 0;
    let reached = offset - inCluster + clusterSize;
    let expected = host + clusterSize;
    let entry = at;
    while (reached < stop) {
      entry += 8;
      position += 8;
      if (position === windowSize) {
        view = this.#tables.at(entry);
        position = 0;
      }
      high = view.getUint32(position);
      low = view.getUint32(position + 4);
      if (this.#entryKind(high, low, entry) !== kind) break;
      if (kind === RUN.DATA) {
        if (this.#hostOffset(high, low, entry) !== expected) break;
        expected += clusterSize;
      }
      reached += clusterSize;
    }
    this.#set(kind, Math.min(reached, stop) - offset, host + inCluster);
  }

  /** Extended entries: each cluster has 32 subclusters with a bit "allocated" and a bit "reads as zeroes". */
  #locateExtended(at: number, offset: number, inCluster: number, stop: number): void {
    const subSize = this.#clusterSize / 32;
    const inSub = offset % subSize;
    let sub = Math.floor(inCluster / subSize);
    let reached = offset - inSub;
    let kind: RunKind | undefined;
    let host = 0;
    let expected = 0;
    for (let entry = at; reached < stop; entry += 16) {
      const view = this.#tables.at(entry);
      const position = entry % windowSize;
      const high = view.getUint32(position);
      const low = view.getUint32(position + 4);
      const zero = view.getUint32(position + 8);
      const allocated = view.getUint32(position + 12);
      const clusterKind = this.#entryKind(high, low, entry);
      if (clusterKind === RUN.COMPRESSED) {
        if ((zero | allocated) !== 0) {
          throw new CorruptError(L2, 'a compressed cluster has subcluster bits, expected none', {
            offset: entry,
          });
        }
        if (kind !== undefined) break;
        this.#setCompressed(high, low, entry);
        this.length = Math.min(stop, offset - inCluster + this.#clusterSize) - offset;
        return;
      }
      if ((zero & allocated) !== 0) {
        throw new CorruptError(L2, 'a subcluster is both allocated and zero', { offset: entry });
      }
      if (clusterKind !== RUN.DATA && allocated !== 0) {
        throw new CorruptError(L2, 'subclusters are allocated in a cluster without an offset', {
          offset: entry,
        });
      }
      const clusterHost = clusterKind === RUN.DATA ? this.#hostOffset(high, low, entry) : 0;
      for (; sub < 32 && reached < stop; sub++) {
        const bit = 1 << sub;
        const subKind = (zero & bit) !== 0 ? RUN.ZERO : (allocated & bit) !== 0 ? RUN.DATA : RUN.UNALLOCATED;
        const subHost = clusterHost + sub * subSize;
        if (kind === undefined) {
          kind = subKind;
          host = subHost;
        } else if (subKind !== kind || (kind === RUN.DATA && subHost !== expected)) {
          this.#set(kind, reached - offset, host + inSub);
          return;
        }
        expected = subHost + subSize;
        reached += subSize;
      }
      sub = 0;
    }
    this.#set(kind ?? RUN.UNALLOCATED, Math.min(reached, stop) - offset, host + inSub);
  }

  #entryKind(high: number, low: number, at: number): RunKind {
    if ((high & COMPRESSED_HIGH) !== 0) {
      if (this.#externalData) {
        throw new CorruptError(L2, 'a cluster is compressed in an image with an external data file', {
          offset: at,
        });
      }
      return RUN.COMPRESSED;
    }
    if ((low & ZERO_LOW) !== 0 && !this.#extended) {
      if (this.#version < 3) {
        throw new CorruptError(L2, 'a cluster is marked as zero in an image of version 2', { offset: at });
      }
      return RUN.ZERO;
    }
    if ((high & OFFSET_HIGH) !== 0 || (low & OFFSET_LOW) !== 0) return RUN.DATA;
    // Offset 0 is the header of the image, but a fine place in an external data file.
    return this.#externalData && (high & COPIED_HIGH) !== 0 ? RUN.DATA : RUN.UNALLOCATED;
  }

  #hostOffset(high: number, low: number, at: number): number {
    const host = (high & OFFSET_HIGH) * WORD + ((low & OFFSET_LOW) >>> 0);
    if (host % this.#clusterSize !== 0) {
      throw new CorruptError(L2, `an entry points at ${host}, expected a multiple of ${this.#clusterSize}`, {
        offset: at,
      });
    }
    return host;
  }

  #setCompressed(high: number, low: number, at: number): void {
    const shift = this.#compressedShift;
    const host = (high & (2 ** shift - 1)) * WORD + low;
    const sectors = (high & 0x3fffffff) >>> shift;
    if (host >= this.#file.size) {
      throw new CorruptError(
        L2,
        `a compressed cluster begins at ${host}, the file has ${this.#file.size} bytes`,
        { offset: at },
      );
    }
    this.#set(RUN.COMPRESSED, 0, host);
    this.compressedLength = Math.min((sectors + 1) * 512 - (host % 512), this.#file.size - host);
  }
}
