import type { BackingPolicy } from '../image.ts';
import type { Preallocation } from '../create.ts';
import type { StepOptions } from '../steps.ts';

/** How an image is converted. */
export interface ConvertOptions extends StepOptions {
  /** Of the new image. */
  format: 'raw' | 'qcow2';
  /** Of the old one; probed if absent. */
  sourceFormat?: string;
  /** Which backing files the old image may bring in; default as in `openImage`. */
  backing?: BackingPolicy;
  /** Id or name of an internal snapshot to take instead of the current state. */
  snapshot?: string;
  /** Keep the backing file of the old image: only what lies over it is copied. Default: everything is. qcow2 only. */
  keepBacking?: boolean;
  /** Compress the clusters with this method. qcow2 only. */
  compress?: 'zlib' | 'zstd';
  /** Threads that compress; default as many as there are processors, 4 at most. */
  threads?: number;
  /** Default `off`. */
  preallocation?: Preallocation;
  /** Version of qcow2; default `1.1`. */
  compat?: '0.10' | '1.1';
  /** Bytes, a power of two from 512 to 2 MiB; default 65536. qcow2 only. */
  clusterSize?: number;
  extendedL2?: boolean;
  lazyRefcounts?: boolean;
  /** Power of two from 1 to 64; default 16. */
  refcountBits?: number;
  /** Told what is odd about the old image. */
  warn?: (message: string) => void;
}

/** Sizes of an image. */
export interface ImageSizes {
  /** Bytes of the disk that a guest sees. */
  virtualSize: number;
  /** Bytes of the file. */
  fileSize: number;
  /** Bytes that the host has set aside for it. */
  allocated: number;
}
