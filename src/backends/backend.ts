/** How a handle reaches a daemon: what every backend offers, whatever is behind it. */
import type { PackOptions } from './io/tar-packer.ts';
import type { TarEntry } from './io/tar-reader.ts';
import type { DriveConfig } from '../platform/engine/config.ts';
import type { MachineDrive, MachineSettings } from './appliance/launch/settings.ts';

/** The next bytes of a stream, undefined at its end. Rejects with a GuestfsError. */
export type NextChunk = () => Promise<Uint8Array | undefined>;

/** Resolves when a stream has taken the bytes and has room for more. Rejects with a GuestfsError. */
export type WriteChunk = (chunk: Uint8Array) => Promise<void>;

/** Where the bytes of a FileIn argument come from. */
export type FileOrigin =
  | { kind: 'path'; path: string }
  | { kind: 'fd'; fd: number }
  | { kind: 'bytes'; bytes: Uint8Array }
  /** A file or folder of the host, as a tar stream; see `io/tar-packer.ts`. */
  | { kind: 'pack'; path: string; options?: Omit<PackOptions, 'warn'> }
  | { kind: 'stream'; next: NextChunk };

/** Where the bytes of a FileOut argument go. */
export type FileTarget =
  | { kind: 'path'; path: string }
  | { kind: 'fd'; fd: number }
  | { kind: 'stream'; write: WriteChunk }
  | { kind: 'extract'; directory: string; options: ExtractOptions };

/** How what a call writes is unpacked on the host. */
export interface ExtractOptions {
  /** Name under which everything goes, below the folder. */
  prefix?: string;
  /** The call writes the content of this one file; absent for a tar stream. */
  single?: TarEntry;
  /** `inside` leaves out symbolic links that lead out of the folder; `all` makes them as they are. */
  links: 'inside' | 'all';
}

/** One call on its way to a daemon. */
export interface BackendCall {
  /** Name of the action, as in `mount_ro`. */
  action: string;
  /** Checked arguments without FileIn and FileOut. */
  args: readonly unknown[];
  /** Checked options by their camelCase names. */
  options: Readonly<Record<string, unknown>>;
  input?: FileOrigin;
  output?: FileTarget;
  /** Number of the call within its handle, from 1. */
  serial: number;
}

/** What makes images the same each time they are made. */
export interface Reproducible {
  /** Seconds since 1970: the time of everything that is written. */
  time: number;
  /** What UUIDs and the like follow from. Default: the time alone. */
  seed?: string;
}

/** What a backend is started with. */
export interface LaunchConfig {
  drives: readonly DriveConfig[];
  verbose: boolean;
  reproducible?: Reproducible;
  /** Folder of the host for temporary files; the system's if absent. */
  tmpdir?: string;
  /** For backends that run a machine. */
  machine?: { settings: MachineSettings; drives: readonly MachineDrive[] };
}

/** What a backend tells its handle between a call's start and its end. */
export interface BackendEvents {
  warning(message: string): void;
  /** What the console of the machine printed. */
  appliance(text: string): void;
  /** A debugging message of the library itself. */
  library(message: string): void;
  /** Progress of the running call, throttled already. */
  progress(procedure: number, serial: number, position: number, total: number): void;
  /** The daemon is gone without having been asked; every call has failed or will fail. */
  quit(outOfMemory: boolean): void;
}

/** A way to a daemon. One call at a time: the handle queues. Every failure is a GuestfsError. */
export interface Backend {
  /** Name as get_backend and messages have it. */
  readonly name: string;
  /** Process number of what it runs, if that is another process than ours. */
  readonly pid?: number | undefined;
  launch(config: LaunchConfig): Promise<void>;
  call(call: BackendCall): Promise<unknown>;
  /** Run an action that needs no launch, on files of the host (`disk_format` and kin). */
  hostCall(action: string, args: readonly unknown[]): Promise<unknown>;
  /** Make the running call fail with EINTR as soon as it looks; harmless when none runs. */
  cancel(): void;
  /** Write everything through and end. */
  close(): Promise<void>;
  /** End at once, without writing anything through; the running call fails. */
  kill(): Promise<void>;
}
