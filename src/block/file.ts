import { closeSync, fsyncSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { GuestfsError, isErrorCode, type ErrorCode } from '../errors/index.ts';
import type { BlockDevice } from './device.ts';
import { measure } from './file-size.ts';
import { fileExtents } from './file-extents.ts';
import { guard } from './guard.ts';

/**
 * A host file or block device as a BlockDevice. The size is the file's, in bytes, rounding nothing; the sector
 * size of a block device is the one its driver states.
 *
 * Throws ENOENT, EACCES, EISDIR, EINVAL (neither a file nor a block device), EIO, each naming the path and what
 * can be done.
 */
export function openFile(path: string, options: { writable?: boolean } = {}): BlockDevice {
  const writable = options.writable ?? false;
  checkKind(path);
  let fd: number;
  try {
    fd = openSync(path, writable ? 'r+' : 'r');
  } catch (error) {
    throw openError(error, path, writable);
  }
  try {
    const { size, sectorSize } = measure(fd, path);
    return guard(fileDriver(fd, path, size, sectorSize, writable), path);
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

/** Looked at before opening, because opening a pipe that nobody writes to would wait for ever. */
function checkKind(path: string): void {
  if (path === '') {
    throw new GuestfsError('ENOENT', 'the name of the disk image is empty, expected a path', { path });
  }
  let stat;
  try {
    stat = statSync(path);
  } catch (error) {
    throw openError(error, path, false);
  }
  if (stat.isDirectory()) {
    throw new GuestfsError('EISDIR', `${path} is a directory, expected a disk image file or a block device`, {
      path,
    });
  }
  if (!stat.isFile() && !stat.isBlockDevice()) {
    const kind = stat.isFIFO()
      ? 'a pipe'
      : stat.isSocket()
        ? 'a socket'
        : stat.isCharacterDevice()
          ? 'a character device'
          : 'of an unknown kind';
    throw new GuestfsError('EINVAL', `${path} is ${kind}, expected a disk image file or a block device`, {
      path,
    });
  }
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  ENOENT: 'there is no such file; check the path',
  ENOTDIR: 'a part of the path is not a folder; check the path',
  ENXIO: 'the device has no medium or no driver',
  EMFILE: 'this process has too many open files',
  ELOOP: 'the path has too many symbolic links',
  EROFS: 'it is on a read-only filesystem; open it read-only',
};

function openError(error: unknown, path: string, writable: boolean): GuestfsError {
  const code = (error as NodeJS.ErrnoException).code;
  if (!isErrorCode(code)) return hostError(error, `cannot open ${path}`, path);
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? `this user may not ${writable ? 'write' : 'read'} it; change its permissions${writable ? ', open it read-only' : ''} or run as its owner`
      : (HINTS[code] ?? (error as Error).message);
  return new GuestfsError(code, `cannot open ${path}: ${hint}`, { path, cause: error });
}

function fileDriver(
  fd: number,
  path: string,
  size: number,
  sectorSize: number,
  writable: boolean,
): BlockDevice {
  const failed = (error: unknown, what: string, offset: number): GuestfsError => {
    const wrapped = hostError(error, `cannot ${what} ${path} at ${offset}`, path);
    wrapped.offset = offset;
    return wrapped;
  };
  return {
    size,
    sectorSize,
    writable,
    readAt(offset, into) {
      for (let done = 0; done < into.length;) {
        let count: number;
        try {
          count = readSync(fd, into, done, into.length - done, offset + done);
        } catch (error) {
          throw failed(error, 'read', offset + done);
        }
        if (count === 0) {
          throw new GuestfsError(
            'EIO',
            `${path}: the file ends at ${offset + done}, it had ${size} bytes when it was opened`,
            { path, offset: offset + done },
          );
        }
        done += count;
      }
    },
    writeAt(offset, from) {
      for (let done = 0; done < from.length;) {
        try {
          done += writeSync(fd, from, done, from.length - done, offset + done);
        } catch (error) {
          throw failed(error, 'write', offset + done);
        }
      }
    },
    zero(offset, length) {
      const zeroes = new Uint8Array(Math.min(length, 256 * 1024));
      for (let done = 0; done < length; done += zeroes.length) {
        this.writeAt(offset + done, zeroes.subarray(0, Math.min(zeroes.length, length - done)));
      }
    },
    discard(offset, length) {
      this.zero(offset, length);
    },
    extents: (offset, length) => fileExtents(fd, offset, length),
    flush() {
      try {
        fsyncSync(fd);
      } catch (error) {
        throw hostError(error, `cannot write ${path} through to its disk`, path);
      }
    },
    close() {
      closeSync(fd);
    },
  };
}
