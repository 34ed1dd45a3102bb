import type { BlockDevice } from '../block/device.ts';
import type { QcowSnapshot } from './qcow2/index.ts';

/**
 * Which other host files an image may bring in (its backing file, its external data file): none, those in the
 * folder of the image that was named and folders in it, or any.
 */
export type BackingPolicy = 'none' | 'folder' | 'any';

/** How an image is opened. */
export interface ImageOptions {
  /** `raw` or `qcow2`; probed if absent. */
  format?: string;
  /** With false the image is locked and opened for writing; what it refers to is never written to. */
  readonly: boolean;
  /** Default: `none` where the format was probed, `folder` where it was stated. */
  backing?: BackingPolicy;
  /** Id or name of an internal snapshot to read instead of the current state. */
  snapshot?: string;
  /** Told what is odd about an image that opens all the same. */
  warn?: (message: string) => void;
  /** Told of each host file of the chain as it is opened. */
  opened?: (path: string) => void;
}

/** An opened image. */
export interface OpenedImage {
  /** The guest's view of the disk; closing it closes every file of the chain. */
  device: BlockDevice;
  format: 'raw' | 'qcow2';
  /** The format was probed, not stated. */
  probed: boolean;
  /** Internal snapshots of a qcow2 image. */
  snapshots?: readonly QcowSnapshot[];
}
