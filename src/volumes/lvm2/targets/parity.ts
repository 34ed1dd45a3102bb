import type { BlockDevice } from '../../../block/device.ts';
import { chunkedDevice } from './chunked.ts';

/** Given row of stripes, devices and index of the chunk in its row: which device it is on. */
type DataSlot = (row: number, devices: number, index: number) => number;

/** Parity moves down by one device a row, beginning at the last. */
const movingDown = (row: number, devices: number): number => devices - 1 - (row % devices);
const movingUp = (row: number, devices: number): number => row % devices;
const around = (parity: number, index: number): number => (index >= parity ? index + 1 : index);

/**
 * RAID 4 and 5 as LVM names them and md(4) lays them out: left and right say which way the parity moves, symmetric
 * that data goes on behind the parity and wraps, asymmetric that it only steps over it.
 */
const LAYOUTS: Readonly<Record<string, DataSlot>> = {
  raid4: (_row, _devices, index) => index + 1,
  raid5: (row, devices, index) => (movingDown(row, devices) + 1 + index) % devices,
  raid5_ls: (row, devices, index) => (movingDown(row, devices) + 1 + index) % devices,
  raid5_rs: (row, devices, index) => (movingUp(row, devices) + 1 + index) % devices,
  raid5_la: (row, devices, index) => around(movingDown(row, devices), index),
  raid5_ra: (row, devices, index) => around(movingUp(row, devices), index),
  raid5_n: (_row, _devices, index) => index,
};

/** True for the segment types that {@link parityDevice} reads. */
export function isParityType(type: string): boolean {
  return Object.hasOwn(LAYOUTS, type);
}

/** RAID 4 or 5, read-only. One of `images` may be lost (undefined): its chunks are rebuilt from the others. */
export function parityDevice(
  type: string,
  images: readonly (BlockDevice | undefined)[],
  chunkSize: number,
  size: number,
  name: string,
): BlockDevice {
  const slot = LAYOUTS[type]!;
  const dataCount = images.length - 1;
  const devices = images.filter((image) => image !== undefined);
  return chunkedDevice(
    {
      size,
      chunkSize,
      devices,
      writable: false,
      place(index) {
        const row = Math.floor(index / dataCount);
        const device = images[slot(row, images.length, index % dataCount)];
        return device === undefined ? undefined : { device, offset: row * chunkSize };
      },
      rebuild(index, within, into) {
        const offset = Math.floor(index / dataCount) * chunkSize + within;
        const part = new Uint8Array(into.length);
        into.fill(0);
        for (const device of devices) {
          device.readAt(offset, part);
          for (let i = 0; i < part.length; i++) into[i]! ^= part[i]!;
        }
      },
    },
    name,
  );
}
