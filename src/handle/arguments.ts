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
