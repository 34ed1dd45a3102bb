import { GuestfsError } from '../../errors/index.ts';
import { linuxLibrary } from '../../native/library.ts';
import { cString } from './host-bytes.ts';
import { errorName } from './kernel-error.ts';
import { runTool } from './run-tool.ts';

/** include/uapi/linux/mount.h and <sys/mount.h>. */
const MS_BIND = 0x1000;
const MNT_DETACH = 2;

/** Mounts of directories of this machine in other places. */
interface BindMounts {
  /** Throws what mount(2) fails with. */
  bind(path: string, target: string): void;
  /** Something that goes on running may hold it: it goes with its last user then. */
  release(target: string): void;
}

let found: BindMounts | undefined;

/** By mount(2), which spares two programs for each; by mount(8) where it cannot be called. */
export function bindMounts(): BindMounts {
  found ??= nativeMounts() ?? TOOLS;
  return found;
}

function nativeMounts(): BindMounts | undefined {
  const libc = linuxLibrary();
  if (libc === undefined) return undefined;
  const mount = libc.numeric(
    'int mount(void *source, void *target, void *type, unsigned long flags, void *data)',
  );
  const umount2 = libc.numeric('int umount2(void *target, int flags)');
  return {
    bind(path, target) {
      if (mount(cString(path), cString(target), null, MS_BIND, null) === 0) return;
      throw new GuestfsError(errorName(libc.errno()), `${path} cannot be bound into the guest`, { path });
    },
    release(target) {
      if (umount2(cString(target), 0) !== 0) umount2(cString(target), MNT_DETACH);
    },
  };
}

const TOOLS: BindMounts = {
  bind: (path, target) => void runTool('mount', ['--bind', '--', path, target], { about: { path } }),
  release(target) {
    const run = runTool('umount', ['--', target], { accept: [1, 32] });
    if (run.status !== 0) runTool('umount', ['-l', '--', target], { accept: [1, 32] });
  },
};
