import type { BlockDevice, Extent } from './device.ts';
import { guard } from './guard.ts';

/** A device over bytes in memory; reads and writes go to `bytes` itself. */
export function memoryDevice(
  bytes: Uint8Array,
  options: { writable?: boolean; sectorSize?: number; name?: string } = {},
): BlockDevice {
  return guard(
    {
      size: bytes.length,
      sectorSize: options.sectorSize ?? 512,
      writable: options.writable ?? true,
      readAt(offset, into) {
        into.set(bytes.subarray(offset, offset + into.length));
      },
      writeAt(offset, from) {
        bytes.set(from, offset);
      },
      zero(offset, length) {
        bytes.fill(0, offset, offset + length);
      },
      discard(offset, length) {
        bytes.fill(0, offset, offset + length);
      },
      extents(offset, length): Iterable<Extent> {
        return [{ offset, length, kind: 'data' }];
      },
      flush() {},
      close() {},
    },
    options.name ?? 'memory',
  );
}
