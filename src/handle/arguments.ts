import type { Readable, Writable } from 'node:stream';

/** A parameter that may be a device or a path in the guest; a bare string beginning `/dev/` is a device. */
export type DeviceOrPath = { device: string } | { path: string };

/** A file or folder of the host as a tar archive that is made while it is read: for tarIn. */
export interface PackedFolder {
  /** Path of the host. */
  pack: string;
  /** Pack what is in the folder, named `./...`, and not the folder under its own name. */
  contents?: boolean;
  /** Times later than this, in seconds since 1970, become this. */
  latest?: number;
}

/**
 * Where a FileIn argument comes from: a path of the host, `-` or `/dev/stdin` for standard input, `/dev/fd/N` for an
 * open descriptor (on every system), bytes, a Readable or an AsyncIterable of bytes or texts, or a folder of the host
 * to pack. A stream that is not read to its end is told so.
 */
export type FileInput = string | Uint8Array | Readable | AsyncIterable<Uint8Array | string> | PackedFolder;

/**
 * Where a FileOut argument goes: a path of the host, `-` or `/dev/stdout` for standard output, `/dev/fd/N` for an open
 * descriptor (on every system), or a Writable, which is written to as fast as it takes it and is not ended.
 *
 * The file of a path is made, or cut to nothing, when the first byte comes: a call that fails before leaves it as it
 * was. One that fails later removes the file if it made it, and else leaves what it wrote.
 */
export type FileOutput = string | Writable;

/** Options that every action takes beside its own. */
export interface CallOptions {
  /** Cancels the call: it rejects with EINTR. */
  signal?: AbortSignal;
}

/** Options of addDrive beside those of the API. */
export interface AddDriveExtras {
  /**
   * Which other files of the host the image may bring in (backing file, external data file): none, those in the
   * image's own folder, or any. Default: `none` where the format is probed, `folder` where it is stated.
   */
  backing?: 'none' | 'folder' | 'any';
  /** Name or id of an internal snapshot to open instead of the current state. */
  snapshot?: string;
  /**
   * What writing to a read-only drive does: `overlay`, the default, keeps it in a temporary overlay that is dropped at
   * close; `refuse` fails with EROFS.
   */
  writes?: 'overlay' | 'refuse';
}

/** Options of copyOut beside those of the API. */
export interface CopyOutExtras {
  /**
   * `inside`, the default, leaves out symbolic links that lead out of the copied folder, with a warning; `all`
   * makes them as they are: who follows them later may land anywhere on the host.
   */
  links?: 'inside' | 'all';
}
