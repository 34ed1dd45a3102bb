import type { BlockDevice } from '../../block/device.ts';
import { inflateRawInto } from '../../compression/deflate.ts';
import { zstdInto } from '../../compression/zstd.ts';
import { CorruptError } from '../../errors/index.ts';
import type { QcowImageHeader } from './header.ts';

/** Decompressed clusters, least recently used out first; evicted buffers are used again. */
export class ClusterCache {
  readonly #file: BlockDevice;
  readonly #clusterSize: number;
  readonly #zstd: boolean;
  readonly #capacity: number;
  readonly #kept = new Map<number, Uint8Array>();
  #compressed: Uint8Array;

  /** `keep` is in bytes. */
  constructor(file: BlockDevice, header: QcowImageHeader, keep: number) {
    this.#file = file;
    this.#clusterSize = header.clusterSize;
    this.#zstd = header.compression === 'zstd';
    this.#capacity = Math.max(1, Math.min(256, Math.floor(keep / header.clusterSize)));
    this.#compressed = new Uint8Array(0);
  }

  /**
   * Fill `part` from byte `from` of the cluster whose stream begins at `host`. A whole cluster is decompressed in
   * place and not kept: who reads so much reads on.
   */
  read(host: number, length: number, entryOffset: number, from: number, part: Uint8Array): void {
    let cluster = this.#kept.get(host);
    if (cluster === undefined) {
      if (part.length === this.#clusterSize) {
        decompressCluster(this.#zstd, this.#stream(host, length), part, host, entryOffset);
        return;
      }
      cluster = this.#load(host, length, entryOffset);
    } else this.#kept.delete(host);
    this.#kept.set(host, cluster);
    part.set(cluster.subarray(from, from + part.length));
  }

  /** Forget all clusters. */
  clear(): void {
    this.#kept.clear();
  }

  #stream(host: number, length: number): Uint8Array {
    if (this.#compressed.length < length) {
      this.#compressed = new Uint8Array(Math.max(length, this.#clusterSize));
    }
    const stream = this.#compressed.subarray(0, length);
    this.#file.readAt(host, stream);
    return stream;
  }

  #load(host: number, length: number, entryOffset: number): Uint8Array {
    let cluster: Uint8Array | undefined;
    if (this.#kept.size >= this.#capacity) {
      const [oldest, evicted] = this.#kept.entries().next().value as [number, Uint8Array];
      this.#kept.delete(oldest);
      cluster = evicted;
    }
    cluster ??= new Uint8Array(this.#clusterSize);
    decompressCluster(this.#zstd, this.#stream(host, length), cluster, host, entryOffset);
    return cluster;
  }
}

/**
 * Fill `cluster` from its compressed stream, which may be followed by padding. Throws CorruptError where the
 * stream is damaged or ends early.
 */
export function decompressCluster(
  zstd: boolean,
  stream: Uint8Array,
  cluster: Uint8Array,
  host: number,
  entryOffset: number,
): void {
  const filled = (zstd ? zstdInto : inflateRawInto)(stream, cluster);
  if (filled === cluster.length) return;
  throw new CorruptError(
    'qcow2 compressed cluster',
    filled < 0
      ? `the ${zstd ? 'zstd' : 'deflate'} stream at ${host} (L2 entry at ${entryOffset}) is damaged`
      : `the stream at ${host} (L2 entry at ${entryOffset}) gives ${filled} bytes, expected ${cluster.length}`,
    { offset: host },
  );
}
