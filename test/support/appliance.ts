import { chooseKernel } from '../../src/backends/appliance/build/kernel-choice.ts';
import { daemonBundle } from '../../src/backends/appliance/build/locate.ts';
import { needsTool } from './tools.ts';

/** Why there can be no appliance here, or false. */
export function applianceObstacle(): string | false {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on x86_64';
  if (daemonBundle() === undefined) return 'dist/bin/guestfsd.cjs is not built';
  try {
    chooseKernel();
  } catch (error) {
    return (error as Error).message;
  }
  return needsTool('qemu-system-x86_64', 'modprobe');
}
