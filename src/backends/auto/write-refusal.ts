/**
 * Drives that refuse writes, which the engine knows and a machine does not: its disks take them in a snapshot that is dropped.
 * The kernel is told that the devices are read-only; only for mounting, which may replay a journal, they are not.
 */
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

/** Keeps a machine from writing to drives that refuse it. */
export class WriteRefusal {
  /** Disks that refuse writes. */
  readonly #disks: readonly string[];
  /** Logical volumes that do, because all disks do. */
  readonly #volumes: readonly string[];

  private constructor(disks: readonly string[], volumes: readonly string[]) {
    this.#disks = disks;
    this.#volumes = volumes;
  }

  /** Protect the drives of a machine; undefined where none refuses writes. */
  static async on(machine: Callee, drives: readonly MachineDrive[]): Promise<WriteRefusal | undefined> {
    const disks = drives.flatMap(({ refuseWrites }, index) =>
      refuseWrites === true ? [driveDeviceName(index)] : [],
    );
    if (disks.length === 0) return undefined;
    const all = disks.length === drives.length;
    const volumes = all ? ((await run(machine, 'lvs', [])) as string[]) : [];
    const refusal = new WriteRefusal(disks, volumes);
    await refusal.#set(machine, true);
    return refusal;
  }

  /** The machine with mounts as they are allowed. */
  wrap(machine: Callee): Callee {
    return { call: (call) => this.call(machine, call) };
  }

  /** Run a call; a mount of what refuses writes is read-only. */
  async call(machine: Callee, call: BackendCall): Promise<unknown> {
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

  async #set(machine: Callee, readonly: boolean): Promise<void> {
    const action = readonly ? 'blockdev_setro' : 'blockdev_setrw';
    for (const device of [...this.#disks, ...this.#volumes]) await run(machine, action, [device]);
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
