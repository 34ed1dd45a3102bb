import type { BlockDevice } from './device.ts';
import { FileDriver } from './file-driver.ts';
import { openDescriptor, type FileOptions } from './file.ts';

/**
 * The file of a disk image that grows as the image does: a write past the end makes it longer, `size` is always the
 * present one. Reads past the end are errors, as everywhere.
 */
export interface GrowingFile extends BlockDevice {
  /** Bytes it can grow to: those it has where it is a block device, else Infinity. */
  readonly limit: number;
  /** Make it longer, with zeroes, or shorter. Throws ENOSPC or EINVAL where a device cannot be. */
  resize(size: number): void;
  /** Give the space of a range back to the host, if that costs no writing; what it reads as is not said. */
  release(offset: number, length: number): void;
}

/** Open a host file for writing and growing; a block device has the size it has. Locks and throws as `openFile`. */
export function openGrowingFile(path: string, options: Omit<FileOptions, 'writable'> = {}): GrowingFile {
  return new GrowingDriver(openDescriptor(path, { ...options, writable: true }));
}

class GrowingDriver extends FileDriver {
  #closed = false;

  override writeAt(offset: number, from: Uint8Array): void {
    super.writeAt(offset, from);
    if (offset + from.length > this.size) this.size = offset + from.length;
  }

  override close(): void {
    if (this.#closed) return;
    this.#closed = true;
    super.close();
  }
}
