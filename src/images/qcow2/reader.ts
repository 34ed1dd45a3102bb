import type { BlockDevice, Extent } from '../../block/device.ts';
import { GuestfsError } from '../../errors/index.ts';
import { ReadAhead } from './ahead.ts';
import { ClusterCache } from './compressed.ts';
import type { QcowImageHeader } from './header.ts';
import { ClusterMap, RUN, type ActiveTable, type Sized } from './map.ts';
import { TableWindows, type Tables } from './windows.ts';

/** Windows of tables and bytes of decompressed clusters that the top image of a chain keeps. */
const TABLE_WINDOWS = 256;
const CLUSTER_BYTES = 4 * 1024 * 1024;

/** Where a qcow2 image's bytes are. */
export interface QcowParts {
  /** The image file: header, tables and, without `data`, the clusters. */
  file: BlockDevice;
  /** The external data file, if the image uses one. */
  data: BlockDevice | undefined;
  backing: BlockDevice | undefined;
}

/** A read-only device over the active table of a qcow2 image; closes the devices of `parts` when it is closed. */
export class QcowReader implements BlockDevice {
  readonly size: number;
  readonly sectorSize = 512;
  readonly writable = false;
  readonly #parts: QcowParts;
  readonly #data: BlockDevice;
  readonly #map: ClusterMap;
  readonly #clusters: ClusterCache;
  readonly #ahead: ReadAhead;
  readonly #clusterSize: number;

  /**
   * `depth` is the image's place in its chain, 0 at the top: the deeper, the less memory it gets. A writer gives its
   * own `live` tables, which hold what is not yet in the file, and how far that will reach.
   */
  constructor(
    parts: QcowParts,
    header: QcowImageHeader,
    active: ActiveTable,
    size: number,
    depth: number,
    live?: { tables: Tables; bounds: Sized },
  ) {
    this.#parts = parts;
    this.#data = parts.data ?? parts.file;
    this.size = size;
    const { file } = parts;
    const share = 2 ** Math.min(4, depth);
    const tables = live?.tables ?? new TableWindows(file, TABLE_WINDOWS / share);
    const bounds = live?.bounds ?? file;
    this.#map = new ClusterMap(bounds, header, active, tables);
    this.#clusters = new ClusterCache(file, header, CLUSTER_BYTES / share);
    this.#ahead = new ReadAhead(file, header, new ClusterMap(bounds, header, active, tables), size);
    this.#clusterSize = header.clusterSize;
  }

  readAt(offset: number, into: Uint8Array): void {
    const map = this.#map;
    const end = offset + into.length;
    this.#ahead.note(offset, into.length);
    for (let at = offset; at < end;) {
      map.locate(at, end);
      const { kind, length } = map;
      const done = at - offset;
      const part = done === 0 && length === into.length ? into : into.subarray(done, done + length);
      if (kind === RUN.DATA) readOrZero(this.#data, map.host, part);
      else if (kind === RUN.ZERO) part.fill(0);
      else if (kind === RUN.COMPRESSED) this.#readCompressed(at, part);
      else if (this.#parts.backing === undefined) part.fill(0);
      else readOrZero(this.#parts.backing, at, part);
      at += length;
    }
  }

  /** Read from the compressed cluster that the map has located; `part` does not leave it. */
  #readCompressed(at: number, part: Uint8Array): void {
    const map = this.#map;
    const from = at % this.#clusterSize;
    const ready = this.#ahead.take(at - from);
    if (ready !== undefined) part.set(ready.subarray(from, from + part.length));
    else {
      this.#ahead.count();
      this.#clusters.read(map.host, map.compressedLength, map.entryOffset, from, part);
    }
  }

  /** Other streams may come to where those were that are kept decompressed. */
  forgetCompressed(): void {
    this.#clusters.clear();
    this.#ahead.forget();
  }

  *extents(offset: number, length: number): Iterable<Extent> {
    const map = this.#map;
    const { backing } = this.#parts;
    const end = offset + length;
    for (let at = offset; at < end;) {
      map.locate(at, end);
      const run = map.length;
      const kind = map.kind;
      const inBacking =
        kind === RUN.UNALLOCATED && backing !== undefined ? Math.max(0, Math.min(run, backing.size - at)) : 0;
      if (inBacking > 0) yield* (backing as BlockDevice).extents(at, inBacking);
      if (inBacking < run) {
        yield {
          offset: at + inBacking,
          length: run - inBacking,
          kind: kind === RUN.UNALLOCATED ? 'hole' : kind === RUN.ZERO ? 'zero' : 'data',
        };
      }
      at += run;
    }
  }

  writeAt(): void {
    throw readOnly();
  }

  zero(): void {
    throw readOnly();
  }

  discard(): void {
    throw readOnly();
  }

  flush(): void {}

  close(): void {
    this.#ahead.close();
    this.#parts.file.close();
    this.#parts.data?.close();
    this.#parts.backing?.close();
  }
}

function readOnly(): GuestfsError {
  return new GuestfsError('EROFS', 'qcow2 images are read only here');
}

/** Read, with zeroes for what lies past the end: the end of a backing file, or a cluster never written in full. */
export function readOrZero(device: BlockDevice, offset: number, into: Uint8Array): void {
  const there = Math.max(0, Math.min(into.length, device.size - offset));
  if (there === into.length) device.readAt(offset, into);
  else {
    if (there > 0) device.readAt(offset, into.subarray(0, there));
    into.fill(0, there);
  }
}
