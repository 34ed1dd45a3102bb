import type { Window } from './window.ts';

/** Tags as blkid(8) prints them. */
export type Tags = Record<string, string>;

/** What a signature is good for, as blkid's USAGE has it. */
export type Usage = 'filesystem' | 'raid' | 'crypto' | 'other';

/** Bytes that mark a format: code points 0 to 255 at a byte offset. */
export interface Magic {
  at: number;
  bytes: string;
}

/** One thing that can be on a device. */
export interface Signature {
  /** As blkid(8) spells it; a probe may return another TYPE. */
  type: string;
  usage: Usage;
  /** Devices of fewer bytes are not looked at. */
  minimumSize?: number;
  /**
   * May stand beside another signature without making the answer ambiguous: discs are made on purpose that are
   * ISO 9660, UDF and HFS at once.
   */
  tolerant?: true;
  /** The first of these that is there goes to `probe`; none of them there means no match. */
  magics?: readonly Magic[];
  /** The tags besides TYPE and USAGE; null where it is not this after all. Without it the magic is enough. */
  probe?(window: Window, magic: Magic | undefined, options: IdentifyOptions): Tags | null;
}

/** What the caller knows of the device besides its bytes. */
export interface IdentifyOptions {
  /**
   * The device is a whole disk, not a partition or a volume: a boot sector whose partition table is in use is no
   * FAT then, and a superblock at the end which belongs to the last partition is not the disk's.
   */
  wholeDisk?: boolean;
  /** Whether a partition of the disk covers these bytes; asked for whole disks only. */
  insidePartition?: (offset: number, length: number) => boolean;
}
