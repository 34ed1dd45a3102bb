/** Entry of the program guestfsd: the daemon over this machine's kernel and programs. */
import { linuxImplementations } from '../daemon/linux-registry.ts';
import { createLinuxPlatform } from '../platform/linux/index.ts';
import { guestfsd } from './guestfsd.ts';

/** Where the guest's filesystems are mounted, unless the machine itself is the guest. */
const SYSROOT = '/sysroot';

// The built program is a CommonJS module, which cannot await here.
void guestfsd(process.argv.slice(2), {
  createPlatform: ({ live, network }, warn) =>
    createLinuxPlatform({ sysroot: live ? '/' : SYSROOT, network, warn }),
  actions: linuxImplementations,
  out: (text) => void process.stdout.write(text),
  log: (line) => void process.stderr.write(`${line}\n`),
}).then((status) => {
  process.exitCode = status;
});
