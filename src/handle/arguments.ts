import type { Readable, Writable } from 'node:stream';

/** A parameter that may be a device or a path in the guest; a bare string beginning `/dev/` is a device. */
export type DeviceOrPath = { device: string } | { path: string };

/** Where a FileIn argument comes from: a host path, `-`, `/dev/stdin`, `/dev/fd/N`, bytes or a stream. */
export type FileInput = string | Uint8Array | Readable | AsyncIterable<Uint8Array>;

/** Where a FileOut argument goes: a host path, `-`, `/dev/stdout`, `/dev/fd/N` or a stream. */
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
}

/** Options of copyOut beside those of the API. */
export interface CopyOutExtras {
  /**
   * `inside`, the default, leaves out symbolic links that lead out of the copied folder, with a warning; `all`
   * makes them as they are: who follows them later may land anywhere on the host.
   */
  links?: 'inside' | 'all';
}
