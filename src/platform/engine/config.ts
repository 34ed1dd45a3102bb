/** One drive as it was added to a handle. */
export interface DriveConfig {
  /** Host path of the image or block device. */
  path: string;
  /** Stated image format; probed if absent. */
  format?: string;
  /** Writes go to an overlay that is dropped at close. */
  readonly: boolean;
  /** Which backing files may be opened. */
  backing?: 'none' | 'folder' | 'any';
  /** Name or id of an internal snapshot to open instead of the current state. */
  snapshot?: string;
  /** Logical sector size in bytes that the guest sees: 512 or 4096. */
  blockSize?: number;
  /** Label under which the drive appears in /dev/disk/guestfs. */
  label?: string;
  /** Name that the guest's kernel had for the drive; a hint only. */
  name?: string;
}

/** What an engine is started with. */
export interface EngineConfig {
  drives: readonly DriveConfig[];
  /** Hears what is odd but does not stop the work, one sentence a call. */
  warn(message: string): void;
}
