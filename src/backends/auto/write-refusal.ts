/**
 * Drives that refuse writes, which the engine knows and a machine does not: its disks take them in a snapshot that is dropped.
 * The kernel is told that the devices are read-only; only for mounting, which may replay a journal, they are not.
 */
import { GuestfsError } from '../../errors/index.ts';
import { driveDeviceName, parseDriveName } from '../../platform/engine/device-names.ts';
import type { MachineDrive } from '../appliance/launch/settings.ts';
import type { BackendCall } from '../backend.ts';
import { run, type Callee } from './restore.ts';

/** Argument of each mounting action that is the mountable, and the one that is the options. */
const MOUNTS: Readonly<Record<string, { mountable: number; options?: number }>> = {
  mount: { mountable: 0 },
  mount_ro: { mountable: 0 },
  mount_options: { options: 0, mountable: 1 },
  mount_vfs: { options: 0, mountable: 2 },
};

/** Actions after which there may be more devices over the disks. */
const MAKES_VOLUMES = new Set([
  'clevis_luks_unlock',
  'cryptsetup_open',
  'luks_open',
  'luks_open_ro',
  'lvm_scan',
  'vg_activate',
  'vg_activate_all',
]);

/** Keeps a machine from writing to drives that refuse it. */
export class WriteRefusal {
  /** Disks that refuse writes. */
  readonly #disks: readonly string[];
  /** All disks do, and so what lies on them does. */
  readonly #all: boolean;
  /** Logical volumes and opened encrypted devices that do. */
  #volumes: readonly string[] = [];

  private constructor(disks: readonly string[], all: boolean) {
    this.#disks = disks;
    this.#all = all;
  }

  /** Protect the drives of a machine; undefined where none refuses writes. */
  static async on(machine: Callee, drives: readonly MachineDrive[]): Promise<WriteRefusal | undefined> {
    const disks = drives.flatMap(({ refuseWrites }, index) =>
      refuseWrites === true ? [driveDeviceName(index)] : [],
    );
    if (disks.length === 0) return undefined;
    const refusal = new WriteRefusal(disks, disks.length === drives.length);
    await refusal.#findVolumes(machine);
    await refusal.#set(machine, true);
    return refusal;
  }

  /** The machine with mounts as they are allowed. */
  wrap(machine: Callee): Callee {
    return { call: (call) => this.call(machine, call) };
  }

  /** Run a call; a mount of what refuses writes is read-only. */
  async call(machine: Callee, call: BackendCall): Promise<unknown> {
    if (MAKES_VOLUMES.has(call.action)) {
      // What is opened over a device that nobody may write could not be made writable for a mount.
      await this.#set(machine, false);
      try {
        return await machine.call(call);
      } finally {
        await this.#findVolumes(machine);
        await this.#set(machine, true);
      }
    }
    const shape = MOUNTS[call.action];
    if (shape === undefined) return machine.call(call);
    const mountable = String(call.args[shape.mountable]);
    if (!this.#refuses(mountable)) return machine.call(call);
    await this.#set(machine, false);
    try {
      return await machine.call(readonlyMount(call, shape));
    } finally {
      await this.#set(machine, true);
    }
  }

  /** Whether a device is on a disk that refuses writes; of what is on several disks it is enough that one does. */
  #refuses(mountable: string): boolean {
    const disk = parseDriveName(mountable.replace(/^btrfsvol:(\/dev\/[^/]+).*$/, '$1'))?.disk;
    return disk === undefined || this.#disks.includes(disk);
  }

  async #findVolumes(machine: Callee): Promise<void> {
    if (!this.#all) return;
    const lists = [await run(machine, 'lvs', []), await run(machine, 'list_dm_devices', [])] as string[][];
    this.#volumes = lists.flat();
  }

  async #set(machine: Callee, readonly: boolean): Promise<void> {
    const action = readonly ? 'blockdev_setro' : 'blockdev_setrw';
    for (const device of this.#disks) await run(machine, action, [device]);
    for (const volume of this.#volumes) {
      try {
        await run(machine, action, [volume]);
      } catch (error) {
        // A volume that is not active is no device.
        if (!(error instanceof GuestfsError && error.code === 'ENOENT')) throw error;
      }
    }
  }
}

function readonlyMount(
  call: BackendCall,
  { mountable, options }: { mountable: number; options?: number },
): BackendCall {
  const args = [...call.args];
  if (options !== undefined) {
    args[options] = [String(args[options]), 'ro'].filter((word) => word !== '').join(',');
    return { ...call, args };
  }
  return { ...call, action: 'mount_ro', args: [args[mountable], args[mountable + 1]] };
}
