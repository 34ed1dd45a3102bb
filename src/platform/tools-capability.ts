/** How a program is run. */
export interface ToolOptions {
  /** Bytes that it reads from its standard input; nothing if absent. */
  readonly input?: Uint8Array;
  /** Further variables of its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Exit statuses that are no failure beside 0. */
  readonly accept?: readonly number[];
  /** Bytes of standard output that are taken; more is a failure (EFBIG). */
  readonly limit?: number;
  /** Permissions that its new files do not get; 022 if absent. */
  readonly umask?: number;
  /** It leaves a program running, which is not waited for, although that holds its output open. */
  readonly background?: boolean;
  /** Run it in the guest's root, with /dev, /proc and /sys there. The program is looked for in the guest then. */
  readonly inGuest?: boolean;
  /** The device or path that a failure is about. */
  readonly about?: { readonly device?: string; readonly path?: string };
}

/** What a program left. */
export interface ToolResult {
  /** Exit status. */
  readonly status: number;
  readonly stdout: Uint8Array;
  /** What it wrote to stderr, without the line feed at the end. */
  readonly stderr: string;
}

/** Where the bytes of a program that is run as a stream come from or go. */
export type ToolStream =
  | { /** Bytes read into the argument, 0 at the end. */ readonly read: (into: Uint8Array) => number }
  | { /** Takes its copy before it returns. */ readonly write: (chunk: Uint8Array) => void };

/**
 * Programs of a real Linux: the platform's capability `tools`. Arguments are an array that no shell sees; messages are
 * in the C locale.
 *
 * A program that is not there is an UnsupportedError naming it; one that ends with another status, or by a signal, is
 * a GuestfsError with what it wrote to stderr.
 */
export interface ToolsCapability {
  /** Whether a program is there. */
  has(program: string): boolean;
  run(program: string, args: readonly string[], options?: ToolOptions): ToolResult;
  /** {@link run}, and its standard output as guest text. */
  text(program: string, args: readonly string[], options?: ToolOptions): string;
  /** Run a program whose standard input or output passes by piece by piece. */
  stream(
    program: string,
    args: readonly string[],
    stream: ToolStream,
    options?: Omit<ToolOptions, 'input' | 'limit'>,
  ): void;
  /** The node by which programs open a device of the guest. Throws ENOENT. */
  deviceNode(name: string): string;
  /** The name in the guest of a node that a program printed; the node itself where it is none of the guest's. */
  deviceName(node: string): string;
  /** The host's path of a file of the guest, links followed inside of the guest. Throws as `FileTree.resolve`. */
  hostPath(path: string, options?: { followLast?: boolean }): string;
  /** The host's path of a name that is to be made: its directory must be there. Throws as {@link hostPath}. */
  hostTarget(path: string): string;
  /** Run `use` with a mountable mounted in a place of its own, or where it is mounted already. */
  withMounted<T>(mountable: string, use: (hostPath: string) => T): T;
  /** A new folder of the host that is gone after `use`. */
  withFolder<T>(use: (folder: string) => T): T;
  /** `/dev/mapper/NAME` of the active devices of the mapper that are no logical volumes nor parts of one, sorted. */
  mapperNames(): string[];
  /** The nodes of the guest may have changed: what is known of the devices is forgotten. */
  devicesChanged(): void;
}
