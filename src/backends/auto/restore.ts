import type { Backend } from '../backend.ts';
import type { EngineState } from '../engine/state.ts';

/** What takes calls. */
export type Callee = Pick<Backend, 'call'>;

/** The umask of a new daemon. */
const DEFAULT_UMASK = 0o022;

/** Run an action for the session itself. */
export function run(callee: Callee, action: string, args: readonly unknown[]): Promise<unknown> {
  return callee.call({ action, args, options: {}, serial: 0 });
}

/** Bring a daemon that was just launched on the same drives into a state. Rejects where a step fails. */
export async function restoreState(callee: Callee, state: EngineState): Promise<void> {
  const { lvmFilter, inactiveGroups, umask, directories, mounts, readonlyDevices } = state;
  if (lvmFilter !== undefined) await run(callee, 'lvm_set_filter', [lvmFilter]);
  if (inactiveGroups.length > 0) await run(callee, 'vg_activate', [false, inactiveGroups]);
  if (umask !== DEFAULT_UMASK) await run(callee, 'umask', [umask]);
  for (const directory of directories) await run(callee, 'mkmountpoint', [directory]);
  for (const { mountable, mountpoint, options, readonly } of mounts) {
    if (mountable.startsWith('/dev/')) {
      const words = [...(readonly ? ['ro'] : []), ...options];
      await run(callee, 'mount_options', [words.join(','), mountable, mountpoint]);
    } else await run(callee, 'mount_loop', [mountable, mountpoint]);
  }
  for (const [device, readonly] of readonlyDevices) {
    await run(callee, readonly ? 'blockdev_setro' : 'blockdev_setrw', [device]);
  }
}
