import { closeSync, openSync } from 'node:fs';
import type { BlockDevice } from './device.ts';
import { FileDriver } from './file-driver.ts';
import { hostError } from './file-error.ts';
import { removeFile } from './file-path.ts';
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
  /** Set space aside for a range that reads as zeroes: reserved, or `write` full of zeroes. Throws ENOSPC. */
  reserve(offset: number, length: number, write: boolean): void;
}

/** Open a host file for writing and growing; a block device has the size it has. Locks and throws as `openFile`. */
export function openGrowingFile(path: string, options: Omit<FileOptions, 'writable'> = {}): GrowingFile {
  return new GrowingDriver(openDescriptor(path, { ...options, writable: true }));
}

/**
 * Make a host file empty, or a new one, and open it as {@link openGrowingFile}. Throws EEXIST where it must be new, EBUSY
 * where it exists and another program holds it.
 */
export function createGrowingFile(path: string, options: { exclusive?: boolean } = {}): GrowingFile {
  let made = false;
  try {
    closeSync(openSync(path, 'wx'));
    made = true;
  } catch (error) {
    if (options.exclusive === true || (error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw hostError(error, `cannot make ${path}`, path);
    }
  }
  try {
    const file = openGrowingFile(path);
    if (!made && file.limit === Infinity) file.resize(0);
    return file;
  } catch (error) {
    if (made) removeFile(path);
    throw error;
  }
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
