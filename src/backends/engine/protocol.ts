/** Messages between a handle's thread and its engine worker. Everything in them survives structured clone. */
import type { ErrorRecord } from '../../errors/index.ts';
import type { ExtractOptions, FileOrigin, LaunchConfig } from '../backend.ts';

/** Words of the shared control block, as indices of an Int32Array. */
export const CONTROL = {
  /** Not 0: the running call is cancelled. */
  CANCELLED: 0,
  /** Bytes of FileOut streams that the worker may still send. */
  CREDIT: 1,
  /** State of the input window; one of {@link INPUT}. */
  INPUT_STATE: 2,
  /** Bytes in the input window. */
  INPUT_LENGTH: 3,
} as const;
/** Words of the control block. */
export const CONTROL_WORDS = 4;

/** States of the input window. */
export const INPUT = { EMPTY: 0, FULL: 1, END: 2, FAILED: 3 } as const;

/** Bytes that a worker may be ahead of the stream it writes to. */
export const OUTPUT_WINDOW = 1024 * 1024;
/** Bytes that cross at once towards a worker. */
export const INPUT_WINDOW = 256 * 1024;

/** What a worker is made with. */
export interface WorkerStart {
  control: SharedArrayBuffer;
  /** Bytes that all ArrayBuffers of the worker may have together. */
  bufferLimit: number;
}

/** Where the bytes of a FileIn come from, as a worker hears it. */
export type WireOrigin =
  | { kind: 'path'; path: string }
  | { kind: 'fd'; fd: number }
  | { kind: 'bytes'; bytes: Uint8Array }
  | Extract<FileOrigin, { kind: 'pack' }>
  /** Through the input window, piece by piece, each asked for with a `pull`. */
  | { kind: 'window'; window: SharedArrayBuffer };

/** Where the bytes of a FileOut go, as a worker hears it. */
export type WireTarget =
  | { kind: 'path'; path: string }
  | { kind: 'fd'; fd: number }
  | { kind: 'extract'; directory: string; options: ExtractOptions }
  /** As `chunk` messages, as far as the credit goes. */
  | { kind: 'messages' };

/** To the worker; `id` comes back in the reply. */
export type Request =
  | { type: 'launch'; id: number; config: LaunchConfig }
  | {
      type: 'call';
      id: number;
      action: string;
      args: readonly unknown[];
      options: Readonly<Record<string, unknown>>;
      serial: number;
      input?: WireOrigin;
      output?: WireTarget;
    }
  | { type: 'hostCall'; id: number; action: string; args: readonly unknown[] }
  | { type: 'handOver'; id: number; folder: string }
  | { type: 'close'; id: number };

/** From the worker. */
export type Response =
  | { type: 'result'; id: number; result: unknown }
  | { type: 'error'; id: number; error: ErrorRecord }
  | { type: 'warning'; message: string }
  | { type: 'library'; message: string }
  | { type: 'progress'; procedure: number; serial: number; position: number; total: number }
  | { type: 'chunk'; bytes: Uint8Array }
  | { type: 'pull' };
