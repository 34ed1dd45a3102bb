import type { ActionContext } from '../context.ts';
import { readonlyOverrides } from '../device-writing.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** Units of blockdev_getsz, in bytes, whatever the device's own sectors are. */
const SECTOR = 512;
/** Linux's page size, the largest block size that it chooses for an unmounted device, in bytes. */
const PAGE = 4096;

function setReadonly(context: ActionContext, device: string, value: boolean): void {
  readonlyOverrides(context).set(context.platform.devices.find(device).name, value);
}

/** Block devices as the kernel describes them. */
export const blockdevActions = {
  blockdev_getss: ({ platform }, device) => platform.devices.open(device).sectorSize,

  /** Linux takes the largest power of two up to a page that divides the size, and at least one sector. */
  blockdev_getbsz({ platform }, device) {
    const { size, sectorSize } = platform.devices.open(device);
    let blockSize = sectorSize;
    while (blockSize < PAGE && size % (blockSize * 2) === 0) blockSize *= 2;
    return blockSize;
  },

  blockdev_getsz: ({ platform }, device) => Math.floor(platform.devices.open(device).size / SECTOR),

  blockdev_getsize64: ({ platform }, device) => platform.devices.open(device).size,

  blockdev_getro(context, device) {
    const { name } = context.platform.devices.find(device);
    return readonlyOverrides(context).get(name) ?? context.platform.devices.isReadonly(name);
  },

  blockdev_setro: (context, device) => setReadonly(context, device, true),

  blockdev_setrw: (context, device) => setReadonly(context, device, false),

  blockdev_flushbufs: ({ platform }, device) => platform.devices.open(device).flush(),

  blockdev_rereadpt: ({ platform }, device) => platform.devices.reread(device),

  /** Read-ahead is the driver's own matter: the device must exist, nothing else changes. */
  blockdev_setra: ({ platform }, device) => void platform.devices.find(device),

  blockdev_setbsz: ({ platform }, device) => void platform.devices.find(device),

  /** As the kernel since 4.12: discarded blocks are never promised to read as zeroes. */
  blkdiscardzeroes({ platform }, device) {
    platform.devices.find(device);
    return false;
  },
} satisfies Partial<DaemonActions>;
