import { lstatSync, mkdirSync } from 'node:fs';
import { join as joinHost } from 'node:path';
import { decodeText } from '../../bytes/text.ts';
import { checkPath, fail } from '../../vfs/path-checks.ts';
import type { ToolOptions, ToolResult, ToolsCapability, ToolStream } from '../tools-capability.ts';
import type { LinuxDeviceTable } from './device-table.ts';
import { withFolder } from './folder.ts';
import { wantRunnable } from './guest-program.ts';
import { inGuestRoot } from './guest-root.ts';
import { fsPath } from './host-bytes.ts';
import { guestDevices, guestMessage } from './kernel-error.ts';
import { join, type KernelTree } from './kernel-tree.ts';
import type { LinuxMounts } from './mounts.ts';
import { findProgram, runTool, streamTool, type RunOptions } from './run-tool.ts';

/** What the tools need of the platform. */
export interface ToolsOptions {
  readonly tree: KernelTree;
  readonly devices: LinuxDeviceTable;
  readonly mounts: LinuxMounts;
  readonly live: boolean;
  /** The machine has a network that programs of the guest may use. */
  readonly network: boolean;
  /** Called before and after a program ran: nothing may be open, and what is known of devices is old. */
  release(): void;
}

/** Programs of this machine and of the guest. */
export class LinuxTools implements ToolsCapability {
  readonly #options: ToolsOptions;

  constructor(options: ToolsOptions) {
    this.#options = options;
  }

  has(program: string): boolean {
    return findProgram(program) !== undefined;
  }

  run(program: string, args: readonly string[], options: ToolOptions = {}): ToolResult {
    return this.#around(program, options, (run) => runTool(program, args, run));
  }

  text(program: string, args: readonly string[], options?: ToolOptions): string {
    return decodeText(this.run(program, args, options).stdout);
  }

  stream(
    program: string,
    args: readonly string[],
    stream: ToolStream,
    options: Omit<ToolOptions, 'input' | 'limit'> = {},
  ): void {
    this.#around(program, options, (run) => streamTool(program, args, stream, run));
  }

  deviceNode(name: string): string {
    return this.#options.devices.node(name);
  }

  deviceName(node: string): string {
    return this.#options.devices.nameOfNode(node) ?? node;
  }

  hostPath(path: string, options?: { followLast?: boolean }): string {
    const { tree } = this.#options;
    return tree.host(tree.pathOf(tree.resolve(path, options)));
  }

  hostTarget(path: string): string {
    checkPath(path);
    const { tree } = this.#options;
    const trimmed = path.replace(/\/+$/, '');
    const slash = trimmed.lastIndexOf('/');
    const name = trimmed.slice(slash + 1);
    if (name === '' || name === '.' || name === '..') throw fail('EEXIST', path, 'it exists already');
    const target = join(tree.realpath(slash <= 0 ? '/' : trimmed.slice(0, slash)), name);
    const there = lstatSync(fsPath(tree.host(target)), { throwIfNoEntry: false });
    // A program would follow it, and not only inside the guest.
    return there?.isSymbolicLink() === true ? this.hostPath(target) : tree.host(target);
  }

  /** `options` are those of mount(8), where it is not mounted already. */
  withMounted<T>(mountable: string, use: (hostPath: string) => T, options: readonly string[] = []): T {
    const { mounts } = this.#options;
    const there = mounts.hostMountOf(mountable);
    if (there !== undefined) return use(there);
    const { device, volume } = mounts.parts(mountable);
    const words = volume === undefined ? options : [...options, `subvol=${volume}`];
    return this.withFolder((folder) => {
      const mountpoint = joinHost(folder, 'mount');
      mkdirSync(mountpoint);
      mounts.introduce(device);
      const given = words.length === 0 ? [] : ['-o', words.join(',')];
      this.run('mount', [...given, '--', this.deviceNode(device), mountpoint], { about: { device } });
      try {
        return use(mountpoint);
      } finally {
        this.run('umount', ['--', mountpoint], { about: { device } });
      }
    });
  }

  withFolder<T>(use: (folder: string) => T): T {
    return withFolder(use);
  }

  mapperNames(): string[] {
    return this.#options.devices.mappedDevices().map(({ name }) => name);
  }

  devicesChanged(): void {
    this.#options.release();
  }

  #around<T>(program: string, options: ToolOptions, run: (options: RunOptions) => T): T {
    const { release, tree, network, live, devices } = this.#options;
    release();
    try {
      const { inGuest = false, ...rest } = options;
      if (!inGuest) return named(devices, () => run(rest));
      wantRunnable(tree, program);
      if (live) return run({ ...rest, root: '/', foreign: true });
      return inGuestRoot(tree, network, (root) => run({ ...rest, root, foreign: true }));
    } catch (error) {
      throw guestMessage(error, tree.root);
    } finally {
      release();
    }
  }
}

/** Run what speaks of the kernel's devices; what it fails with speaks of the guest's. */
function named<T>(devices: LinuxDeviceTable, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw guestDevices(error, devices);
  }
}
