import { Daemon } from '../../src/daemon/daemon.ts';
import { implementations } from '../../src/daemon/registry.ts';
import { memoryDevice } from '../../src/block/memory.ts';
import type { BlockDevice } from '../../src/block/device.ts';
import type { FileSystem } from '../../src/filesystems/filesystem.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import type { MountedTree } from '../../src/vfs/mounted-tree.ts';
import { fakePlatform } from './fake-platform.ts';

/** A daemon over filesystems that may be written, for tests of actions. */
export interface WriteGuest {
  call(name: string, ...args: unknown[]): unknown;
  callWith(name: string, options: object, ...args: unknown[]): unknown;
  /** An action that takes a stream. */
  send(name: string, input: Uint8Array | string, args: unknown[], options?: object): unknown;
  /** Content of a file, as Latin-1. */
  text(path: string): string;
  /** The code that a call fails with. */
  failure(name: string, ...args: unknown[]): string;
  warnings: string[];
  /** Progress that was reported. */
  progress: (readonly [number, number])[];
  readonly devices: Record<string, BlockDevice>;
  readonly tree: MountedTree;
  /** Set to a number: that many looks at whether the user cancelled pass, then he has. */
  cancelAfter: number | undefined;
}

/** A daemon over filesystems by mount point, and blank devices by name and size. */
export function writeGuest(
  mounts: Record<string, FileSystem>,
  blank: Record<string, number> = {},
  chunk = 100_000,
): WriteGuest {
  const devices = Object.fromEntries(
    Object.entries(blank).map(([name, size]) => [
      name,
      memoryDevice(new Uint8Array(size), { writable: true }),
    ]),
  );
  const { platform, tree } = fakePlatform(mounts, devices, { writable: true });
  const guest: WriteGuest = {
    call: (name, ...args) => daemon.call(name, args),
    callWith: (name, options, ...args) => daemon.call(name, args, options),
    send(name, input, args, options = {}) {
      let rest = typeof input === 'string' ? Buffer.from(input, 'latin1') : input;
      const source = {
        size: rest.length,
        read(into: Uint8Array): number {
          const part = rest.subarray(0, Math.min(chunk, into.length));
          into.set(part);
          rest = rest.subarray(part.length);
          return part.length;
        },
      };
      return daemon.call(name, args, options, { input: source });
    },
    text: (path) => Buffer.from(guest.call('read_file', path) as Uint8Array).toString('latin1'),
    failure(name, ...args) {
      try {
        daemon.call(name, args);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return '';
    },
    warnings: [],
    progress: [],
    devices,
    tree,
    cancelAfter: undefined,
  };
  const daemon = new Daemon(
    platform,
    {
      warn: (message) => void guest.warnings.push(message),
      progress: (position, total) => void guest.progress.push([position, total]),
      checkCancelled() {
        if (guest.cancelAfter === undefined) return;
        if (guest.cancelAfter-- <= 0) throw new GuestfsError('EINTR', 'cancelled');
      },
    },
    implementations,
  );
  return guest;
}
