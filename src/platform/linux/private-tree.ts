import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinHost } from 'node:path';
import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import { MountedTree } from '../../vfs/mounted-tree.ts';
import type { FileSystem } from '../../filesystems/filesystem.ts';
import type { Identification } from '../contract.ts';
import { openFileSystem } from '../engine/filesystems.ts';
import type { MountBelow, PrivateTree } from '../inspect-capability.ts';
import type { LinuxDeviceTable } from './device-table.ts';
import type { KernelCalls } from './kernel-calls.ts';
import { KernelTree } from './kernel-tree.ts';
import type { LinuxMounts } from './mounts.ts';
import { runTool } from './run-tool.ts';

/** What private trees are made of. */
export interface PrivateTreeOptions {
  readonly devices: LinuxDeviceTable;
  readonly identify: Identification;
  readonly mounts: LinuxMounts;
  readonly calls: KernelCalls;
  release(): void;
  warn(message: string): void;
}

/** Options with which the kernel mounts without writing to the device. */
export const UNTOUCHED = {
  xfs: 'ro,norecovery,nouuid',
  btrfs: 'ro,rescue=nologreplay',
  f2fs: 'ro,norecovery',
  nilfs2: 'ro,norecovery',
} as const;

/**
 * A filesystem as a tree of its own, apart from the guest's mounts. What the engine reads it reads, with its journal
 * replayed in memory; of the rest the kernel shows what is on the device without replaying anything. What is mounted
 * is bound, because the device does not have yet what the kernel has in memory.
 */
export function openPrivateTree(
  options: PrivateTreeOptions,
  mountable: string,
  below: readonly MountBelow[] = [],
): PrivateTree {
  const used = [mountable, ...below.map((other) => other.mountable)];
  if (used.every((name) => engineReads(options, name))) return engineTree(options, mountable, below);
  return kernelTree(options, mountable, below);
}

function engineReads({ identify, mounts, devices }: PrivateTreeOptions, mountable: string): boolean {
  if (!mountable.startsWith('/dev/')) return false;
  try {
    if (mounts.hostMountOf(mountable) !== undefined) return false;
    const { name } = devices.find(mountable);
    return ENGINE_TYPES.test(identify.type(name) ?? 'none');
  } catch (error) {
    if (error instanceof GuestfsError) return true;
    throw error;
  }
}

const ENGINE_TYPES = /^(ext[234]|vfat|iso9660|none|.*_member|swap|crypto_LUKS)$/;

function engineTree(
  options: PrivateTreeOptions,
  mountable: string,
  below: readonly MountBelow[],
): PrivateTree {
  const tree = new MountedTree();
  const opened: { close(): void }[] = [];
  const open = (name: string): FileSystem => {
    const identified = options.identify.type(name);
    // Mounting another tree closes what the platform has open.
    const device = options.devices.openApart(name);
    try {
      const warn = (message: string): void => options.warn(`${name}: ${message}`);
      const fs = openFileSystem({ device, name, identified, warn });
      opened.push(fs, device);
      return fs;
    } catch (error) {
      device.close();
      throw error;
    }
  };
  const root = open(mountable);
  tree.mount(root, '/', { mountable, readonly: true, options: [] });
  for (const other of below) {
    try {
      const fs = open(other.mountable);
      tree.mount(fs, other.mountpoint, { mountable: other.mountable, readonly: true, options: [] });
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
    }
  }
  return {
    tree,
    type: root.type,
    close() {
      for (const what of opened.splice(0)) what.close();
    },
  };
}

function kernelTree(
  options: PrivateTreeOptions,
  mountable: string,
  below: readonly MountBelow[],
): PrivateTree {
  const folder = mkdtempSync(joinHost(tmpdir(), 'guestfs-'));
  const root = joinHost(folder, 'root');
  mkdirSync(root);
  const mounted: string[] = [];
  const attach = (name: string, target: string): string => {
    const { device, type, args } = howToMount(options, name);
    if (type === 'btrfs') options.mounts.introduce(device);
    options.release();
    runTool('mount', [...args, target], { about: { device: name } });
    mounted.push(target);
    return type;
  };
  const close = (): void => {
    for (const target of mounted.splice(0).toReversed()) runTool('umount', ['-l', '--', target]);
    rmdirSync(root);
    rmdirSync(folder);
  };
  try {
    const type = attach(mountable, root);
    const tree = new KernelTree(root, options.calls);
    for (const other of below) {
      try {
        attach(other.mountable, tree.host(tree.realpath(other.mountpoint)));
      } catch (error) {
        if (!(error instanceof GuestfsError)) throw error;
      }
    }
    return {
      tree,
      type,
      close() {
        tree.release();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

function howToMount(
  options: PrivateTreeOptions,
  mountable: string,
): { device: string; type: string; args: string[] } {
  const { devices, identify, mounts } = options;
  const { device, volume } = mounts.parts(mountable);
  const type = identify.type(device);
  if (type === undefined) {
    throw new GuestfsError('EINVAL', `${device} holds no filesystem that is recognised`, { device });
  }
  if (/_member$|^(swap|swsuspend|crypto_LUKS|BitLocker|jbd)$/.test(type)) {
    throw new GuestfsError('EINVAL', `${device} holds ${type}, which is not a filesystem`, { device });
  }
  const there = mounts.hostMountOf(mountable);
  if (there !== undefined) return { device, type, args: ['--bind', '--', there] };
  const words = [
    (UNTOUCHED as Readonly<Record<string, string>>)[type] ?? 'ro',
    ...(volume === undefined ? [] : [`subvol=${volume}`]),
  ];
  return { device, type, args: ['-o', words.join(','), '--', devices.node(device)] };
}

/** An error of mount(8) about a type that this kernel has no driver for, as inspection expects it. */
export function orUnsupported(error: unknown, mountable: string, typeOf: () => string | undefined): unknown {
  if (!(error instanceof GuestfsError) || error.code !== 'ENODEV') return error;
  return new UnsupportedError(
    `${mountable} holds ${typeOf() ?? 'an unknown filesystem'}, for which this kernel has no driver: ${error.message}`,
    { device: mountable, cause: error },
  );
}
