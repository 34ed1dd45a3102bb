/** One drive as it was added to a handle. */
export interface DriveConfig {
  /** Host path of the image or block device. */
  path: string;
  /** Stated image format; probed if absent. */
  format?: string;
  /** Writes go to an overlay that is dropped at close, or fail where `refuseWrites` is set. */
  readonly: boolean;
  /** A read-only drive has no overlay: writes fail with EROFS. The tools' drives without `--rw` are so. */
  refuseWrites?: boolean;
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
  /** Folder for what overlays cannot hold in memory; the system's temporary folder if absent. */
  tmpdir?: string;
  /** Hears what is odd but does not stop the work, one sentence a call. */
  warn(message: string): void;
}
