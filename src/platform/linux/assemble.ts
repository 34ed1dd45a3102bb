import { GuestfsError } from '../../errors/index.ts';
import type { LinuxDeviceTable } from './device-table.ts';
import type { LinuxIdentification } from './identification.ts';
import type { LinuxLvm } from './lvm.ts';
import { findProgram, runTool } from './run-tool.ts';

/** What is assembled, and who is told where that fails. */
export interface Assembly {
  readonly devices: LinuxDeviceTable;
  readonly identify: LinuxIdentification;
  readonly lvm: LinuxLvm | undefined;
  release(): void;
  warn(message: string): void;
}

/**
 * Bring up what Linux would at boot: software RAID arrays, then the logical volumes on disks, partitions and arrays.
 * Programs are run only where there is something for them.
 */
export function assemble(assembly: Assembly): void {
  const { devices } = assembly;
  if (holds(assembly, 'linux_raid_member') && findProgram('mdadm') !== undefined) {
    // 1 and 2: nothing new was found, or not all of it could be started.
    attempt(
      assembly,
      () => void runTool('mdadm', ['--assemble', '--scan', '--run', '--no-degraded'], { accept: [1, 2] }),
    );
    assembly.release();
  }
  const { lvm } = assembly;
  if (
    lvm !== undefined &&
    holds(
      assembly,
      'LVM2_member',
      devices.mdDevices().map(({ name }) => name),
    )
  ) {
    attempt(assembly, () => lvm.activate(true));
  }
}

function holds({ devices, identify }: Assembly, type: string, more: readonly string[] = []): boolean {
  const candidates = [...devices.disks(), ...devices.partitions()].filter(
    ({ extended }) => extended !== true,
  );
  return [...candidates.map(({ name }) => name), ...more].some((name) => {
    try {
      return identify.holds(name, type);
    } catch (error) {
      // A device that cannot be read keeps no other from being assembled.
      if (error instanceof GuestfsError) return false;
      throw error;
    }
  });
}

function attempt({ warn }: Assembly, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    warn(`not everything could be assembled: ${error.message}`);
  }
}
