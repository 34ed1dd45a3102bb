import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { GuestfsError, isErrorCode } from '../errors/index.ts';
import type { BlockDevice, Extent } from './device.ts';
import { guard } from './guard.ts';

/** A host file or block device as a BlockDevice. The size is the file's, in bytes, rounding nothing. */
export function openFile(path: string, options: { writable?: boolean } = {}): BlockDevice {
  const writable = options.writable ?? false;
  let fd: number;
  try {
    fd = openSync(path, writable ? 'r+' : 'r');
  } catch (error) {
    throw hostError(error, `cannot open ${path}`, path);
  }
  try {
    const size = sizeOf(fd, path);
    return guard(fileDriver(fd, path, size, writable), path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A GuestfsError out of what node:fs threw; the code is kept where it is one of ours. */
export function hostError(error: unknown, attempted: string, path: string): GuestfsError {
  const code = (error as NodeJS.ErrnoException).code;
  return new GuestfsError(
    isErrorCode(code) ? code : 'EIO',
    `${attempted}: ${error instanceof Error ? error.message : String(error)}`,
    { path, cause: error },
  );
}

function sizeOf(fd: number, path: string): number {
  const stat = fstatSync(fd);
  if (stat.isFile()) return stat.size;
  if (stat.isDirectory())
    throw new GuestfsError('EISDIR', `${path} is a directory, expected a disk image`, { path });
  if (!stat.isBlockDevice()) {
    throw new GuestfsError('EINVAL', `${path} is neither a regular file nor a block device`, { path });
  }
  const sectors = readFileSync(`/sys/class/block/${basename(path)}/size`, 'utf8');
  return Number(sectors) * 512;
}

function fileDriver(fd: number, path: string, size: number, writable: boolean): BlockDevice {
  return {
    size,
    sectorSize: 512,
    writable,
    readAt(offset, into) {
      let done = 0;
      while (done < into.length) {
        const count = readSync(fd, into, done, into.length - done, offset + done);
        if (count === 0) {
          throw new GuestfsError(
            'EIO',
            `${path}: the file ends at ${offset + done}, it had ${size} bytes when opened`,
            {
              path,
              offset: offset + done,
            },
          );
        }
        done += count;
      }
    },
    writeAt(offset, from) {
      let done = 0;
      while (done < from.length) done += writeSync(fd, from, done, from.length - done, offset + done);
    },
    zero(offset, length) {
      const zeroes = new Uint8Array(Math.min(length, 1024 * 1024));
      for (let done = 0; done < length; done += zeroes.length) {
        this.writeAt(offset + done, zeroes.subarray(0, Math.min(zeroes.length, length - done)));
      }
    },
    discard(offset, length) {
      this.zero(offset, length);
    },
    extents(offset, length): Iterable<Extent> {
      return [{ offset, length, kind: 'data' }];
    },
    flush() {
      fsyncSync(fd);
    },
    close() {
      closeSync(fd);
    },
  };
}
