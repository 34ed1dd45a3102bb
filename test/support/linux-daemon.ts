import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Daemon, type CallIO } from '../../src/daemon/daemon.ts';
import { linuxImplementations } from '../../src/daemon/linux-registry.ts';
import { createLinuxPlatform, type LinuxPlatform } from '../../src/platform/linux/index.ts';
import { needsTool, run, temporaryFolder } from './tools.ts';

/** The `skip` of a test that needs root, loop devices, a kernel's filesystems and programs: false, or the reason. */
export function needsKernel(filesystems: readonly string[], ...tools: readonly string[]): string | false {
  if (process.platform !== 'linux') return 'this is no Linux';
  if (process.getuid?.() !== 0) return 'it needs root';
  const missing = needsTool('losetup', 'mount', 'umount', 'blockdev', 'partx', ...tools);
  if (missing) return missing;
  const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/);
  const unknown = filesystems.filter((type) => !known.includes(type));
  if (unknown.length > 0) return `the kernel has no ${unknown.join(', ')}`;
  try {
    execFileSync('losetup', ['-f'], { stdio: 'ignore' });
  } catch {
    return 'there is no free loop device';
  }
  return false;
}

/** A daemon over this kernel, whose guest has loop devices for disks. */
export interface LinuxGuest {
  readonly daemon: Daemon;
  readonly platform: LinuxPlatform;
  readonly warnings: string[];
  readonly folder: string;
  call(name: string, args?: readonly unknown[], options?: object, io?: CallIO): unknown;
  /** Unmounts, detaches and removes everything. */
  remove(): void;
}

/** Give a guest with disks of these sizes in bytes; nothing of it outlives `remove`. */
export function linuxGuest(...sizes: readonly number[]): LinuxGuest {
  const { path: folder, remove } = temporaryFolder();
  const disks: string[] = [];
  const detach = (): void => {
    // Whatever a failed test left mounted must go before its files do.
    spawnSync('umount', ['--recursive', '--lazy', join(folder, 'sysroot')], { stdio: 'ignore' });
    for (const disk of disks.splice(0)) run('losetup', '-d', `/dev/${disk}`);
    remove();
  };
  try {
    for (const [index, size] of sizes.entries()) {
      const image = join(folder, `disk${index}`);
      writeFileSync(image, '');
      truncateSync(image, size);
      disks.push(basename(run('losetup', '-f', '--show', '-P', image).trim()));
    }
    const sysroot = join(folder, 'sysroot');
    mkdirSync(sysroot);
    const warnings: string[] = [];
    const platform = createLinuxPlatform({ sysroot, disks, warn: (message) => warnings.push(message) });
    const daemon = new Daemon(
      platform,
      { warn: (message) => warnings.push(message), progress() {}, checkCancelled() {} },
      linuxImplementations,
    );
    return {
      daemon,
      platform,
      warnings,
      folder,
      call(name, args = [], options = {}, io = {}) {
        try {
          return daemon.call(name, args, options, io);
        } finally {
          platform.release();
        }
      },
      remove() {
        try {
          platform.close();
        } finally {
          detach();
        }
      },
    };
  } catch (error) {
    detach();
    throw error;
  }
}
