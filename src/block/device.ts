/** What the bytes of a range hold: stored data, stored zeroes, or nothing at all (reads as zeroes). */
export type ExtentKind = 'data' | 'zero' | 'hole';

/** A run of bytes of one kind. */
export interface Extent {
  /** Bytes from the start of the device. */
  offset: number;
  /** Bytes; never 0. */
  length: number;
  kind: ExtentKind;
}

/**
 * The one interface for everything that has numbered bytes: a file, a qcow2 image, a partition, a logical volume,
 * an overlay.
 *
 * All calls are synchronous. Offsets and lengths are in bytes and are safe integers. Drivers may assume that
 * `guard()` has checked range, state and writability before they are called, and carry no such checks themselves;
 * a driver that computes offsets from an image must check those.
 */
export interface BlockDevice {
  /** Size in bytes. */
  readonly size: number;
  /** Logical sector size in bytes: 512 or 4096. */
  readonly sectorSize: number;
  readonly writable: boolean;
  /** Fill all of `into` from `offset`, or throw. */
  readAt(offset: number, into: Uint8Array): void;
  /** Write all of `from` at `offset`, or throw. */
  writeAt(offset: number, from: Uint8Array): void;
  /** Make a range read as zeroes. */
  zero(offset: number, length: number): void;
  /** Say that a range is no longer needed; it reads as anything or as zeroes, as the driver documents. */
  discard(offset: number, length: number): void;
  /**
   * The kinds of the runs of a range, in order, without gaps, clipped to it. Neighbours may be of one kind. A
   * driver that cannot tell yields one `data` extent.
   */
  extents(offset: number, length: number): Iterable<Extent>;
  /** Durable when it returns. */
  flush(): void;
  /** Idempotent. Closes the devices below that this one owns. */
  close(): void;
}

/** What a probe found out from the magic alone. */
export interface Identity {
  /** Name of the format as blkid(8) or qemu-img spells it: `ext4`, `vfat`, `qcow2`. */
  type: string;
  /** Finer version where there is one. */
  version?: string;
  label?: string;
  uuid?: string;
}

/**
 * A format that can be recognised and opened. `probe` reads the magic only, never throws on foreign data, and
 * returns null where it does not match. A format that matched and then fails to open throws; the caller never
 * goes on to the next format.
 */
export interface Format<T, O = object> {
  readonly name: string;
  probe(device: BlockDevice): Identity | null;
  open(device: BlockDevice, options: O): T;
}
