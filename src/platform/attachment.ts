/** What is new for a machine that was stopped and goes on elsewhere, with other disks. */
export interface Attachment {
  /** The time: seconds since 1970, and nanoseconds. */
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Bytes that nobody can guess. */
  readonly seed: Uint8Array;
  /** Disks that it has now, its own included: the others are SCSI targets 0 and following, or virtio disks. */
  readonly disks: number;
}
