import type { BlockDevice } from '../../../block/device.ts';
import { chunkedDevice, type ChunkPlace } from './chunked.ts';

/**
 * RAID 10 with two copies of each chunk on neighbours in the row (md(4): layout `near=2`), read-only. Lost images are
 * undefined; of two neighbours one must be there.
 */
export function raid10Device(
  images: readonly (BlockDevice | undefined)[],
  chunkSize: number,
  size: number,
  name: string,
): BlockDevice {
  return chunkedDevice(
    {
      size,
      chunkSize,
      devices: images.filter((image) => image !== undefined),
      writable: false,
      place(index): ChunkPlace | undefined {
        for (let slot = index * 2; slot < index * 2 + 2; slot++) {
          const device = images[slot % images.length];
          if (device !== undefined) return { device, offset: Math.floor(slot / images.length) * chunkSize };
        }
        return undefined;
      },
    },
    name,
  );
}
