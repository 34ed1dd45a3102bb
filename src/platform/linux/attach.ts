import { writeFileSync } from 'node:fs';
import { GuestfsError } from '../../errors/index.ts';
import { linuxLibrary } from '../../native/library.ts';
import type { Attachment } from '../attachment.ts';

import { runTool } from './run-tool.ts';
import { sysNames, sysText } from './sysfs.ts';
import { sleep } from '../../native/sleep.ts';

const HOSTS = '/sys/class/scsi_host';
const SCSI_DEVICES = '/sys/bus/scsi/devices';
/** Milliseconds to wait for a first disk, and for each. */
const LIMIT = 20_000;
const LIMIT_EACH = 500;
const PAUSE = 2;
const CLOCK_REALTIME = 0;
/** Peripheral device type of a disk. Source: SCSI Primary Commands. */
const DISK = '0';

/**
 * Set the clock, stir the kernel's randomness, and find the disks. Throws ETIMEDOUT where there are fewer than stated
 * after a while.
 */
export function attachMachine({ seconds, nanoseconds, seed, disks }: Attachment): void {
  setClock(seconds, nanoseconds);
  writeFileSync('/dev/urandom', seed);
  for (const host of sysNames(HOSTS)) {
    for (let target = 0; target < disks - 1; target++) {
      writeFileSync(`${HOSTS}/${host}/scan`, `0 ${target} 0`);
    }
  }
  const end = performance.now() + LIMIT + LIMIT_EACH * disks;
  for (;;) {
    const found = readyDisks();
    if (found >= disks) return;
    if (performance.now() > end) {
      throw new GuestfsError('ETIMEDOUT', `the machine has ${found} disks, expected ${disks}`);
    }
    sleep(PAUSE);
  }
}

/** Disks that have a device node. */
function readyDisks(): number {
  const scsi = sysNames(SCSI_DEVICES).filter(
    (name) =>
      sysText(`${SCSI_DEVICES}/${name}/type`) === DISK &&
      sysNames(`${SCSI_DEVICES}/${name}/block`).length > 0,
  );
  return scsi.length + sysNames('/sys/block').filter((name) => name.startsWith('vd')).length;
}

function setClock(seconds: number, nanoseconds: number): void {
  const libc = linuxLibrary();
  if (libc === undefined) {
    runTool('date', ['-s', `@${seconds}.${String(nanoseconds).padStart(9, '0')}`]);
    return;
  }
  // struct timespec of machines whose long has 64 bits.
  const time = new BigInt64Array([BigInt(seconds), BigInt(nanoseconds)]);
  if (libc.numeric('int clock_settime(int clock, void *time)')(CLOCK_REALTIME, time) !== 0) {
    throw new GuestfsError('EIO', `the clock of the machine cannot be set: errno ${libc.errno()}`);
  }
}
