/** Entry of the program guestfsd: the daemon over this machine's kernel and programs. */
import { mkdirSync, readlinkSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { linuxImplementations } from '../daemon/linux-registry.ts';
import { attachMachine } from '../platform/linux/attach.ts';
import { fromNode } from '../platform/linux/kernel-error.ts';
import { createLinuxPlatform } from '../platform/linux/index.ts';
import { guestfsd } from './guestfsd.ts';

/** Where the guest's filesystems are mounted, unless the machine itself is the guest. */
const SYSROOT = '/sysroot';

/** The folder to mount below, made where it is missing: in the appliance it is a link into what can be written. */
function folderToMount(path: string): string {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    try {
      mkdirSync(resolve(dirname(path), targetOf(path)), { recursive: true });
    } catch (error) {
      throw fromNode(error, path);
    }
  }
  return path;
}

function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return path;
  }
}

// The built program is a CommonJS module, which cannot await here.
void guestfsd(process.argv.slice(2), {
  createPlatform: ({ live, network, sysroot = SYSROOT }, warn) =>
    createLinuxPlatform({ sysroot: live ? '/' : folderToMount(sysroot), network, warn }),
  attach: attachMachine,
  actions: linuxImplementations,
  out: (text) => void process.stdout.write(text),
  log: (line) => void process.stderr.write(`${line}\n`),
  stop: (end) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
  },
}).then((status) => {
  process.exitCode = status;
});
